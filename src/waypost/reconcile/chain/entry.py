"""Enters contents into a book: each message by the reader of its set; messages of other sets are passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from waypost.reconcile.chain.book import Book
from waypost.reconcile.chain.document import Document
from waypost.reconcile.chain.reading import Read, Source, messages

Reader = Callable[[Read], Iterator[Document]]


@dataclass(slots=True)
class Entered:
    """How many messages were entered and passed over, by set."""

    entered: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    nameless: int = 0
    """Documents that name no order, claim or trace."""


def enter(book: Book, readers: Mapping[str, Reader], pieces: Iterable[bytes], source: Source, said: Entered) -> None:
    """Enter everything in one content. Raises ``DataError`` for a message of more than 64 MiB."""
    for read in messages(pieces, source):
        reader = readers.get(read.set)
        if reader is None:
            said.passed[read.set] += 1
            continue
        made = list(reader(read))
        named = [one for one in made if one.key]
        said.nameless += len(made) - len(named)
        said.entered[read.set] += 1
        book.add(f"{read.digest}/{read.sender}/{read.group}", named)
