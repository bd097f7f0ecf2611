"""``partners/NAME.yaml``: one trading partner and everything agreed with it.

What is exchanged in a standard is below ``x12`` and ``edifact``, each with what we receive and what we send; the names
of envelope fields in the summaries are those of the standards (ISA01, UNB 0025).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from waypost.agreements.receiving import EdifactReceiveOptions, X12ReceiveOptions
from waypost.agreements.sending import EdifactSendOptions, X12SendOptions
from waypost.core.calendar import zone_faults
from waypost.core.errors import near
from waypost.core.spec import ConnectionRef, Duration, Option, OptionFault, ProjectPath, Verbatim

Standard = Literal["x12", "edifact"]
Usage = Literal["any", "production", "test"]

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ID_WIDTH = {"x12": 15, "edifact": 35}
_QUALIFIER_WIDTH = {"x12": 2, "edifact": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityOptions:
    """A name in the envelopes of a standard."""

    standard: Annotated[Standard, Option("The standard whose envelopes carry it.")]
    id: Annotated[Verbatim, Option("The id: ISA06 or ISA08, UNB 0004 or 0010.", example="5012345000008")]
    qualifier: Annotated[
        Verbatim, Option("Its qualifier: ISA05 or ISA07, UNB 0007; empty where none is sent.", example="14")
    ] = Verbatim("")
    group: Annotated[
        Verbatim,
        Option("The name in groups (GS02, GS03, UNG); empty: any when received, the id when sent.", example="ACMEAP"),
    ] = Verbatim("")
    usage: Annotated[Usage, Option("What it may be used for: production, test, or both.")] = "any"

    def faults(self) -> Iterable[OptionFault]:
        for name, widths in (("id", _ID_WIDTH), ("qualifier", _QUALIFIER_WIDTH), ("group", _ID_WIDTH)):
            value, width = getattr(self, name), widths[self.standard]
            if len(value) > width:
                yield OptionFault(name, f"found {value!r}, {len(value)} characters", f"at most {width}")
            if value != value.strip():
                yield OptionFault(name, f"found {value!r}", "no spaces at its ends", "padding is added when written")
        if not self.id.strip():
            yield OptionFault("id", "found nothing", "the id that stands in the envelope")
        if self.standard == "x12" and not self.qualifier:
            yield OptionFault("qualifier", "found nothing", "two characters, such as '01', '14' or 'ZZ'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOptions:
    """A person or desk of the partner, or of ours for this partner."""

    name: Annotated[str, Option("Who it is.", example="EDI desk")]
    role: Annotated[str, Option("What they are asked about.", example="edi")] = ""
    side: Annotated[Literal["partner", "us"], Option("Whose they are.")] = "partner"
    email: Annotated[str, Option("Mail address.", example="edi@acme.example")] = ""
    phone: Annotated[str, Option("Telephone number.", example="+1 555 0100")] = ""
    hours: Annotated[str, Option("When they answer, in words and the partner's time.", example="Mon–Fri 8–17")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationOptions:
    """Who is told when something stays wrong."""

    after: Annotated[Duration, Option("How long it must have stayed wrong.", example="4h")]
    contact: Annotated[str, Option("Name of one of the contacts.", example="EDI desk")]
    by: Annotated[Literal["mail", "phone", "ticket"], Option("How they are told.")] = "mail"
    say: Annotated[str, Option("What is said or done.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """Where documents are exchanged; flows name the same connection."""

    connection: Annotated[ConnectionRef | None, Option("The system, as named in connections.yaml.")] = None
    direction: Annotated[Literal["receive", "send", "both"], Option("Which way documents go.")] = "both"
    path: Annotated[str, Option("Folder, mailbox or route there.", example="/inbound")] = ""
    shared: Annotated[bool, Option("Whether other partners' documents come the same way, as in a VAN mailbox.")] = False
    description: Annotated[str, Option("What to know about it.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOptions:
    """A certificate of the partner and the time in which it is used."""

    file: Annotated[ProjectPath, Option("The certificate, PEM or DER.", example="partners/certificates/acme.pem")]
    uses: Annotated[
        tuple[Literal["verify", "encrypt", "tls"], ...], Option("What for: their signatures, encrypting for them, TLS.")
    ] = ("verify", "encrypt")
    valid_from: Annotated[str, Option("First day it is used; empty: at once.", example="2026-01-01")] = ""
    valid_until: Annotated[str, Option("Last day it is used; empty: as the certificate says.")] = ""

    def faults(self) -> Iterable[OptionFault]:
        for name in ("valid_from", "valid_until"):
            if getattr(self, name) and not _DAY.fullmatch(getattr(self, name)):
                yield OptionFault(name, f"found {getattr(self, name)!r}", "a day such as 2026-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelOptions:
    """A promise to the partner or by it: one document follows another in time."""

    name: Annotated[str, Option("What it is called.", example="ship notice in time")]
    what: Annotated[str, Option("The document that is due.", example="856")]
    after: Annotated[str, Option("The document it follows.", example="850")] = ""
    within: Annotated[Duration, Option("How long it may take.", example="24h")] = Duration(86400)
    counted_from: Annotated[
        Literal["document", "ship", "delivery"],
        Option("From the document it follows; from the day goods leave, which that names; or back from the day they "
               "are to arrive."),
    ] = "document"  # fmt: skip
    working_time: Annotated[bool, Option("Whether only working time of the calendar counts.")] = True
    penalty: Annotated[str, Option("What a breach costs, in words.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TolerancesOptions:
    """How far figures of one order may differ before somebody is told."""

    quantity_percent: Annotated[
        float,
        Option("Of quantities, between what was ordered, confirmed, shipped and invoiced.", minimum=0, maximum=100),
    ] = 0
    price_percent: Annotated[float, Option("Of prices.", minimum=0, maximum=100)] = 0
    amount: Annotated[float, Option("Of totals, between invoices and payments, in their currency.", minimum=0)] = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class X12Options:
    """What is agreed for X12."""

    receive: Annotated[X12ReceiveOptions, Option("What they send us.")] = field(default_factory=X12ReceiveOptions)
    send: Annotated[X12SendOptions, Option("What we send them.")] = field(default_factory=X12SendOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdifactOptions:
    """What is agreed for EDIFACT."""

    receive: Annotated[EdifactReceiveOptions, Option("What they send us.")] = field(
        default_factory=EdifactReceiveOptions
    )
    send: Annotated[EdifactSendOptions, Option("What we send them.")] = field(default_factory=EdifactSendOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerOptions:
    """A trading partner."""

    partner: Annotated[str, Option("The partner's name in this project.", example="acme")]
    name: Annotated[str, Option("What the company is called.", example="Acme Retail Inc.")] = ""
    description: Annotated[str, Option("What is traded with it, in a sentence.")] = ""
    enabled: Annotated[bool, Option("Whether anything is exchanged; what comes while it is false is parked.")] = True
    zone: Annotated[str, Option("The partner's time zone.", example="America/Chicago")] = "UTC"
    calendar: Annotated[
        str, Option("Working time for its deadlines: a name of calendars/; empty: every hour counts.", example="us")
    ] = ""
    owner: Annotated[str, Option("The team that answers for this partner.")] = ""
    tags: Annotated[tuple[str, ...], Option("Words to find partners by.")] = ()
    identities: Annotated[tuple[IdentityOptions, ...], Option("How the partner is named in envelopes.")]
    us: Annotated[tuple[IdentityOptions, ...], Option("How we are named in envelopes exchanged with it.")]
    contacts: Annotated[tuple[ContactOptions, ...], Option("People to ask.")] = ()
    escalation: Annotated[tuple[EscalationOptions, ...], Option("Who is told, and when, that something is wrong.")] = ()
    endpoints: Annotated[dict[str, EndpointOptions], Option("Where documents are exchanged, by name.")] = field(
        default_factory=dict
    )
    certificates: Annotated[tuple[CertificateOptions, ...], Option("The partner's certificates.")] = ()
    service_levels: Annotated[tuple[ServiceLevelOptions, ...], Option("What is promised, both ways.")] = ()
    tolerances: Annotated[TolerancesOptions, Option("How far figures of an order may differ.")] = field(
        default_factory=TolerancesOptions
    )
    x12: Annotated[X12Options | None, Option("What is agreed for X12; without it nothing is exchanged in it.")] = None
    edifact: Annotated[
        EdifactOptions | None, Option("What is agreed for EDIFACT; without it nothing is exchanged in it.")
    ] = None

    def faults(self) -> Iterator[OptionFault]:
        if not _NAME.fullmatch(self.partner):
            yield OptionFault("partner", f"found {self.partner!r}", "a name such as acme: small letters and digits")
        yield from zone_faults("zone", self.zone)
        names = [contact.name for contact in self.contacts]
        for step in self.escalation:
            if step.contact not in names:
                remedy = near(step.contact, names) or "name it under 'contacts:'"
                yield OptionFault("escalation", f"no contact {step.contact!r}", "", remedy)
        for option in ("identities", "us"):
            known = {identity.standard for identity in getattr(self, option)}
            for standard in ("x12", "edifact"):
                if getattr(self, standard) is not None and standard not in known:
                    yield OptionFault(option, f"none of standard {standard}", f"one, since there is '{standard}:'")
                if getattr(self, standard) is None and standard in known and option == "identities":
                    text = f"an identity of standard {standard}, and no '{standard}:'"
                    yield OptionFault(option, text, f"'{standard}: {{}}', which takes all defaults")
