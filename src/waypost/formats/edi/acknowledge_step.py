"""Turns a received X12 group or transaction set into the 997 that acknowledges it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.agreements.load import Partner
from waypost.agreements.part import OwedOptions
from waypost.core.component import Dropped, Failed, Result, Split
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.traits import StepTraits
from waypost.formats.edi.acknowledge import acknowledgement_for
from waypost.formats.edi.agreed.gate import partners_of
from waypost.formats.edi.agreed.owed import documents, wanted

CONTENT_TYPE = "application/edi-x12"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeOptions:
    """Nothing needs to be said: the acknowledgement follows from what was received, and from the agreement with the
    partner it came from, where the flow reads under one."""


@registry.register("step", "acknowledge", options=AcknowledgeOptions, traits=StepTraits(), example="{}")
class Acknowledge:
    """Translates a document of the x12 format into its functional acknowledgement.

    With ``format: {x12: {unit: group}}`` one 997 answers a whole group and rejects what was found wrong; after a
    format of single transaction sets each is answered alone, and always accepted, since a wrong one never gets here.
    Acknowledgements themselves are dropped.

    After a format with ``partner`` the agreement decides, also for EDIFACT: whether any is owed, 997, 999 with its
    context or CONTRL, whether accepted messages are named, what one fault does to its neighbours, and whether 824,
    APERAK or 277CA are made beside, each an interchange of its own. With ``unit: interchange`` a TA1 answers the
    interchange itself where the agreement asks for it, and one 997 or 999 each of its groups.
    """

    def __init__(self, options: AcknowledgeOptions, grants: Grants) -> None:
        self._partners = partners_of(("any",), grants) if grants.list_files else {}
        self._name = grants.name

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._answer(message) for message in batch]

    def _answer(self, message: Message) -> Result:
        group = message.body.get("group") if isinstance(message.body, dict) else None
        if isinstance(group, dict) and group.get("functional_id") == "FA":
            return Dropped("acknowledgements are not acknowledged")
        try:
            partner = message.body.get("partner") if isinstance(message.body, dict) else None
            if partner in self._partners:
                return self._owed(message, self._partners[partner])
            document = acknowledgement_for(message.body, received_at=message.received_at)
        except DataError as error:
            return Failed(error)
        return message.with_body(document, CONTENT_TYPE)

    def _owed(self, message: Message, partner: Partner) -> Result:
        standard = "edifact" if "syntax" in (message.body.get("interchange") or {}) else "x12"
        agreed = getattr(partner.options, standard)
        owed = agreed.receive.acknowledge if agreed is not None else OwedOptions(functional="never")
        if why := wanted(message.body, owed):
            return Dropped(why)
        content_type = CONTENT_TYPE if standard == "x12" else "application/edifact"
        made = [
            message.with_body(document, content_type) for document in documents(message.body, owed, message.received_at)
        ]
        if len(made) == 1:
            return made[0]
        children = [made_.derive(self._name, number, made_.body) for number, made_ in enumerate(made)]
        return Split(tuple(children))
