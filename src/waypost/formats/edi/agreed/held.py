"""Messages that were read into rows, held against the schema or overlay that was agreed for their type, and given the
names of its segments where a flow wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import AgreementError, DataError
from waypost.formats.edi.agreed.terms import AgreedTerms, OwnTerms
from waypost.formats.edi.body_read import BodyReader
from waypost.formats.edi.examine.schemas import doubted
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

MARKS = Marks("\x1d", "\x1f", "\x1e")
"""Separators that no data has."""
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class _Known:
    """What messages of one kind are held against. ``nearest`` says that it is another version's; ``body`` gives their
    segments names."""

    validator: Validator
    nearest: bool
    body: BodyReader


class Held:
    """How the EDIFACT messages of one partner, or of a flow without agreements, are checked and named. ``terms`` are
    those of its agreement. Without ``check`` faults do not count; with ``by_name`` messages have a ``body`` in place of
    their rows, and those without a schema are refused. ``version`` is looked for where a message's own is not there.
    """

    def __init__(
        self, terms: AgreedTerms | OwnTerms, *, check: bool = True, by_name: bool = False, version: str = ""
    ) -> None:
        self._terms, self._check, self._by_name, self._version = terms, check, by_name, version
        self._known: dict[tuple[str, ...], _Known | None] = {}

    def document(self, document: Any) -> Any:
        """The document, its messages marked where they are not as agreed; an error in the place of a message alone."""
        if not isinstance(document, dict):
            return document
        if "transactions" in document:
            return {**document, "transactions": [self._part(one) for one in document["transactions"]]}
        read, found = self._looked_at(document)
        errors = [one for one in found if one.severity == "error"]
        return _refusal(document["transaction"], errors) if errors else read

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        if any(error.get("code") == "not-agreed" for error in part["errors"]):
            return part
        read, found = self._looked_at(part)
        errors = [one.detail() for one in found if one.severity == "error"]
        if not errors:
            return read
        return {**read, "accepted": False, "errors": [*part["errors"], *errors]}

    def _looked_at(self, part: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
        kind = _kind(part["transaction"])
        rows = part.get("rows") or []
        if self._terms.policy(kind).trim_spaces:
            rows = [[_trimmed(element) for element in row] for row in rows]
            part = {**part, "rows": rows, "segments": _trimmed(part.get("segments") or {})}
        if "object" in part:
            return part, []
        known = self._kind(kind)
        if known is None:
            return part, [_no_schema(kind)] if self._by_name else []
        texts = [text_of(row) for row in rows]
        sound = known.validator.accepts(texts)
        found = [] if sound or not self._check else known.validator.findings(texts)[0]
        if known.nearest:
            found = [doubted(one) for one in found]
        found = [one for one in found if one.severity == "error"]
        judged = self._terms.judged(found, kind, texts, MARKS.element, MARKS.component) if self._check else []
        if self._by_name:
            body = known.body.body(rows, lambda: [text.split(MARKS.element) for text in texts], sound)
            part = {**{name: value for name, value in part.items() if name not in ("rows", "segments")}, "body": body}
        return part, judged

    def named(self, transaction: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The body of rows whose texts may know more than a text does; empty where it has no schema."""
        known = self._kind(_kind(transaction))
        if known is None:
            return {}
        flat = [text_of(row).split(MARKS.element) for row in rows]
        return known.body.body(rows, lambda: flat, False)

    def _kind(self, kind: Mapping[str, Any]) -> _Known | None:
        key = tuple(str(kind.get(name) or "") for name in ("set", "version", "association"))
        if key not in self._known:
            if len(self._known) > 64:
                self._known.clear()
            schema, nearest = self._schema(kind)
            validator = Validator(schema, MARKS) if schema else None
            self._known[key] = _Known(validator, nearest, BodyReader(validator)) if validator else None
        return self._known[key]

    def _schema(self, kind: Mapping[str, Any]) -> tuple[Schema | None, bool]:
        """The schema that was agreed, else that of the version, else that of the version the flow names, else that of
        the nearest, and whether it is this one, which counts for less."""
        agreed = self._terms.schema(kind)
        if agreed is not None:
            return agreed, False
        library, name = self._terms.schemas.library, f"edifact/{kind['version']}/{kind['set']}"
        own = library.schema(name) or library.schema(f"edifact/{self._version}/{kind['set']}")
        return (own, False) if own else (library.nearest(name), True)


def _kind(said: Mapping[str, Any]) -> dict[str, Any]:
    return {**said, "version": f"{said.get('version') or ''}{said.get('release') or ''}".upper()}


def _no_schema(kind: Mapping[str, Any]) -> Finding:
    message, version = str(kind["set"])[:9], str(kind["version"])[:9]
    return finding("no-schema", "UNH", 1, element=2, level="transaction", found=f"no schema for {message} {version}",
                   expected=f"edifact/{version}/{message}.yaml in the folder schemas",
                   hint="add it, or read by position: fields_by: position")  # fmt: skip


def text_of(row: Sequence[Any]) -> str:
    """A row as the text of its segment."""
    try:
        return MARKS.element.join(row)
    except TypeError:  # not all are texts
        return MARKS.element.join([one if type(one) is str else _element(one) for one in row])


def _element(element: Any) -> str:
    if isinstance(element, list | tuple):
        if any(isinstance(one, list | tuple) for one in element):
            return MARKS.repetition.join(_element(one) for one in element)
        return MARKS.component.join("" if one is None else str(one) for one in element)
    return "" if element is None else str(element)


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip(" ")
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    return {name: _trimmed(one) for name, one in value.items()} if isinstance(value, dict) else value


def _refusal(transaction: Mapping[str, Any], findings: Sequence[Finding]) -> DataError | AgreementError:
    first, more = findings[0], len(findings) - _SHOWN
    told = [first.said(), *map(str, findings[1:_SHOWN]), *([f"and {more} more"] if more > 0 else [])]
    where = f"{transaction['set'][:9]} {transaction['control_number'][:14]}, {first.place()}"
    return DataError("; ".join(told), where=where, remedy="have the sender correct it; acknowledge it to tell them",
                     code=f"edifact-{first.code}", details=[one.detail() for one in findings])  # fmt: skip
