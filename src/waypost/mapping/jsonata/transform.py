"""The transform ``|place|update,delete|``: a function that gives a changed copy."""

from __future__ import annotations

import copy
from typing import Any

from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.frame import Evaluate, Frame, Function, Run
from waypost.mapping.jsonata.value import NOTHING, array


class Transform(Function):
    """A transform with the scope it was written in."""

    __slots__ = ("arity", "deletion", "frame", "pattern", "update")

    def __init__(self, pattern: Evaluate, update: Evaluate, deletion: Evaluate | None, frame: Frame) -> None:
        self.pattern, self.update, self.deletion, self.frame, self.arity = pattern, update, deletion, frame, 1

    def __call__(self, arguments: list[Any], context: Any, run: Run) -> Any:
        value = arguments[0] if arguments else context
        if value is NOTHING:
            return NOTHING
        if not isinstance(value, dict | list):
            raise JsonataError("T0410", -1, 1)
        made = _copied(value, run)
        for found in array(self.pattern(made, self.frame)):
            if isinstance(found, dict):
                self._change(found)
        return made

    def _change(self, found: dict[str, Any]) -> None:
        update = self.update(found, self.frame)
        if update is not NOTHING:
            if not isinstance(update, dict):
                raise JsonataError("T2011", -1, update)
            found.update(update)
        if self.deletion is None:
            return
        names = self.deletion(found, self.frame)
        for name in array(names):
            if not isinstance(name, str):
                raise JsonataError("T2012", -1, names)
            found.pop(name, None)


def _copied(value: Any, run: Run) -> Any:
    run.spend(1)
    if isinstance(value, dict):
        return {key: _copied(item, run) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, run) for item in value]
    return copy.copy(value) if isinstance(value, bytearray) else value
