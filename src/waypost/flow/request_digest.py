"""The identity of what a step asks."""

from __future__ import annotations

import hashlib

import msgspec

from waypost.core.component import Request

_plain = msgspec.msgpack.Encoder(decimal_format="string").encode


def request_digest(request: Request) -> bytes:
    """The identity of a request's content."""
    return hashlib.blake2b(_plain(request.parameters), digest_size=16).digest()
