"""The acknowledgements an agreement asks for, of what was read: a group, an interchange, or a message alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from waypost.agreements.part import OwedOptions
from waypost.formats.edi.acknowledgement.document import acknowledged
from waypost.formats.edi.acknowledgement.policy import Acknowledgement, Policy

NEVER_ANSWERED = frozenset({"997", "999", "TA1", "TA3", "CONTRL", "APERAK", "824"})
"""Two systems would answer each other for ever."""
_REJECTS: dict[str, Any] = {"reject-group": "group", "reject-interchange": "interchange"}


def wanted(document: Mapping[str, Any], owed: OwedOptions) -> str:
    """Why a document is not acknowledged under an agreement, or ''."""
    parts = parts_of(document)
    if not parts:
        return "there is nothing in it to acknowledge"
    if all((part.get("transaction") or {}).get("set") in NEVER_ANSWERED for part in parts):
        return "acknowledgements are not acknowledged"
    return "" if documents(document, owed, 0) else "the agreement asks for no acknowledgement of this"


def documents(document: Mapping[str, Any], owed: OwedOptions, received_at: int) -> list[dict[str, Any]]:
    """The acknowledgements, as documents that the format writes. Raises ``DataError`` where nothing can be
    answered."""
    made = acknowledged(document, policy_of(document, owed), received_at)
    return [{"partner": document.get("partner"), **one.document} for one in made if _agreed(one, document, owed)]


def policy_of(document: Mapping[str, Any], owed: OwedOptions) -> Policy:
    """How a document is acknowledged. The interchange itself is answered where all of it was read."""
    whole = "transactions" in document and "group" not in document
    return policy(owed) if whole else replace(policy(owed), technical="never")


def policy(owed: OwedOptions) -> Policy:
    """How an interchange is acknowledged. Whether functional acknowledgements are wanted at all, ``asked_for`` says."""
    return Policy(
        functional=_functional(owed.kind), technical=owed.technical, accepted=owed.accepted,
        reject=_REJECTS.get(owed.on_error, "transaction"), note=owed.on_error == "accept-with-errors",
        application=() if owed.application == "none" else (owed.application,),
    )  # fmt: skip


def asked_for(one: Acknowledgement, owed: OwedOptions, *, requested: bool, wrong: bool) -> bool:
    """Whether the agreement asks for an acknowledgement of this kind, as the sender ``requested`` one or not, and
    something was ``wrong`` or not."""
    if one.kind not in ("997", "999", "CONTRL"):
        return True
    return {"always": True, "requested": requested, "errors": wrong, "never": False}[owed.functional]


def _functional(kind: str) -> Any:
    return kind if kind in ("997", "999") else "auto" if kind == "CONTRL" else "997"


def _agreed(one: Acknowledgement, document: Mapping[str, Any], owed: OwedOptions) -> bool:
    requested = bool((document.get("interchange") or {}).get("acknowledgement_requested"))
    wrong = any(not part.get("accepted", True) for part in parts_of(document))
    return asked_for(one, owed, requested=requested, wrong=wrong)


def parts_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The messages of a document."""
    found: Sequence[Mapping[str, Any]] = document.get("transactions", [document])
    return found
