"""What a person types to mean messages, as a ``Query`` of the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from waypost.core.clock import MICROSECONDS
from waypost.core.errors import DataError, UsageError
from waypost.core.message import parse_id
from waypost.store.protocol import Query

_AGO = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def query_of(params: Mapping[str, Any], now: int) -> Query:
    """``key`` is ``NAME=VALUE`` or a value of any name; times are ISO 8601 or ages such as ``2h``."""
    key = str(params.get("key") or "")
    name, found, value = key.partition("=")
    limit = params.get("limit")
    return Query(
        flow=str(params.get("flow") or ""), state=str(params.get("state") or ""),
        key=None if not key else (name, value) if found else ("", key),
        message=_id(params.get("id")), arrival=str(params.get("arrival") or ""), target=str(params.get("target") or ""),
        error=str(params.get("error") or ""),
        since=moment(params.get("since"), now), until=moment(params.get("until"), now),
        before=_id(params.get("before")), limit=50 if limit is None else int(limit),
    )  # fmt: skip


def _id(text: Any) -> bytes:
    if not text:
        return b""
    try:
        return parse_id(str(text))
    except ValueError as error:
        raise UsageError(str(error), expected="an id as `waypost messages` prints it") from None


def moment(text: Any, now: int) -> int:
    """UTC microseconds of an ISO 8601 time (UTC where it names no zone) or of an age; 0 for none."""
    if not text:
        return 0
    ago = _AGO.fullmatch(str(text))
    if ago:
        return now - int(ago[1]) * _SECONDS[ago[2]] * MICROSECONDS
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        raise UsageError(f"{text!r} is no time", expected="2026-11-20T14:00:00, or an age such as 2h or 3d") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * MICROSECONDS)


def message_id(params: Mapping[str, Any]) -> bytes:
    """The message a verb is about. Raises ``DataError`` for what is no id."""
    try:
        return parse_id(str(params.get("id", "")))
    except ValueError as error:
        raise DataError(str(error), expected="an id as `waypost messages` prints it") from None
