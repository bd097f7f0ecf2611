"""Finds what each message of a file is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.rule import NO_CODES
from waypost.formats.edi.schema.validator import Validator

_MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class Checked:
    """What a message is held against; ``validator`` is None where there is no schema called ``name``. ``instead_of``
    is the schema that is not there, where that of the nearest version stands in for it."""

    message: str
    version: str
    name: str
    validator: Validator | None
    instead_of: str = ""

    def notice(self, tag: str) -> Finding | None:
        """What the first message of its kind is told about its schema."""
        if self.validator is None:
            return finding("no-schema", tag, 1, level="transaction", severity="warning",
                           found=f"no schema for {self.message} in {self.version}",
                           expected=f"a schema called {self.name}") if self.name else None  # fmt: skip
        if self.instead_of:
            return finding("schema-nearest", tag, 1, level="transaction", severity="warning",
                           found=f"no schema {self.instead_of}; checked by {self.name}",
                           expected="one of the version the message names")  # fmt: skip
        return None

    @property
    def group(self) -> str:
        """The functional group such a message belongs to, empty where it is not known."""
        return self.validator.schema.group if self.validator else ""


_STABLE = frozenset({
    "segment-unknown", "segment-missing", "element-missing", "element-character", "element-time",
})  # fmt: skip
"""What is as wrong in one version as in the next. Lengths, dates, repetition, codes, order, conditions change."""


def doubted(one: Finding) -> Finding:
    """A finding by the schema of another version: a warning where versions differ in such things."""
    return one if one.code in _STABLE else replace(one, severity="warning")


class Schemas:
    """Finds and keeps the validators a file needs. ``given`` is used for every message it describes; of ``partner`` the
    overlay ``partner/NAME/MESSAGE`` or ``partner/NAME/MESSAGE-VERSION`` goes before the schema of the standard."""

    def __init__(
        self, library: Library, given: Schema | None = None, *, partner: str = "", codes: CodeLists = NO_CODES
    ) -> None:
        self._library, self._given, self._partner, self._codes = library, given, partner, codes
        self._found: dict[tuple[str, str, Marks], Checked] = {}
        self._seen: dict[tuple[Any, ...], Checked] = {}

    def validator(self, dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks) -> Checked:
        """The validator for the message whose header and group are given."""
        kind = _at(header, dialect.kinds.get(header[0].encode("latin-1", "replace"), 0))
        seen = (
            dialect.name,
            header[0],
            kind,
            *((_at(header, 3), _at(group, 8)) if dialect.name == "x12" else ()),
            marks,
        )
        found = self._seen.get(seen)
        if found is None:
            if len(self._seen) > _MOST_KEPT:  # versions and separators come from outside
                self._seen.clear()
            found = self._seen[seen] = self._find(dialect, header, group, marks)
        return found

    def _find(self, dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks) -> Checked:
        message, version, names = named(dialect, header, group, marks)
        if self._given is not None and self._given.message in (message, ""):
            return self._checked(message, version, self._given, marks)
        for name in [*self._overlays(message, version), *names]:
            schema = self._library.schema(name)
            if schema is not None and (not name.startswith("partner/") or schema.version == version[:6]):
                return self._checked(message, version, schema, marks)
        nearest = self._library.nearest(names[-1]) if names else None
        if nearest is not None:
            return replace(self._checked(message, version, nearest, marks), instead_of=names[-1])
        return Checked(message, version, names[0] if names else "", None)

    def _overlays(self, message: str, version: str) -> list[str]:
        names = (f"{message}-{version}", f"{message}-{version[:6]}", message)
        return [f"partner/{self._partner}/{name}" for name in names] if self._partner else []

    def _checked(self, message: str, version: str, schema: Schema, marks: Marks) -> Checked:
        key = (message, schema.name, marks)
        if key not in self._found:
            if len(self._found) > _MOST_KEPT:
                self._found.clear()
            self._found[key] = Checked(message, version, schema.name, Validator(schema, marks, self._codes))
        return self._found[key]


def named(dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks) -> tuple[str, str, list[str]]:
    """Message, version, and the names its schema may have, the closest first."""
    if dialect.name == "x12":
        message, guide, version = _at(header, 1), _at(header, 3).strip(), _at(group, 8).strip()
        names = [f"x12/{v}/{message}" for v in dict.fromkeys((guide, version, version[:6])) if v]
        return message[:6], (version or guide)[:12], names
    if dialect.package and header[0] == dialect.package.decode():
        return header[0], "", []
    kind = dialect.kinds.get(header[0].encode("latin-1", "replace"), 2)
    parts = [*_at(header, kind).split(marks.component), "", "", "", "", ""]
    if dialect.name == "tradacoms":
        return parts[0][:6], parts[1][:2], [f"tradacoms/{parts[1]}/{parts[0]}"]
    version = f"{parts[1]}{parts[2]}".upper()
    guided = [f"edifact/{version}-{parts[4]}/{parts[0]}"] if parts[4] else []
    return parts[0][:6], version[:8], [*guided, f"edifact/{version}/{parts[0]}"]


def _at(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""
