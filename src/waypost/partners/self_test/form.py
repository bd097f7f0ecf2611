"""What a browser sends from the page of the self-test, and the page itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from waypost.core.errors import DataError
from waypost.core.page import Html, element, html, page, word

_BOUNDARY = re.compile(r'multipart/form-data;(?:.*;)? *boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(r'[; ]name="([^"]*)"')
_FILE = re.compile(r'[; ]filename="([^"]*)"')
_MOST_PARTS, _MOST_HEAD = 8, 4096


@dataclass(frozen=True, slots=True)
class Sent:
    """The parts of a form by name, and the name of the file in it."""

    fields: Mapping[str, bytes]
    file_name: str = ""


def is_form(content_type: str) -> bool:
    """Whether a body is a form with files."""
    return content_type.lower().startswith("multipart/form-data")


def read_form(content_type: str, body: bytes) -> Sent:
    """The parts of a form (RFC 7578), bytes as they came. ``DataError`` for what is none."""
    match = _BOUNDARY.fullmatch(content_type.strip())
    if match is None:
        raise _no_form("no usable boundary")
    mark = b"--" + match[1].rstrip().encode()
    rest = (b"\r\n" + body).split(b"\r\n" + mark)[1:]
    if not rest or rest[-1][:2] != b"--":
        raise _no_form("its end is missing")
    if len(rest) - 1 > _MOST_PARTS:
        raise _no_form(f"more than {_MOST_PARTS} parts")
    fields: dict[str, bytes] = {}
    file_name = ""
    for part in rest[:-1]:
        head, found, _ = part[:_MOST_HEAD].partition(b"\r\n\r\n")
        if not found:
            raise _no_form("a part without an end of its headers")
        text = head.decode("utf-8", "replace")
        named, file = _NAME.search(text), _FILE.search(text)
        if named is None:
            raise _no_form("a part without a name")
        fields[named[1]] = part[len(head) + 4 :]
        file_name = file[1] if file is not None else file_name
    return Sent(fields, file_name)


def _no_form(why: str) -> DataError:
    return DataError(why, where="form", expected="multipart/form-data as browsers send it", code="form")


def form_page(path: str, partner: str, limit: str, note: str = "") -> str:
    """The page with the form. It says nothing about which partners there are."""
    title = "Try an EDI file"
    hidden = "" if partner else _field("partner", "Your name here, as we gave it to you", 'autocomplete="username"')
    action = f"{path}/{partner}" if partner else path
    form = Html(
        f'<form method="post" enctype="multipart/form-data" action="{html(action)}">\n{hidden}'
        f"{_field('token', 'Your token', 'type=password autocomplete=current-password required')}"
        f"{_field('file', f'The file, X12 or EDIFACT, up to {limit}', 'type=file required')}"
        "<button>Look at it</button>\n</form>"
    )
    told = [element("p", word(note, "bad"))] if note else []
    steps = (
        "The file is looked at as if it had been sent to us: you get every fault with its place, and the "
        "acknowledgement we would send. It is not kept, and nothing of it is processed."
    )
    return page(title, [element("h1", title), element("p", steps), *told, form, *_other_ways(path, partner or "NAME")])


def _field(name: str, label: str, more: str) -> str:
    return (f'<label for="{name}">{html(label)}</label>\n<input id="{name}" name="{name}" {more}>\n')  # fmt: skip


def _other_ways(path: str, partner: str) -> list[Html]:
    command = (
        f"curl -H 'Authorization: Bearer TOKEN' -H 'Accept: application/json' \\\n"
        f"     --data-binary @FILE https://HOST{path}/{partner}"
    )
    return [
        element("h2", "Other ways"),
        element("p", "From a program; Accept says whether the report comes as text/plain, application/json or "
                "text/html:"),
        Html(f"<pre>{html(command)}</pre>"),
        element("p", f"Over AS2, signed as agreed, to {path}/{partner}/as2: the receipt comes at once, and the report "
                f"of the last message from {path}/{partner}/as2/report with your token."),
    ]  # fmt: skip
