"""What messages of a partner are held against when a file is looked at outside of any flow: the schemas, types and
policy its agreement names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from waypost.agreements.load import Partner
from waypost.agreements.part import MessageOptions, ValidationOptions
from waypost.core.errors import AgreementError
from waypost.formats.edi.agreed.gate import Agreed
from waypost.formats.edi.agreed.policy import trailing, trimmed
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.dialect import Dialect
from waypost.formats.edi.edifact_envelope import transaction_document
from waypost.formats.edi.examine.schemas import Checked, Schemas, named
from waypost.formats.edi.finding import Finding
from waypost.formats.edi.schema.code_list import CodeLists
from waypost.formats.edi.schema.pattern import Marks

_MOST_KEPT = 64


class AgreedSchemas(Schemas):
    """The schemas of a project under the agreement with one partner: the one that the agreed type of a message names,
    then the partner's overlay, then that of the standard. ``codes`` are folders of code lists."""

    def __init__(self, partner: Partner, schemas: ProjectSchemas, codes: Sequence[Path] = ()) -> None:
        super().__init__(schemas.library, partner=partner.name, codes=CodeLists(codes))
        self.partner, self._schemas = partner, schemas
        self._kinds: dict[tuple[str, ...], MessageOptions | AgreementError | None] = {}

    def validator(self, dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks) -> Checked:
        found = self._under_agreement(dialect, header, group, marks)
        kind = self.kind_of(dialect, header, group, marks)
        policy = self.policy(dialect.name, kind)
        if found.validator is None or not (policy.trim_spaces or policy.trailing_separators == "not-allowed"):
            return found
        read: Any = _AsAgreed(found.validator, policy, marks)
        return replace(found, validator=read)

    def _under_agreement(
        self, dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks
    ) -> Checked:  # fmt: skip
        kind = self.kind_of(dialect, header, group, marks)
        agreed = self.type_of(dialect.name, kind)
        schema = self._schemas.find(agreed.schema) if isinstance(agreed, MessageOptions) and agreed.schema else None
        if schema is None:
            return super().validator(dialect, header, group, marks)
        message, version, _ = named(dialect, header, group, marks)
        return self._checked(message, version, schema, marks)

    def kind_of(
        self, dialect: Dialect, header: Sequence[str], group: Sequence[str], marks: Marks
    ) -> dict[str, str]:  # fmt: skip
        """Set, version, association and group's sender of a message, as agreements name them."""
        message, version, _ = named(dialect, header, group, marks)
        sender = group[2] if len(group) > 2 else ""
        if dialect.name != "edifact":
            return {"set": message, "version": version, "association": "", "group": sender.strip()}
        row = [part.split(marks.component) if marks.component in part else part for part in header]
        read = transaction_document(row)
        return {"set": message, "version": version, "association": str(read.get("association") or ""),
                "group": sender.split(marks.component)[0]}  # fmt: skip

    def type_of(self, standard: str, kind: dict[str, str]) -> MessageOptions | AgreementError | None:
        """The agreed type of a message; None where every type is agreed; an error where this one is not."""
        key = (standard, *kind.values())
        if key not in self._kinds:
            if len(self._kinds) > _MOST_KEPT:  # they come from outside
                self._kinds.clear()
            self._kinds[key] = self._type(standard, kind)
        return self._kinds[key]

    def _type(self, standard: str, kind: dict[str, str]) -> MessageOptions | AgreementError | None:
        options = getattr(self.partner.options, standard, None)
        if options is None:
            return AgreementError(f"nothing is agreed with {self.partner.name} for {standard}",
                                  expected="a standard that is", remedy=f"add '{standard}:' to its file")  # fmt: skip
        expected = frozenset(one.what for one in options.send.expect)
        return Agreed(self.partner, options.receive, expected).type_of(kind)

    def policy(self, standard: str, kind: dict[str, str]) -> ValidationOptions:
        """How strictly messages of a kind are read."""
        agreed = self.type_of(standard, kind)
        if isinstance(agreed, MessageOptions) and agreed.validation is not None:
            return agreed.validation
        options = getattr(self.partner.options, standard, None)
        return options.receive.validation if options is not None else ValidationOptions()


class _AsAgreed:
    """A validator that reads segments as an agreement says: trimmed, and without separators behind the last value."""

    def __init__(self, inner: Any, policy: ValidationOptions, marks: Marks) -> None:
        self._inner, self._policy, self._marks, self.schema = inner, policy, marks, inner.schema

    def accepts(self, segments: Sequence[str]) -> bool:
        return bool(self._inner.accepts(self._read(segments))) and not self._trailing(segments)

    def findings(self, segments: Sequence[str], surplus: int = 0) -> tuple[list[Finding], int]:
        found, excess = self._inner.findings(self._read(segments), surplus)
        return sorted([*found, *self._trailing(segments)], key=lambda one: one.position), excess

    def _read(self, segments: Sequence[str]) -> list[str]:
        if not self._policy.trim_spaces:
            return list(segments)
        return [trimmed(text, self._marks.element, self._marks.component) for text in segments]

    def _trailing(self, segments: Sequence[str]) -> list[Finding]:
        if self._policy.trailing_separators != "not-allowed":
            return []
        return list(trailing(segments, self._marks.element, self._marks.component))
