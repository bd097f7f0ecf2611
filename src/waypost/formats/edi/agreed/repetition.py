"""Repetitions of what a partner sent, by control number and by content, and what was agreed to become of them.

Looking is claiming: each number, and each content, is a key that belongs to whoever came first, for as long as the
agreement says. All messages of one interchange are one comer, so that neither its other parts nor reading it again
after a crash are repetitions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from waypost.agreements.load import Partner
from waypost.agreements.part import DuplicateOptions
from waypost.core.component import Failed, Noted, Request, Result
from waypost.core.errors import AgreementError, DataError
from waypost.core.finding import Finding as CoreFinding
from waypost.core.finding import Severity
from waypost.core.message import Message, id_text
from waypost.formats.edi.finding import Finding, finding
from waypost.formats.edi.row_write import rows_read

STEP = "agreed repetitions"
REPEATED = "partner-repeated"
_encode = msgspec.json.Encoder().encode
_MOST_NAMED = 20
_TAGS = {"x12": {"interchange": "ISA", "group": "GS"}, "edifact": {"interchange": "UNB", "group": "UNG"}}
_CODES = {"interchange": "interchange-repeated", "group": "group-repeated", "transaction": "message-repeated",
          "content": "content-repeated"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing that is looked for: ``key`` tells it from all others of the partner. ``parts`` are the messages of the
    document it covers. What is ``shared`` belongs to the whole interchange it came in."""

    level: str
    key: str
    number: str
    keep_seconds: float
    parts: range
    shared: bool


@dataclass(frozen=True, slots=True)
class Repeated:
    """A repetition, and the message that came first."""

    looked: Looked
    original: str

    def data(self) -> dict[str, str]:
        """As documents and people see it."""
        return {"level": self.looked.level, "number": self.looked.number, "original": self.original}


def repetitions(standard: str, partners: Mapping[str, Partner], flow: str) -> Repetitions | None:
    """What looks for the repetitions of these partners; None where none of their agreements asks for it."""
    agreed = {name: duplicates for name, partner in partners.items()
              if (duplicates := _agreed(partner, standard)) and duplicates.looked_for}  # fmt: skip
    return Repetitions(standard, agreed, flow) if agreed else None


def _agreed(partner: Partner, standard: str) -> DuplicateOptions | None:
    options = getattr(partner.options, standard)
    return options.receive.duplicates if options is not None else None


class Repetitions:
    """The step before the steps of a flow; an ``AskingStep`` whose questions are claims."""

    name, asks = STEP, "claim"

    def __init__(self, standard: str, agreed: Mapping[str, DuplicateOptions], flow: str) -> None:
        self._standard, self._agreed, self._flow = standard, agreed, flow

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._request(message.body) for message in batch]

    def _request(self, body: Any) -> Request | None:
        agreed = self._of(body)
        if agreed is None:
            return None
        where = "" if agreed.across == "partner" else f" in {self._flow}"
        claims = [[one.key, float(one.keep_seconds), one.shared] for one in _once(looked_for(body, agreed))]
        return Request(parameters={"claims": claims, "scope": f"repetitions of {body['partner']}{where}"})

    def _of(self, body: Any) -> DuplicateOptions | None:
        return self._agreed.get(str(body.get("partner"))) if isinstance(body, dict) else None

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._judged(message, answer or ()) for message, answer in zip(batch, answers, strict=True)]

    def _judged(self, message: Message, answer: Sequence[Sequence[Any]]) -> Result:
        agreed = self._of(message.body)
        if agreed is None:
            return message
        looked, seen = looked_for(message.body, agreed), set[str]()
        known = {one.key: str(answer_[1]) for one, answer_ in _answered(looked, answer)}
        found = []
        for one in looked:
            if one.key in known:
                found.append(Repeated(one, known[one.key]))
            elif one.key in seen:
                found.append(Repeated(one, id_text(message.id)))
            seen.add(one.key)
        return self._consequence(message, agreed, found) if found else message

    def _consequence(self, message: Message, agreed: DuplicateOptions, found: Sequence[Repeated]) -> Result:
        first = found[0]
        said = f"{_word(first.looked)} came before, as message {first.original}"
        where = f"partner {message.body['partner']}"
        if agreed.when_found == "park":
            remedy = "cancel it, or let it in: waypost retry ID --effects fresh"
            return Failed(AgreementError(said, where=where, expected="a new one", remedy=remedy, code=REPEATED))
        faults = [self._fault(one) for one in found[:_MOST_NAMED]]
        named = {**message.body, "repeated": [one.data() for one in found[:_MOST_NAMED]]}
        if agreed.when_found == "flag":
            notes = tuple(
                CoreFinding(f.segment, f.code, f.found, f.expected, severity=Severity.WARNING) for f in faults
            )
            return Noted(message.with_body(named), notes)
        parts = message.body.get("transactions")
        if not isinstance(parts, list):
            details = [fault.detail() for fault in faults]
            remedy = "have the sender send it under a new number, if it is meant"
            return Failed(DataError(said, where=where, expected="a new one", remedy=remedy,
                                    code=f"{self._standard}-{faults[0].code}", details=details))  # fmt: skip
        return message.with_body({**named, "transactions": self._rejected(parts, found)})

    def _rejected(self, parts: Sequence[Any], found: Sequence[Repeated]) -> list[Any]:
        why: dict[int, list[dict[str, Any]]] = {}
        for one in found:
            for at in one.looked.parts:
                why.setdefault(at, []).append(self._fault(one).detail())
        return [
            {**part, "accepted": False, "errors": [*why[at], *part.get("errors", ())]} if at in why else part
            for at, part in enumerate(parts)
        ]

    def _fault(self, one: Repeated) -> Finding:
        level = one.looked.level
        tag = _TAGS[self._standard].get(level, "ST" if self._standard == "x12" else "UNH")
        where: Any = level if level in ("interchange", "group") else "transaction"
        return finding(_CODES[level], tag, 1, level=where, found=f"{_word(one.looked)} again",
                       expected=f"a new one; it came as message {one.original}")  # fmt: skip


