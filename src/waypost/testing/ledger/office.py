"""The systems that a saga and a scatter-gather ask: away for a while, losing answers, refusing some. They keep a book
of what was done, each thing once however often it is asked for."""

from __future__ import annotations

from typing import Any

from waypost.testing.ledger.peer import Peer

LOSES_EVERY = 15
"""The answer to every so many things done is lost on the way."""


def refused(number: int) -> bool:
    """Whether the carrier refuses a booking."""
    return number // 5 % 3 == 0


class Office(Peer):
    """``done`` has what was done, by the path and the id it was asked for under."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, str], dict[str, Any]] = {}
        self.repeated = 0
        self.changed: list[str] = []
        super().__init__()

    def reply(self, path: str, fields: dict[str, str], body: dict[str, Any]) -> tuple[int, Any] | None:
        known = (path, str(body["id"]))
        if path == "/book" and refused(int(str(body["id"]).rpartition("-")[2])):
            return 422, {"error": "no room"}
        if known in self.done:
            self.repeated += 1
            if self.done[known] != body:
                self.changed.append(f"{path} {body['id']}")
        self.done.setdefault(known, body)
        lost = len(self.done) % LOSES_EVERY == 0 and not self.repeated % 2
        return None if lost else (201, {"of": path.strip("/"), "id": body["id"]})

    def of(self, path: str) -> set[str]:
        """The ids something was done for."""
        return {identifier for done, identifier in self.done if done == path}
