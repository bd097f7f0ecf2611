"""External code lists, which people load from files of their own: each code with the dates it is valid.

A list is a CSV file named as the list is, ``hcpcs.csv``, with a column ``code`` and, where codes come and go,
``valid_from`` and ``valid_to`` (ISO dates or eight digits; empty for no bound). Other columns are for people.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from waypost.core.errors import Fault, ProjectError

_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})").fullmatch
_ALWAYS = ("", "99999999")
Spans = Mapping[str, Sequence[tuple[str, str]]]


class CodeLists:
    """The lists in some folders and files; a list is read when it is first asked."""

    def __init__(self, places: Sequence[Path] = ()) -> None:
        self._files = {
            file.stem.lower(): file
            for place in reversed(places)
            for file in (sorted(place.glob("*.csv")) if place.is_dir() else [place])
        }
        self._read: dict[str, Spans] = {}

    @property
    def names(self) -> list[str]:
        """The lists there are."""
        return sorted(self._files)

    def holds(self, name: str, code: str | None, date: str | None = None) -> bool | None:
        """Whether ``code`` is in the list and, where a date is given, valid on it; None where there is no such list, or
        no code. Raises ``ProjectError`` with the faults of the file."""
        if code is None or name.lower() not in self._files:
            return None
        spans = self.spans(name.lower()).get(code)
        if spans is None:
            return False
        return date is None or any(begins <= date <= ends for begins, ends in spans)

    def spans(self, name: str) -> Spans:
        """The codes of a list with the first and last day of each time they are valid."""
        if name not in self._read:
            self._read[name] = read_list(self._files[name])
        return self._read[name]


def read_list(file: Path) -> Spans:
    """The codes of one file. Raises ``ProjectError`` naming every line that is wrong."""
    faults: list[Fault] = []
    made: dict[str, list[tuple[str, str]]] = {}
    with file.open(encoding="utf-8-sig", newline="") as content:
        reader = csv.DictReader(content)
        columns = reader.fieldnames or ()
        if "code" not in columns:
            faults.append(Fault(str(file), 1, "edi-codes", f"columns {', '.join(columns)}", "a column code"))
            raise ProjectError(faults)
        for row in reader:
            bounds = [_bound(row.get(name), number) for number, name in enumerate(("valid_from", "valid_to"))]
            for name, bound in zip(("valid_from", "valid_to"), bounds, strict=True):
                if bound is None:
                    faults.append(Fault(str(file), reader.line_num, "edi-codes", f"{name} {row.get(name)!r}", "a date"))
            if code := (row["code"] or "").strip():
                made.setdefault(code, []).append((bounds[0] or "", bounds[1] or ""))
    if faults:
        raise ProjectError(faults)
    return made


def _bound(text: str | None, which: int) -> str | None:
    if not text or not text.strip():
        return _ALWAYS[which]
    match = _DATE(text.strip())
    return "".join(match.groups()) if match else None
