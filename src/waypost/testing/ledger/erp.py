"""A system behind HTTP that is away for a while and loses answers now and then. It keeps a book: what it took, in
order, by idempotency key."""

from __future__ import annotations

from typing import Any

from waypost.testing.ledger.peer import Peer

LOSES_EVERY = 20
"""The answer to every so many new orders is lost on the way: the caller must ask again."""


class Erp(Peer):
    """``book`` has a body per idempotency key, first come first."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self.changed: list[str] = []
        """Keys that came again with another body."""
        super().__init__()

    def reply(self, path: str, fields: dict[str, str], body: dict[str, Any]) -> tuple[int, Any] | None:
        key = fields["idempotency-key"].strip('"')
        if key in self.book:
            self.repeated += 1
            if self.book[key] != body:
                self.changed.append(key)
            return 201, {}
        self.book[key] = body
        return (201, {}) if len(self.book) % LOSES_EVERY else None