def _word(one: Looked) -> str:
    return f"content of message {one.number}" if one.level == "content" else (
        f"{'message' if one.level == 'transaction' else one.level} {one.number}")  # fmt: skip


def _once(looked: Sequence[Looked]) -> list[Looked]:
    """Each key once: the same one asked for twice would be answered twice."""
    return list({one.key: one for one in looked}.values())


def _answered(looked: Sequence[Looked], answer: Sequence[Sequence[Any]]) -> Iterator[tuple[Looked, Sequence[Any]]]:
    asked = _once(looked)
    return ((asked[int(one[0])], one) for one in answer)


def looked_for(body: Mapping[str, Any], agreed: DuplicateOptions) -> list[Looked]:
    """Everything in a document that may be a repetition, the whole before its parts."""
    interchange = body.get("interchange") or {}
    several = isinstance(body.get("transactions"), list)
    parts = body["transactions"] if several else [body]
    ids = ("sender_qualifier", "sender", "receiver_qualifier", "receiver", "usage")
    who = ":".join(str(interchange.get(name) or "") for name in ids)
    everything, found = range(len(parts)), list[Looked]()
    if agreed.interchange:
        number = _plain(interchange.get("control_number"))
        found.append(Looked("interchange", f"{who} interchange {number}", number, agreed.interchange, everything, True))
    if agreed.group:
        for group, covered in _groups(body, parts):
            number = _plain(group.get("control_number"))
            key = f"{who} group {group.get('functional_id') or ''} {group.get('sender') or ''} {number}"
            found.append(Looked("group", key, number, agreed.group, covered, not several))
    for at, part in enumerate(parts):
        said = part.get("transaction") or {}
        number, kind = _plain(said.get("control_number")), str(said.get("set") or "")
        if agreed.transaction:
            key = f"{who} message {kind} {number}"
            found.append(Looked("transaction", key, number, agreed.transaction, range(at, at + 1), False))
        if agreed.content:
            digest = hashlib.blake2b(_encode(rows_read(part)), digest_size=16).hexdigest()
            key = f"{who} content {kind} {digest}"
            found.append(Looked("content", key, number, agreed.content, range(at, at + 1), False))
    return found


def _groups(body: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], range]]:
    """Each group with the parts it holds: they follow each other."""
    begun = 0
    for at in range(1, len(parts) + 1):
        group = parts[begun].get("group") or body.get("group")
        if at == len(parts) or (parts[at].get("group") or body.get("group")) is not group:
            if group:
                yield group, range(begun, at)
            begun = at


def _plain(number: Any) -> str:
    """A control number however it is padded."""
    text = str(number or "").strip()
    return text.lstrip("0") or text
