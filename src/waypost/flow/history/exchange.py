"""What was exchanged with partners, as the store has it: each interchange sent, each message received, with its numbers
and what it acknowledges."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from waypost.core.errors import WaypostError
from waypost.core.message import id_text
from waypost.core.stamping import StampingFormat
from waypost.flow.batch.load import bodies_of
from waypost.flow.history.explain import rows_of_message
from waypost.flow.history.queries import moment
from waypost.store.protocol import Found, History, Query
from waypost.store.record import Delivered, OutboundBody, ref_of, unpack_refs

if TYPE_CHECKING:
    from waypost.flow.history.sequence_verb import Desk

PAGE = 500
TURN = 20
"""Messages looked at before others have a turn."""
MOST = 50_000
"""Messages looked at for one answer; older ones are left out."""


async def exchanges(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """Everything exchanged since ``since``, of the flows that trade under agreements; ``partner`` limits it, ``most``
    the messages that are looked at."""
    engine = control.engine
    since = moment(params.get("since") or "30d", engine.clock.now())
    wanted, looked, most = str(params.get("partner") or ""), 0, int(params.get("most") or MOST)
    rows: list[dict[str, Any]] = []
    for name in sorted(engine.project.flows):
        flow = engine.compiled(name)
        inward = trading_format(flow.format)
        outward = {target.name: form for target in flow.targets if (form := trading_format(target.format))}
        if inward is None and not outward:
            continue
        for found in _found(control, Query(flow=name, since=since)):
            looked += 1
            if looked > most:
                return {"exchanges": rows, "complete": False}
            if looked % TURN == 0:  # the engine's loop has more to do
                await asyncio.sleep(0)
            history = engine.reader.history(found.message)
            if history is not None:
                made = _rows(history, inward, outward, content=bool(params.get("content")))
                rows += [row for row in made if wanted in ("", row["partner"])]
    return {"exchanges": rows, "complete": True}


def trading_format(form: Any) -> StampingFormat | None:
    """A format that is used under agreements; None for another."""
    return form if isinstance(form, StampingFormat) and form.stamps else None


def _found(control: Desk, query: Query) -> Iterator[Found]:
    before = b""
    while True:
        page = control.engine.reader.find(Query(flow=query.flow, since=query.since, before=before, limit=PAGE))
        yield from page
        if len(page) < PAGE:
            return
        before = page[-1].message


def _rows(
    history: History, inward: StampingFormat | None, outward: Mapping[str, StampingFormat], *, content: bool
) -> Iterator[dict[str, Any]]:
    found = history.found
    keys = {name: list(values) for name, values in found.keys.items()}
    if inward is not None:
        accepted = history.batch.accepted
        raw = bodies_of(accepted.bodies, accepted.count)[found.index]
        row = _said(inward, accepted.context + raw, sent=False)
        if row is not None:
            parts = {"context": accepted.context, "raw": raw} if content else {}
            yield {**row, "direction": "received", "message": id_text(found.message), "flow": found.flow,
                   "at": found.received_at, "keys": keys, "state": found.state,
                   **{name: base64.b64encode(part).decode() for name, part in parts.items()}}  # fmt: skip
    for number, (_, target, _) in rows_of_message(history).items():
        form, ref = outward.get(target), ref_of(found.seq, number)
        bodies = [r for r in history.story if isinstance(r, OutboundBody) and r.ref == ref and r.numbers]
        times = [r.at for r in history.story if isinstance(r, Delivered) and ref in unpack_refs(r.refs)]
        if form is None or not bodies or not times:
            continue
        sent = bodies[-1].bodies.data
        row = _said(form, sent, sent=True)
        if row is not None:
            part = {"raw": base64.b64encode(sent).decode()} if content else {}
            yield {**row, **part, "direction": "sent", "message": id_text(found.message),
                   "flow": found.flow, "at": times[0], "keys": keys, "state": found.state, "target": target,
                   "times_sent": len(times), "begun_at": found.received_at}  # fmt: skip


def _said(form: StampingFormat, content: bytes, *, sent: bool) -> dict[str, Any] | None:
    try:
        said = form.exchange(content, sent=sent)
    except WaypostError:
        return None
    return dict(said) if said is not None else None
