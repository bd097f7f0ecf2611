"""What a component can promise. The delivery contract and the conformance suite are computed from these words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Repetition(StrEnum):
    """What happens at a target when the same delivery comes twice."""

    DUPLICATES = "duplicates"
    """It shows twice: at-least-once."""
    SAME_PLACE = "same-place"
    """The second write lands on the first, byte for byte: effectively-once."""
    RECOGNISED = "recognised"
    """The system or a ledger in its own transaction refuses the repetition: effectively-once."""
    ASKED = "asked"
    """``resolve`` can find out whether it happened: effectively-once, nothing is sent blindly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTraits:
    """``ordered``: records come in the order they were made. ``redelivers``: what is not accepted is offered again.
    ``polling``: ``receive`` returns None when nothing is there, so ``--once`` can end. ``replies``: someone waits for
    an answer. ``resumes``: an offset into a long content is understood, so half-read content goes on where it was.
    ``listens``: its option ``path`` is a route of the one HTTP listener."""

    ordered: bool = True
    redelivers: bool = True
    polling: bool = True
    replies: bool = False
    resumes: bool = False
    listens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTraits:
    """``repetition``: see ``Repetition``. ``batch``: most messages of one ``send``; a send of several is all or
    nothing. ``concurrency``: sends in flight at once, also the most deliveries in doubt after a crash where the
    repetition duplicates. ``ordered``: messages of one send arrive in their order. ``answers``: outcomes carry what
    the system said. ``numbered``, ``reads_document``: it needs ``Outbound.sequence``, ``Outbound.document``."""

    repetition: Repetition = Repetition.DUPLICATES
    batch: int = 1
    concurrency: int = 8
    ordered: bool = True
    answers: bool = False
    numbered: bool = False
    reads_document: bool = False

    @property
    def needs_intent(self) -> bool:
        """Whether a delivery must be journaled before it is tried (durability rule 5)."""
        return self.repetition in (Repetition.DUPLICATES, Repetition.ASKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTraits:
    """``asks``: the kind of effect a step needs ('' = pure, 'requester', 'claim', 'clock', 'check_in', 'redeem',
    'program'). ``names_targets``: it routes. ``computes_targets``: which targets, only the message or a table says.
    ``itinerary``: each message it sends on has one stop less to make, so channels it leads to end. ``diverts``: it
    routes some messages and lets others go on. ``splits``: one message may become several. ``boundary``: it
    combines messages (``core.boundary``)."""

    asks: str = ""
    names_targets: bool = False
    computes_targets: bool = False
    itinerary: bool = False
    diverts: bool = False
    splits: bool = False
    boundary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatTraits:
    """``writes``: documents can be encoded. ``streams``: records are cut without holding the content.
    ``stages``: the whole content must be sound before its records are released (``unit: document``)."""

    writes: bool = True
    streams: bool = True
    stages: bool = False
