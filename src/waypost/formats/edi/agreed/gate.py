"""Lets in what an agreement covers: every interchange is held against the partners a flow names, and so is each type of
message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from waypost.agreements.load import FOLDER, Partner, load_partners
from waypost.agreements.part import MessageOptions
from waypost.agreements.resolution import Parties, message_type, resolve
from waypost.core.errors import AgreementError, DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.formats.edi.agreed.exchange import KINDS

ANY = "any"
NOT_AGREED = "partner-message"


@dataclass(frozen=True, slots=True)
class Agreed:
    """The agreement one interchange falls under. ``receive`` is what is agreed on its way and standard."""

    partner: Partner
    receive: Any
    expected: frozenset[str] = frozenset()
    """Acknowledgements we wait for: they may always come."""

    def type_of(self, kind: Mapping[str, Any]) -> MessageOptions | AgreementError | None:
        """The agreed type of a message (set, version, association, group); None where every type is; an error where
        this one is not."""
        if not self.receive.messages or kind.get("set") in self.expected:
            return None
        found, looked = message_type(self.receive.messages, kind, self.partner, "receive")
        if found is not None:
            return found
        said = " ".join(str(kind[name]) for name in ("set", "version", "association") if kind.get(name))
        near = next((f"; {one.candidate} nearly fits: {one.near}" for one in looked if one.near), "")
        known = ", ".join(one.candidate for one in looked)
        return AgreementError(
            f"{self.partner.name}: {said} is not agreed", where=f"partner {self.partner.name}", expected=known,
            remedy=f"add it to its messages{near}", code=NOT_AGREED,
        )  # fmt: skip


class Gate:
    """The partners a flow may receive from in one standard. ``names`` may be ``any``: every partner of the project."""

    def __init__(
        self, standard: str, names: Sequence[str], grants: Grants, parties: Callable[[bytes], Parties | None]
    ) -> None:
        self.standard, self._parties = standard, parties
        self.partners = partners_of(names, grants)
        self._class = grants.environment_class
        self.agreed = lru_cache(maxsize=64)(self._agreed)

    def partner_of(self, content: bytes) -> str | None:
        """The name of the partner that sent a content, whatever else is agreed; None for a stranger."""
        parties = self._parties(content)
        if parties is None:
            return None
        found = resolve(self.partners.values(), parties).partner
        return found.name if found is not None else None

    def _agreed(self, context: bytes) -> Agreed | AgreementError | None:
        """The agreement an interchange with this envelope falls under; None where the envelope cannot be read."""
        parties = self._parties(context)
        if parties is None:
            return None
        found = resolve(self.partners.values(), parties, self._class)
        if found.partner is not None and not found.code:
            options = getattr(found.partner.options, self.standard)
            expected = {one.what for one in options.send.expect} & KINDS
            return Agreed(found.partner, options.receive, frozenset("277" if w == "277CA" else w for w in expected))
        return AgreementError(found.refusal, where="envelope", remedy=found.remedy, code=found.code)


def partners_of(names: Sequence[str], grants: Grants) -> dict[str, Partner]:
    """The partners of these names, from the project's files. Raises ``ProjectError`` with their faults."""
    if grants.list_files is None or grants.read_file is None:
        raise DataError("no project", where="partner", expected="a flow of a project")
    faults: list[Fault] = []
    files = {name: grants.read_file(name) for name in grants.list_files(FOLDER)}
    found = load_partners(files, faults)
    if faults:
        raise ProjectError(faults)
    return found if ANY in names else {name: found[name] for name in names if name in found}


def of_partner(document: Any, agreed: Agreed | None) -> Any:
    """A document that says whose it is; what is none stays as it is."""
    return {"partner": agreed.partner.name, **document} if agreed and isinstance(document, dict) else document
