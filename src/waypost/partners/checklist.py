"""The go-live checklist of a partner: each item decided by evidence, with what to do next, and a score of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from waypost.agreements.load import Partner
from waypost.partners.certificate import Checked
from waypost.partners.samples import NotMade, Sample, agreed_messages
from waypost.reconcile.books import Books

State = Literal["done", "missing", "unneeded"]
_SHOWN = 90
_ACKNOWLEDGEMENTS = frozenset({"997", "999", "CONTRL", "TA1", "824", "APERAK"})


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be done before going live. Where ``must`` is false it counts for the score alone."""

    name: str
    state: State
    evidence: str
    next: str = ""
    must: bool = True

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"item": self.name, "state": self.state, "must": self.must, "evidence": self.evidence, "next": self.next}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out about a partner. ``accepted`` counts test files and stored messages that were accepted, by
    set; ``rejected`` those that were not. ``reached`` says of each connection tried whether it answered, and what was
    said. ``numbered`` are the sequences that gave a number."""

    partner: Partner
    accepted: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    samples: Sequence[Sample | NotMade] = ()
    certificates: Sequence[Checked] = ()
    reached: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    numbered: Sequence[str] = ()
    books: Books = field(default_factory=Books)


@dataclass(frozen=True, slots=True)
class Score:
    """The items, and how many of those needed are done."""

    items: Sequence[Item]

    @property
    def percent(self) -> int:
        """Whole percent of the items needed, those that must be done counting twice; 100 only where all are done."""
        needed = [one for one in self.items if one.state != "unneeded"]
        whole = sum(1 + one.must for one in needed)
        done = sum(1 + one.must for one in needed if one.state == "done")
        return int(100 * done / whole) if whole else 0

    @property
    def ready(self) -> bool:
        """Whether everything that must be done is."""
        return not any(one.must and one.state == "missing" for one in self.items)

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {"score": self.percent, "ready": self.ready, "items": [one.data() for one in self.items]}


def score(evidence: Evidence) -> Score:
    """The checklist of a partner."""
    return Score([
        *_file(evidence.partner), *_documents(evidence), _samples(evidence), _acknowledged(evidence),
        _expected(evidence), _numbers(evidence), *_endpoints(evidence), _certificates(evidence),
        *_people(evidence.partner),
    ])  # fmt: skip


def _item(name: str, done: bool, evidence: str, following: str, must: bool = True) -> Item:
    return Item(name, "done" if done else "missing", evidence, "" if done else following, must)


def _file(partner: Partner) -> Iterator[Item]:
    options = partner.options
    live = [one.id for one in options.identities if one.usage in ("any", "production")]
    yield _item("identities for production", bool(live), ", ".join(live) or "only for tests",
                "add the identity production is sent under")  # fmt: skip
    documents = list(dict.fromkeys(f"{message.set} {way}" for _, way, message in agreed_messages(partner)))
    yield _item("documents agreed", bool(documents), ", ".join(documents) or "none is named, so that any is taken",
                "list them under messages:")  # fmt: skip


def _documents(evidence: Evidence) -> Iterator[Item]:
    """Each document they send: at least one was accepted, as a test file or as traffic."""
    for set_id in dict.fromkeys(m.set for _, way, m in agreed_messages(evidence.partner) if way == "receive"):
        good, bad = evidence.accepted.get(set_id, 0), evidence.rejected.get(set_id, 0)
        found = f"{good} accepted" + (f", {bad} not" if bad else "") if good or bad else "none was seen"
        yield _item(f"test file of {set_id} accepted", good > 0, found,
                    "have the partner use the self-test, or name its files with --files")  # fmt: skip


def _samples(evidence: Evidence) -> Item:
    made = [one for one in evidence.samples if isinstance(one, Sample)]
    lacking = [one for one in evidence.samples if isinstance(one, NotMade)]
    name = "samples round-tripped"
    if not made and not lacking:
        return Item(
            name, "missing", "no document is agreed that one could be made of", "list documents under messages:"
        )
    text = f"{len(made)} made, accepted and written back byte by byte"
    why = "; ".join(f"{one.set}: {one.why}" for one in lacking)
    return _item(name, not lacking, why or text, "correct the schema or overlay of these documents")


def _acknowledged(evidence: Evidence) -> Item:
    """What we sent was acknowledged, and nothing is wrong with what came back."""
    name = "acknowledgements received and matched"
    sent = [one for one in evidence.books.expectations if one.rule.direction == "sent"]
    if not _sends(evidence.partner):
        return Item(name, "unneeded", "we send nothing that is acknowledged")
    closed = [one for one in sent if one.verdict == "accepted"]
    wrong = [one for one in sent if one.state == "overdue" or one.verdict in ("rejected", "partly")]
    wrong_text = f", {len(wrong)} overdue or rejected" if wrong else ""
    found = f"{len(closed)} of {len(sent)} accepted{wrong_text}" if sent else "nothing was sent yet"
    following = "see waypost partner acks --troubled" if wrong else "send a test document and have it acknowledged"
    return _item(name, bool(closed) and not wrong, found, following)


def _sends(partner: Partner) -> bool:
    return any(way == "send" and message.set not in _ACKNOWLEDGEMENTS for _, way, message in agreed_messages(partner))


def _expected(evidence: Evidence) -> Item:
    name, options = "expectation set", evidence.partner.options
    waited = [
        one.what for standard in (options.x12, options.edifact) if standard is not None for one in standard.send.expect
    ]
    if not _sends(evidence.partner):
        return Item(name, "unneeded", "we send nothing that is acknowledged")
    return _item(name, bool(waited), ", ".join(waited) or "no acknowledgement is waited for",
                 "say which under send.expect")  # fmt: skip


def _numbers(evidence: Evidence) -> Item:
    name, data = "control numbers set", evidence.partner.file.data
    written = [s for s in ("x12", "edifact") if ((data.get(s) or {}).get("send") or {}).get("numbers")]
    if not _sends(evidence.partner) and not evidence.numbered:
        return Item(name, "unneeded", "we send nothing but acknowledgements", must=False)
    found = [*(f"ranges of {one} in the file" for one in written), *(f"{one} in use" for one in evidence.numbered)]
    return _item(name, bool(found), ", ".join(found[:4]) or "the defaults, and none was given yet",
                 "agree on the first number: send.numbers, or waypost partner set-number")  # fmt: skip


def _endpoints(evidence: Evidence) -> Iterator[Item]:
    named = [str(one.connection) for one in evidence.partner.options.endpoints.values() if one.connection is not None]
    places = ", ".join(evidence.partner.options.endpoints)
    yield _item("endpoint named", bool(places), places or "none", "name where documents are exchanged: endpoints:")
    for connection in dict.fromkeys(named):
        good, said = evidence.reached.get(connection, (False, "not tried"))
        following = "check its address and credentials" if connection in evidence.reached else "try it with --connect"
        yield _item(f"connection {connection} tried", good, said, following)


def _certificates(evidence: Evidence) -> Item:
    name, wrong = "certificates", [one for one in evidence.certificates if one.verdict == "fail"]
    if not evidence.certificates:
        return Item(name, "unneeded", "none is named, and no endpoint is over AS2")
    text = "; ".join(f"{one.subject}: {one.found}" for one in wrong[:3])
    return _item(name, not wrong, text or f"{len(evidence.certificates)} checks, none failed",
                 "see waypost partner certificates")  # fmt: skip


def _people(partner: Partner) -> Iterator[Item]:
    options = partner.options
    for side, whose in (("partner", "theirs"), ("us", "ours")):
        found = [one.name for one in options.contacts if one.side == side and (one.email or one.phone)]
        yield _item(f"contact, {whose}", bool(found), ", ".join(found) or "nobody with a mail address or telephone",
                    f"add one under contacts: (side: {side})", must=side == "partner")  # fmt: skip
    steps = [f"{one.contact} after {one.after / 3600:g} h" for one in options.escalation]
    yield _item("escalation", bool(steps), ", ".join(steps) or "none", "say who is told, and when: escalation:")
    yield _item("owner", bool(options.owner), options.owner or "nobody", "say which team answers for it: owner:",
                must=False)  # fmt: skip
    yield _item("working time", bool(options.calendar), options.calendar or "every hour counts for deadlines",
                "name a calendar of its working days", must=False)  # fmt: skip
    promises = [one.name for one in options.service_levels]
    yield _item("promises", bool(promises), ", ".join(promises) or "none", "agree on deadlines: service_levels:",
                must=False)  # fmt: skip


def lines(found: Score) -> Iterable[tuple[str, str, str, str]]:
    """The items as rows of a table of text."""
    words = {"done": "done", "missing": "MISSING", "unneeded": "not needed"}
    for one in found.items:
        state = words[one.state] if one.must or one.state != "missing" else "open"
        short = one.evidence if len(one.evidence) <= _SHOWN else one.evidence[: _SHOWN - 1] + "…"
        yield state, one.name, short, one.next
