"""Which agreement an interchange and its messages fall under, step by step: what was compared, and why each candidate
was or was not taken.

The partner is the one of whose identities one equals the sender, and of whose ``us`` one equals the receiver; ids and
qualifiers are compared letter by letter. Nothing is guessed: what nearly fits is named, and the interchange is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.agreements.declaration import IdentityOptions
from waypost.agreements.load import Partner
from waypost.agreements.part import MessageOptions

UNKNOWN, MISMATCH, DISABLED, REFUSED = "partner-unknown", "partner-usage", "partner-disabled", "partner-envelope"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One value that was compared. ``near`` says why an unequal one is nearly equal, or is ''."""

    what: str
    agreed: str
    found: str
    equal: bool
    near: str = ""

    def __str__(self) -> str:
        said = f"{self.what}: {self.found!r} {'=' if self.equal else '≠'} {self.agreed!r}"
        return f"{said} ({self.near})" if self.near else said


@dataclass(frozen=True, slots=True)
class Considered:
    """A candidate of one step of the resolution, and what became of it."""

    step: str
    candidate: str
    taken: bool
    why: str
    compared: tuple[Comparison, ...] = ()
    place: str = ""
    """File and line of the candidate."""

    @property
    def near(self) -> str:
        """Why a candidate that was not taken is nearly one, or ''."""
        if self.taken:
            return ""
        wrong = [one for one in self.compared if not one.equal]
        return "; ".join(one.near for one in wrong) if wrong and all(one.near for one in wrong) else ""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who an interchange names. ``usage`` is P, T or I, as ISA15 has it; '' where nothing is said."""

    standard: str
    sender: str
    sender_qualifier: str
    receiver: str
    receiver_qualifier: str
    usage: str = ""
    sender_group: str = ""
    receiver_group: str = ""
    envelope: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(standard: str, interchange: Mapping[str, Any], group: Mapping[str, Any] | None = None) -> Parties:
        """The parties of a document's ``interchange`` and ``group``."""
        inner = group or {}
        names = ("sender", "sender_qualifier", "receiver", "receiver_qualifier", "usage")
        sender, sender_qualifier, receiver, receiver_qualifier, usage = (
            str(interchange.get(name) or "") for name in names
        )
        rest = {name: str(interchange[name]) for name in _ENVELOPE if interchange.get(name) is not None}
        return Parties(
            standard, sender, sender_qualifier, receiver, receiver_qualifier, usage,
            str(inner.get("sender") or ""), str(inner.get("receiver") or ""), rest,
        )  # fmt: skip


