"""What was exchanged with partners, as the ledger has it: each interchange sent, each message received, with its
numbers and what it acknowledges."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waypost.core.message import parse_id
from waypost.flow.batch.load import bodies_of
from waypost.flow.history.queries import moment
from waypost.store.exchange_db import ExchangeDatabase, ExchangeRow, plain
from waypost.store.protocol import History, Query
from waypost.store.record import OUT_BITS, OUT_MASK, OutboundBody

if TYPE_CHECKING:
    from waypost.flow.history.sequence_verb import Desk

PAGE = 2_000
"""Exchanges in one answer, where nothing else is asked for."""


async def exchanges(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """A page of what was exchanged, oldest first, of the flows that trade under agreements: ``since`` a time,
    ``after`` the (at, id) of the last row of the page before, of one ``partner``, at most ``limit``. Or all of one
    ``message``; or what carries or names one of ``items`` of a partner at about the time ``near``. ``content``: with
    the bytes, as far as they are still stored. ``next`` is for the page behind, None where there is none."""
    trading = control.engine.trading
    await trading.settle()
    rows, more = await asyncio.to_thread(_asked, control, params)
    content = bool(params.get("content"))
    told = []
    for row in rows:
        told.append(await asyncio.to_thread(_told, control, row, content=content))
    following = [rows[-1].at, rows[-1].id] if more else None
    return {"exchanges": told, "next": following}


async def settle(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return once what is committed is in the ledger of exchanges."""
    await control.engine.trading.settle()
    return {}


async def books(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """What is waited for from partners and owed to them; see ``waypost.partners.keeper``."""
    kept = control.engine.books
    return await kept.answer(params) if kept is not None else {}


def _asked(control: Desk, params: Mapping[str, Any]) -> tuple[Sequence[ExchangeRow], bool]:
    with control.engine.trading.asked() as ledger:
        return _found(ledger, control.engine.clock.now(), params) if ledger is not None else ([], False)


def _found(ledger: ExchangeDatabase, now: int, params: Mapping[str, Any]) -> tuple[Sequence[ExchangeRow], bool]:
    partner = str(params.get("partner") or "")
    if params.get("message"):
        return ledger.of_message(str(params["message"])), False
    if params.get("items"):
        near = int(params.get("near") or now)
        items = [(str(kind), plain(value)) for kind, value in params["items"]]
        found = {row.id: row for item in items for row in ledger.related(partner, item, near)}
        return list(found.values()), False
    since, limit = moment(params.get("since"), now), int(params.get("limit") or PAGE)
    at, number = params.get("after") or (0, 0)
    rows = ledger.page(since, (int(at), int(number)), partner, limit)
    return rows, len(rows) == limit


def _told(control: Desk, row: ExchangeRow, *, content: bool) -> dict[str, Any]:
    """A row with what became of its message, and its bytes."""
    reader, message = control.engine.reader, parse_id(row.message)
    if not content:
        found = reader.find(Query(message=message, limit=1))
        return {**row.data(), "state": found[0].state if found else ""}
    history = reader.history(message)
    parts = _parts(row, history) if history is not None else {}
    state = history.found.state if history is not None else ""
    return {**row.data(), "state": state, **{name: base64.b64encode(part).decode() for name, part in parts.items()}}


def _parts(row: ExchangeRow, history: History) -> dict[str, bytes]:
    if not row.sent:
        accepted = history.batch.accepted
        return {"context": accepted.context, "raw": bodies_of(accepted.bodies, accepted.count)[history.found.index]}
    ref = row.id >> 1
    assert ref >> OUT_BITS == history.found.seq, f"output {ref & OUT_MASK} of another batch"
    bodies = [r for r in history.story if isinstance(r, OutboundBody) and r.ref == ref and r.numbers]
    return {"raw": bodies[-1].bodies.data} if bodies else {}
