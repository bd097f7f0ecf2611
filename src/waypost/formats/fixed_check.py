"""Fixed-width records held against a layout by the ``validate`` step: the text of a file, or a document of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from waypost.core.checking import Checker, Read, checks
from waypost.core.errors import Fault, ProjectError, WaypostError
from waypost.core.finding import MOST_FINDINGS, Finding, shown
from waypost.formats.fixed_document import DocumentCodec
from waypost.formats.fixed_layout import Field, Layout, read_layout
from waypost.formats.fixed_line import LineCodec

_FIELD = re.compile(r"(?:, column \d+)?, field ([\w-]+)$")
_FOUND = re.compile(r"found (?:'([^']*)'|([^;]*))$")


class LayoutChecker:
    """One layout. A text is read line by line; a mapping with ``record`` is a line, another the whole content."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._lines = layout, LineCodec(layout)
        self._documents = DocumentCodec(layout, self._lines)

    def fits(self, body: Any) -> bool:
        return not self._faults(body)

    def findings(self, body: Any) -> Sequence[Finding]:
        return [*self._told(self._faults(body)[:MOST_FINDINGS])]

    def _faults(self, body: Any) -> list[str]:
        faults: list[str] = []
        if isinstance(body, bytes):
            try:
                body = body.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                return [f"byte {error.start}: not UTF-8; expected UTF-8"]
        if isinstance(body, str):
            self._documents.read(self._cut(body), faults)
        elif isinstance(body, dict) and body.get("record") in self._layout.records:
            self._lines.write(str(body["record"]), body, "", faults)
        elif isinstance(body, dict) and not self._nested(body):
            self._lines.write(next(iter(self._layout.records)), body, "", faults)
        else:
            self._documents.write(body, faults)
        return faults

    def _nested(self, body: dict[Any, Any]) -> bool:
        """Whether a document is a whole content and not the fields of a line."""
        structure = {item.name for item in self._layout.structure.body}
        return bool(structure) and (len(self._layout.records) > 1 or any(key in structure for key in body))

    def _cut(self, text: str) -> list[str]:
        if not self._layout.separated:
            return [text[at : at + self._layout.length] for at in range(0, len(text), self._layout.length)]
        return [line.removesuffix("\r") for line in text.split("\n")]

    def _told(self, faults: Iterable[str]) -> Iterator[Finding]:
        for fault in faults:
            where, colon, rest = fault.partition(": ")
            if not colon:
                where, rest = "", fault
            found, _, expected = rest.partition("; expected ")
            if not expected:
                found, _, expected = rest.partition("; ")
            field = _FIELD.search(where)
            match = _FOUND.search(found)
            value = next((group for group in match.groups() if group is not None), "") if match else ""
            path = where.removeprefix(", ").removeprefix("field ")
            yield Finding(
                path, field[1] if field else "layout", found, expected, shown(value) if value else "",
                self._repair(field[1] if field else "", value),
            )  # fmt: skip

    def _repair(self, name: str, value: str) -> str:
        """A number or a date written in a near form."""
        field = next((f for r in self._layout.records.values() for f in r.fields if f.name == name), None)
        if field is None or not value:
            return ""
        text = _near(field, value.strip())
        return f"write {shown(text)}" if text and text != value else ""


def _near(field: Field, text: str) -> str:
    if field.kind in ("integer", "decimal"):
        plain = text.replace(" ", "").replace(",", ".")
        if field.kind == "decimal" and field.places is not None and re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", plain):
            whole, _, part = plain.partition(".")
            if len(part) <= field.places:
                return whole + part.ljust(field.places, "0")
        return plain if re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", plain) else ""
    if field.kind == "date" and field.format == "%Y%m%d" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return text.replace("-", "")
    return ""


@checks("layout")
def build(name: str, read: Read, faults: list[Fault]) -> Checker | None:
    """The checker of a layout in a project file."""
    try:
        return LayoutChecker(read_layout(read(name), name))
    except ProjectError as error:
        faults.extend(error.faults)
    except (OSError, LookupError, WaypostError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
    return None
