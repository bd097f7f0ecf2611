"""What people ask and say of control numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from waypost.core.errors import UsageError

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine


class Desk(Protocol):
    """Who performs a verb in one worker: its engine, and who asks."""

    @property
    def engine(self) -> Engine: ...

    def who_asks(self, params: Mapping[str, Any]) -> str: ...


async def numbers(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """Where the sequences of these names stand, those this worker owns; what never gave a number is left out."""
    engine, found = control.engine, []
    for name in params.get("names") or ():
        last, given, void = engine.sequences.standing(str(name))
        if engine.sequences.owner(str(name)) == engine.number and (given or last):
            found.append({"sequence": str(name), "last": last, "given": given, "void": void})
    return {"numbers": found}


async def set_number(control: Desk, params: Mapping[str, Any]) -> dict[str, Any]:
    """Say which number a sequence gives next; with a reason, which is journaled."""
    engine = control.engine
    name, number, why = str(params.get("name") or ""), params.get("number"), str(params.get("why") or "").strip()
    if name.count("/") != 3:
        raise UsageError(f"no sequence {name!r}", expected="a name such as acme/x12/production/interchange")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError(f"next number {number!r}", expected="a number from 1 on")
    if not why:
        raise UsageError("no reason", expected="why the numbers are changed", remedy="say --why")
    if engine.sequences.owner(name) != engine.number:
        return {"sequence": name, "last": None, "next": number}
    last = await engine.sequences.set_next(name, number, control.who_asks(params), why, engine.clock.now())
    return {"sequence": name, "last": last, "next": number}
