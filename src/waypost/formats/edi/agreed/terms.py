"""The terms of an agreement as the reader of messages applies them: separators, schemas, types agreed, findings that
count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from waypost.agreements.part import MessageOptions, ValidationOptions
from waypost.core.errors import AgreementError
from waypost.formats.edi.agreed.gate import NOT_AGREED, Agreed
from waypost.formats.edi.agreed.policy import judged, trailing, trimmed
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.dialect import Header
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.schema.model import Schema

_KIND = ("set", "version", "association", "group")
_MOST_TYPES = 256
_USUAL = ValidationOptions()


class Terms:
    """No agreement: everything is read as its standard says."""

    def header(self, header: Header) -> Header:
        """The header of an interchange with the separators that count."""
        return header

    def schema(self, kind: Mapping[str, Any]) -> Schema | None:
        """The schema that was agreed for a message type, or None."""
        return None

    def parked(self, findings: Sequence[Finding]) -> AgreementError | None:
        """Why a message waits for a person, where it does."""
        return None

    def refused(self, kind: Mapping[str, Any], count: int) -> list[Finding]:
        """Why a message of this kind, with so many segments, may not be sent at all."""
        return []

    def trimmed(self, text: str, kind: Mapping[str, Any], element: str, component: str) -> str:
        """A segment as it is to be read."""
        return text

    def judged(
        self, findings: Sequence[Finding], kind: Mapping[str, Any], texts: Sequence[str], element: str, component: str
    ) -> list[Finding]:
        """The findings that count."""
        return list(findings)


NO_TERMS = Terms()


@dataclass(frozen=True, eq=False)
class OwnTerms(Terms):
    """No agreement: messages are as the schemas of the project and those that come along say."""

    schemas: ProjectSchemas

    def policy(self, kind: Mapping[str, Any]) -> ValidationOptions:
        """How strictly messages of a kind are read."""
        return _USUAL


@dataclass(frozen=True, eq=False)
class AgreedTerms(Terms):
    """The terms of one partner's agreement."""

    agreed: Agreed
    schemas: ProjectSchemas
    _types: dict[tuple[str, ...], MessageOptions | AgreementError | None] = field(default_factory=dict)

    def header(self, header: Header) -> Header:
        said = getattr(self.agreed.receive, "repetition", "by-version")
        if said == "by-version":
            return header
        mark = header.row[11] if said == "separator" and not header.row[11].isalnum() else b""
        return replace(header, delimiters=replace(header.delimiters, repetition=mark))

    def schema(self, kind: Mapping[str, Any]) -> Schema | None:
        found = self._type_of(kind)
        return self.schemas.find(found.schema) if isinstance(found, MessageOptions) and found.schema else None

    def refused(self, kind: Mapping[str, Any], count: int) -> list[Finding]:
        found = self._type_of(kind)
        if not isinstance(found, AgreementError):
            return []
        return [finding("not-agreed", "ST", 1, element=1, level="transaction", found=found.found,
                        expected=found.expected, hint=found.remedy)]  # fmt: skip

    def parked(self, findings: Sequence[Finding]) -> AgreementError | None:
        found = next((one for one in findings if one.code == "not-agreed"), None)
        where = f"partner {self.agreed.partner.name}"
        if found is None:
            return None
        return AgreementError(found.found, where=where, expected=found.expected, remedy=found.hint,
                                        code=NOT_AGREED)  # fmt: skip

    def trimmed(self, text: str, kind: Mapping[str, Any], element: str, component: str) -> str:
        return trimmed(text, element, component) if self.policy(kind).trim_spaces else text

    def judged(
        self, findings: Sequence[Finding], kind: Mapping[str, Any], texts: Sequence[str], element: str, component: str
    ) -> list[Finding]:
        policy = self.policy(kind)
        found = judged(findings, policy)
        if policy.trailing_separators == "not-allowed":
            found += judged(list(trailing(texts, element, component)), policy)
        return [one for one in found if one.severity == "error"]

    def policy(self, kind: Mapping[str, Any]) -> ValidationOptions:
        """How strictly messages of a kind are read."""
        found = self._type_of(kind)
        own = found.validation if isinstance(found, MessageOptions) else None
        policy: ValidationOptions = own or self.agreed.receive.validation
        return policy

    def _type_of(self, kind: Mapping[str, Any]) -> MessageOptions | AgreementError | None:
        return self._type(*(str(kind.get(name) or "") for name in _KIND))

    def _type(self, *kind: str) -> MessageOptions | AgreementError | None:
        if kind not in self._types:
            if len(self._types) > _MOST_TYPES:  # they come from outside
                self._types.clear()
            self._types[kind] = self.agreed.type_of(dict(zip(_KIND, kind, strict=True)))
        return self._types[kind]


def typed(document: Any, agreed: Agreed | None) -> Any:
    """A document whose message types were agreed: one that was not is an error in the place of a message, and in an
    interchange read as a whole a transaction that is not accepted."""
    if agreed is None or not isinstance(document, dict):
        return document
    if "transactions" not in document:
        refused = _refusal(document, agreed)
        return document if refused is None else refused
    return {**document, "transactions": [_marked(one, _refusal(one, agreed)) for one in document["transactions"]]}


def _refusal(document: Mapping[str, Any], agreed: Agreed) -> AgreementError | None:
    transaction, group = document["transaction"], document.get("group") or {}
    version = f"{transaction.get('version') or ''}{transaction.get('release') or ''}"
    found = agreed.type_of({**transaction, "version": version, "group": group.get("sender", "")})
    return found if isinstance(found, AgreementError) else None


def _marked(document: dict[str, Any], refused: AgreementError | None) -> dict[str, Any]:
    if refused is None:
        return document
    one = finding("not-agreed", "UNH", 1, element=2, level="transaction", found=refused.found,
                  expected=refused.expected, hint=refused.remedy)  # fmt: skip
    return {**document, "accepted": False, "errors": [*document["errors"], one.detail()]}
