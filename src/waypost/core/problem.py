"""Refusals over HTTP as problem documents (RFC 9457)."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any

from waypost.core.grants import HttpResponse

PROBLEM_TYPE = "application/problem+json"


def title_of(status: int) -> str:
    """The usual words for a status code, '' for one without.

    >>> title_of(404)
    'Not Found'
    """
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def problem(
    status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, extra: Mapping[str, Any] | None = None
) -> HttpResponse:
    """A refusal: ``detail`` says what was wrong with this request; ``extra`` are further members of the document."""
    document: dict[str, Any] = {"type": "about:blank", "title": title_of(status), "status": status}
    if detail:
        document["detail"] = detail
    document.update(extra or {})
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return HttpResponse(status, body, {"content-type": PROBLEM_TYPE, **(headers or {})})


def problem_bytes(status: int, detail: str) -> bytes:
    """A whole HTTP/1.1 answer that refuses and closes, for callers whose request could not even be read."""
    body = problem(status, detail).body
    head = (
        f"HTTP/1.1 {status} {title_of(status)}\r\ncontent-type: {PROBLEM_TYPE}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
