"""Legal hold: a person keeps messages against retention, for a reason, until a person lifts it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from waypost.core.errors import UsageError, near
from waypost.flow.history.changes import PAGE, Changes
from waypost.flow.history.explain import message_row, time_text
from waypost.flow.history.queries import query_of
from waypost.store.protocol import Query
from waypost.store.record import LegalHold

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

WHAT = ("set", "lift", "list")
NAMING = ("id", "flow", "key", "arrival", "state", "error", "target", "since", "until")


async def legal_hold(engine: Engine, params: Mapping[str, Any], who: str) -> dict[str, Any]:
    """``what``: ``set`` and ``lift`` give the ``count`` of messages it changed, ``list`` the ``messages`` on hold, each
    with ``held_at``, ``who`` and ``why``. Raises ``UsageError`` for a hold without messages or without a reason."""
    what = str(params.get("what", ""))
    if what not in WHAT:
        raise UsageError(f"legal-hold {what!r}", expected="set, lift or list", remedy=near(what, WHAT))
    query = query_of({**params, "limit": 0}, engine.clock.now())
    if what == "list":
        return {"messages": _listed(engine, query, int(params.get("limit") or 50))}
    if not any(params.get(name) for name in NAMING):
        raise UsageError(
            f"legal-hold {what} names no messages", remedy="give an id, or a query such as --flow or --key"
        )
    why = str(params.get("why") or "")
    if not why:
        raise UsageError(f"legal-hold {what} gives no reason", remedy="say --why TEXT, such as the number of the case")
    return {"count": await _decide(engine, query, what == "set", who, why)}


async def _decide(engine: Engine, query: Query, held: bool, who: str, why: str) -> int:
    """Set or lift the hold of those meant that are not, or are, on hold."""
    known, count = engine.shard.state.legal_holds(), 0
    meant = (found.message for found in Changes(engine).found(query) if (found.message in known) is not held)
    while page := tuple(islice(meant, PAGE)):
        await engine.shard.append([LegalHold(page, held, engine.clock.now(), who, why)])
        count += len(page)
    return count


def _listed(engine: Engine, query: Query, limit: int) -> list[dict[str, Any]]:
    """The newest hold first."""
    holds = sorted(engine.shard.state.legal_holds().items(), key=lambda pair: (-pair[1].at, pair[0]))
    rows = []
    for message, held in holds:
        if query.message not in (b"", message):
            continue
        for found in engine.reader.find(msgspec.structs.replace(query, message=message, limit=1)):
            rows.append({**message_row(found), "held_at": time_text(held.at), "who": held.who, "why": held.why})
        if len(rows) >= limit:
            break
    return rows