_ENVELOPE = ("recipient_reference", "authorisation_qualifier", "authorisation", "security_qualifier", "security")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was found. ``partner`` is None where no agreement fits; ``code`` and ``refusal`` then say why not."""

    partner: Partner | None
    theirs: IdentityOptions | None
    ours: IdentityOptions | None
    steps: tuple[Considered, ...]
    code: str = ""
    refusal: str = ""
    remedy: str = ""


def resolve(partners: Iterable[Partner], parties: Parties, environment_class: str = "") -> Resolution:
    """The partner whose agreement an interchange we received falls under. ``environment_class`` is ``prod``, ``test``,
    or '' where it does not matter."""
    steps: list[Considered] = []
    fitting: list[tuple[Partner, IdentityOptions, IdentityOptions]] = []
    for partner in partners:
        steps += _consider(partner, parties, fitting)
    if not fitting:
        return _unknown(parties, steps)
    partner, theirs, ours = min(fitting, key=lambda one: -bool(one[1].group) - (one[1].usage != "any"))
    return _checked(partner, theirs, ours, parties, environment_class, steps)


def _consider(
    partner: Partner, parties: Parties, fitting: list[tuple[Partner, IdentityOptions, IdentityOptions]]
) -> Iterator[Considered]:
    theirs, said = _best(partner, "identities", parties, ("sender", parties.sender_qualifier, parties.sender,
                                                          parties.sender_group))  # fmt: skip
    if theirs is None:
        yield from said
        return
    ours, about_us = _best(partner, "us", parties, ("receiver", parties.receiver_qualifier, parties.receiver,
                                                    parties.receiver_group))  # fmt: skip
    yield from said
    yield from about_us
    if ours is not None:
        fitting.append((partner, theirs, ours))


def _best(
    partner: Partner, where: str, parties: Parties, found: tuple[str, str, str, str]
) -> tuple[IdentityOptions | None, list[Considered]]:
    """The identity that fits; where none does, all that were looked at."""
    looked: list[Considered] = []
    fits: list[tuple[int, IdentityOptions, Considered]] = []
    for number, identity in enumerate(getattr(partner.options, where)):
        if identity.standard != parties.standard:
            continue
        compared = tuple(_compared(identity, parties, found))
        taken = all(one.equal for one in compared)
        who = "sender" if where == "identities" else "receiver"
        one = Considered(
            who, f"{partner.name}: {identity.qualifier} {identity.id}".replace(":  ", ": "), taken,
            f"it is the {who}" if taken else "not equal: " + ", ".join(c.what for c in compared if not c.equal),
            compared, f"{partner.file.name}:{partner.file.line((where, number))}",
        )  # fmt: skip
        looked.append(one)
        if taken:
            fits.append((bool(identity.group) + (identity.usage == _USAGES.get(parties.usage, "")), identity, one))
    if not looked:
        text = f"no {where} of standard {parties.standard}"
        return None, [Considered("standard", partner.name, False, text, place=f"{partner.file.name}:1")]
    if not fits:
        return None, looked
    best = max(fits, key=lambda one: one[0])
    return best[1], [best[2]]


_USAGES = {"P": "production", "T": "test", "I": "test"}


def _compared(
    identity: IdentityOptions, parties: Parties, found: tuple[str, str, str, str]
) -> Iterator[Comparison]:  # fmt: skip
    who, qualifier, name, group = found
    other = (parties.receiver_qualifier, parties.receiver) if who == "sender" else (
        parties.sender_qualifier, parties.sender)  # fmt: skip
    swapped = (identity.qualifier, identity.id) == other
    yield _comparison(f"{who} qualifier", identity.qualifier, qualifier, swapped)
    yield _comparison(f"{who} id", identity.id, name, swapped)
    if identity.group and group:
        yield _comparison(f"{who} in group", identity.group, group, False)


def _comparison(what: str, agreed: str, found: str, swapped: bool) -> Comparison:
    if agreed == found:
        return Comparison(what, agreed, found, True)
    return Comparison(
        what, agreed, found, False, "sender and receiver are swapped" if swapped else near_miss(agreed, found)
    )


def near_miss(agreed: str, found: str) -> str:
    """Why two texts that differ are nearly the same, or ''.

    >>> near_miss("02", "2"), near_miss("ACME", "acme "), near_miss("01", "ZZ")
    ('only leading zeros differ', 'only spaces and letter case differ', '')
    """
    if agreed.lstrip("0") == found.lstrip("0") and (agreed or found).strip("0"):
        return "only leading zeros differ"
    if agreed.strip() == found.strip():
        return "only spaces differ"
    if agreed.strip().casefold() == found.strip().casefold():
        return "only letter case differs" if agreed.casefold() == found.casefold() else (
            "only spaces and letter case differ")  # fmt: skip
    if not agreed or not found:
        return f"it is empty in the {'agreement' if not agreed else 'interchange'}"
    plain = ["".join(filter(str.isalnum, text)).casefold() for text in (agreed, found)]
    if plain[0] == plain[1]:
        return "only punctuation differs"
    alike = difflib.SequenceMatcher(None, agreed, found).ratio()
    least = 9 if agreed.isdigit() else 5
    return "nearly the same" if len(agreed) >= least and alike >= 0.8 else ""


def _unknown(parties: Parties, steps: Sequence[Considered]) -> Resolution:
    who = f"{parties.sender_qualifier} {parties.sender}".strip()
    to = f"{parties.receiver_qualifier} {parties.receiver}".strip()
    known_sender = next((step for step in steps if step.step == "sender" and step.taken), None)
    near = next((step for step in steps if step.near), None)
    if known_sender is not None:
        found = f"sender {who!r} is known, receiver {to!r} is not agreed with it"
        remedy = "add the receiver under 'us:' of the partner"
    else:
        found = f"unknown sender {who!r} in {parties.standard}, to {to!r}"
        remedy = "add it under 'identities:' of a partner"
    if near is not None:
        remedy = f"{near.candidate} ({near.place}) nearly fits: {near.near}"
    return Resolution(None, None, None, tuple(steps), UNKNOWN, found, f"{remedy}; waypost edi explain shows each step")


def _checked(
    partner: Partner, theirs: IdentityOptions, ours: IdentityOptions, parties: Parties, environment_class: str,
    steps: list[Considered],
) -> Resolution:  # fmt: skip
    options, place = partner.options, f"{partner.file.name}:1"
    agreed = getattr(options, parties.standard)
    code, refusal, remedy = "", "", ""
    if not options.enabled:
        code, refusal, remedy = DISABLED, f"partner {partner.name!r} is not enabled", "set enabled: true, then retry"
    elif agreed is None:
        code, refusal = UNKNOWN, f"nothing is agreed with {partner.name!r} for {parties.standard}"
        remedy = f"add '{parties.standard}:' to {partner.file.name}"
    else:
        code, refusal, remedy = _usage(partner, theirs, ours, parties, agreed.receive, environment_class)
        if not code:
            code, refusal, remedy = _envelope(partner, parties, agreed.receive)
    steps.append(Considered("agreement", f"{partner.name} {parties.standard} version {partner.version}", not code,
                            refusal or "it fits", place=place))  # fmt: skip
    return Resolution(partner, theirs, ours, tuple(steps), code, refusal, remedy)


def _usage(
    partner: Partner, theirs: IdentityOptions, ours: IdentityOptions, parties: Parties, receive: Any,
    environment_class: str,
) -> tuple[str, str, str]:  # fmt: skip
    """Test and production must not mix: what the interchange says, what its identities are for, where we run."""
    said = _USAGES.get(parties.usage, "production")
    for identity, who in ((theirs, "sender"), (ours, "receiver")):
        if identity.usage not in ("any", said):
            text = f"{partner.name}: a {said} interchange, and {who} {identity.id!r} is for {identity.usage}"
            return MISMATCH, text, f"have the partner send it as {identity.usage}, or correct the identity's usage"
    here = {"prod": "production", "test": "test"}.get(environment_class, said)
    if receive.usage == "as-environment" and said != here:
        text = f"{partner.name}: a {said} interchange in a {here} environment"
        return MISMATCH, text, f"have the partner send it as {here}, or set usage: any in the agreement"
    return "", "", ""


def _envelope(partner: Partner, parties: Parties, receive: Any) -> tuple[str, str, str]:
    wanted: dict[str, str] = {}
    if parties.standard == "x12":
        names = ("authorisation_qualifier", "authorisation", "security_qualifier", "security")
        wanted = {name: getattr(receive.security, name) for name in names}
    else:
        wanted = {"recipient_reference": receive.recipient_reference}
    for name, value in wanted.items():
        if value and parties.envelope.get(name, "") != value:
            text = f"{partner.name}: {name.replace('_', ' ')} is {parties.envelope.get(name, '')!r}"
            return REFUSED, text, f"expected {value!r}, as agreed"
    return "", "", ""


def message_type(
    messages: Sequence[MessageOptions], kind: Mapping[str, Any], partner: Partner, way: str
) -> tuple[MessageOptions | None, list[Considered]]:
    """The agreed message type that fits ``kind`` (set, version, association, group), the most particular one; and all
    that were looked at. An agreement that names none takes every type."""
    looked: list[Considered] = []
    fits: list[tuple[int, int, MessageOptions]] = []
    for number, message in enumerate(messages):
        compared = [_comparison("set", message.set, str(kind.get("set") or ""), False)]
        for name in ("version", "association", "group"):
            agreed = getattr(message, name)
            if agreed:
                compared.append(_comparison(name, agreed, str(kind.get(name) or ""), False))
        taken = all(one.equal for one in compared)
        said = " ".join(filter(None, (message.set, message.version, message.association, message.group)))
        why = "it fits" if taken else "not equal: " + ", ".join(one.what for one in compared if not one.equal)
        line = partner.file.line((*tuple(way.split(".")), "messages", number))
        looked.append(Considered("message", said, taken, why, tuple(compared), f"{partner.file.name}:{line}"))
        if taken:
            fits.append((len(compared), -number, message))
    return (max(fits, key=lambda one: one[:2])[2] if fits else None), looked
