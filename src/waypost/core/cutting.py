"""How a framer is driven, also one that cuts what a content unpacks to (``core.component.Framer``).

That has two attributes more, both true or false. ``rereads``: it is given the content from its beginning also where it
resumes, and offsets of its slices count in what is unpacked. ``more``: what it was given last holds more records; ask
again with ``feed(b"")``, or ``finish()`` at the end, since a few bytes may unpack to very many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from waypost.core.component import Framer, Slice


def cut(framer: Framer, data: bytes) -> Iterator[Sequence[Slice]]:
    """The records completed by ``data``, in turns of bounded size."""
    yield framer.feed(data)
    while getattr(framer, "more", False):
        yield framer.feed(b"")


def cut_end(framer: Framer) -> Iterator[Sequence[Slice]]:
    """The records left at the end of the content, in turns of bounded size."""
    yield framer.finish()
    while getattr(framer, "more", False):
        yield framer.finish()


def reads_from(framer: Framer, offset: int) -> int:
    """Where in its content a framer made to resume at ``offset`` wants to be read on."""
    return 0 if getattr(framer, "rereads", False) else offset
