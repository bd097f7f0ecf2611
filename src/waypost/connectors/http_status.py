"""What an HTTP status means for a delivery: one table for targets and requesters (RFC 9110 section 15)."""

from __future__ import annotations

from collections.abc import Mapping

from waypost.core.errors import (
    AuthorisationRefused,
    ConfigurationRefused,
    ContractError,
    EndpointTimeout,
    EndpointUnavailable,
    WaypostError,
)
from waypost.core.problem import title_of

_AUTHORISATION = {401, 403, 407, 511}
_TRANSIENT = {408, 423, 425, 429, 500, 502, 503, 507, 508}
_CONFIGURATION = {405, 406, 411, 415, 426, 431, 501, 505, 510}
_MISSING = {404, 410}

MOST_RETRY_SECONDS = 86_400.0


def refusal_of(status: int, *, where: str, path_names_thing: bool) -> WaypostError:
    """The error a status that is no success stands for. ``path_names_thing``: the path was filled from the message,
    so "not found" is about the message; else about the settings."""
    said = f"answered {status} {title_of(status)}".rstrip()
    if status in _AUTHORISATION:
        return AuthorisationRefused(said, where=where, remedy="check user, password or token of the connection")
    if status == 504:
        return EndpointTimeout(
            said, where=where, expected="an answer in time", remedy="the system behind may have done it"
        )
    if status in _TRANSIENT or (status > 500 and status not in _CONFIGURATION):
        return EndpointUnavailable(said, where=where, expected="a success (2xx)", remedy="it is tried again")
    if 300 <= status < 400:
        return ConfigurationRefused(
            said, where=where, expected="an answer, not a redirect", remedy="use the address it redirects to"
        )
    if status in _CONFIGURATION or (status in _MISSING and not path_names_thing):
        return ConfigurationRefused(
            said, where=where, expected="something that takes this request", remedy="check address, path and method"
        )
    return ContractError(
        said, where=where, expected="a success (2xx)", remedy="see the answer for what the system refuses"
    )


def retry_after_seconds(headers: Mapping[str, str], now_us: int) -> float:
    """Seconds asked for by ``Retry-After`` (RFC 9110 section 10.2.3), 0 without, a day at most.

    >>> retry_after_seconds({"retry-after": "7"}, 0)
    7.0
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_RETRY_SECONDS)
    if not text:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        due = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(due - now_us / 1_000_000, 0.0), MOST_RETRY_SECONDS)
