"""A file of the project that a message names, as the content to send: the way out for what is larger than a message."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from waypost.core.content import PIECE_BYTES, Content, Spool
from waypost.core.errors import DataError, EndpointUnavailable


def named_file(document: Any, path: str) -> str:
    """The name in a field of a document; dots go into mappings. ``DataError`` where there is none."""
    found = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        raise DataError(f"found {found!r:.100}", where=path, expected="the path of a file in the project's folder")
    return found


def file_content(root: Path, name: str, spool: Spool) -> tuple[Content, str]:
    """A copy of the file, which nobody changes any more, and its SHA-256 in hexadecimal. Blocks. ``DataError`` for a
    name that leads out of the project, by symbolic links too, or to no plain file."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not (root / path).resolve().is_relative_to(root.resolve()):
        raise DataError(f"found {name!r:.200}", where="file to send", expected="a path inside the project's folder")
    wanted = "a finished file"
    try:
        descriptor = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"there is no file {name!r:.200}", where="file to send", expected=wanted) from error
    except OSError as error:
        raise EndpointUnavailable(f"it cannot be read: {error.strerror}", where=str(root / path)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DataError(f"{name!r:.200} is no plain file", where="file to send", expected=wanted)
        digest = hashlib.sha256()
        return spool.keep(_read(descriptor, digest)), digest.hexdigest()
    finally:
        os.close(descriptor)


def _read(descriptor: int, digest: Any) -> Iterator[bytes]:
    while piece := os.read(descriptor, PIECE_BYTES):
        digest.update(piece)
        yield piece
