"""What an operating system's refusal of a file means to a flow."""

from __future__ import annotations

import errno
import getpass
import os

from waypost.core.errors import AuthorisationRefused, EndpointError, EndpointUnavailable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


def file_error(error: OSError, place: str | os.PathLike[str], act: str) -> EndpointError:
    """The endpoint error that stands for ``error``, met when we wanted to ``act`` on ``place``."""
    where, said = str(place), (error.strerror or str(error)).lower()
    if error.errno in _NO_ROOM:
        return EndpointUnavailable(
            f"cannot {act}: {said}", where=where, remedy="free space on this disk; it is retried"
        )
    if error.errno in _NOT_ALLOWED:
        return AuthorisationRefused(
            f"cannot {act}: {said}", where=where, remedy=f"give user {_user()!r} the permission to {act} it"
        )
    if error.errno == errno.EROFS:
        return EndpointUnavailable(f"cannot {act}: {said}", where=where, remedy="mount the disk for writing")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return EndpointUnavailable(
            f"cannot {act}: {said}", where=where, remedy="create the folder, or check that its disk is mounted"
        )
    return EndpointUnavailable(f"cannot {act}: {said}", where=where, remedy="check the disk; it is retried")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
