"""Messages that were read into rows, held against the schema or overlay that was agreed for their type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.errors import AgreementError, DataError
from waypost.formats.edi.agreed.terms import AgreedTerms
from waypost.formats.edi.examine.schemas import doubted
from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.pattern import Marks
from waypost.formats.edi.schema.validator import Validator

MARKS = Marks("\x1d", "\x1f", "\x1e")
"""Separators that no data has."""
_SHOWN = 6


class Held:
    """How the EDIFACT messages of one partner are checked. ``terms`` are those of its agreement."""

    def __init__(self, terms: AgreedTerms) -> None:
        self._terms = terms
        self._validators: dict[tuple[str, ...], tuple[Validator, bool] | None] = {}

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
        said = part["transaction"]
        kind = {**said, "version": f"{said.get('version') or ''}{said.get('release') or ''}".upper()}
        rows = part.get("rows") or []
        if self._terms.policy(kind).trim_spaces:
            rows = [[_trimmed(element) for element in row] for row in rows]
            part = {**part, "rows": rows, "segments": _trimmed(part.get("segments") or {})}
        validator = self._validator(kind)
        if validator is None or "object" in part:
            return part, []
        checks, doubtful = validator
        texts = [text_of(row) for row in rows]
        found = [] if checks.accepts(texts) else checks.findings(texts)[0]
        if doubtful:
            found = [doubted(one) for one in found]
        found = [one for one in found if one.severity == "error"]
        return part, self._terms.judged(found, kind, texts, MARKS.element, MARKS.component)

    def _validator(self, kind: Mapping[str, Any]) -> tuple[Validator, bool] | None:
        key = tuple(str(kind.get(name) or "") for name in ("set", "version", "association"))
        if key not in self._validators:
            if len(self._validators) > 64:
                self._validators.clear()
            found = self._schema(kind)
            self._validators[key] = (Validator(found[0], MARKS), found[1]) if found else None
        return self._validators[key]

    def _schema(self, kind: Mapping[str, Any]) -> tuple[Schema, bool] | None:
        """The schema that was agreed, else that of the version, else that of the nearest, which counts for less."""
        agreed = self._terms.schema(kind)
        if agreed is not None:
            return agreed, False
        library, name = self._terms.schemas.library, f"edifact/{kind['version']}/{kind['set']}"
        own = library.schema(name)
        nearest = own or library.nearest(name)
        return (nearest, own is None) if nearest is not None else None


def text_of(row: Sequence[Any]) -> str:
    """A row as the text of its segment."""
    return MARKS.element.join(_element(element) for element in row)


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
