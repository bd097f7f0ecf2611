"""A companion guide for a partner, made from its agreement: who is who, envelopes, documents, acknowledgements,
deadlines, certificates, samples, and what changed since an earlier version. It prints well and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waypost.agreements.difference import changes
from waypost.agreements.load import Partner
from waypost.agreements.part import MessageOptions
from waypost.core.describe.declared import plain
from waypost.core.errors import ProjectError
from waypost.core.page import Html, element, facts, html, joined, page, table
from waypost.flow.declared.definition import Project
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.partners.certificate import held
from waypost.partners.certificate_report import certificate_parts
from waypost.partners.guide_document import document_parts
from waypost.partners.samples import NotMade, Sample, agreed_messages, samples_table, schema_of

_LEVELS = {"never": "not sent", "requested": "sent where the interchange asks for it", "always": "always sent",
           "errors": "sent where something is wrong"}  # fmt: skip
_ON_ERROR = {
    "reject-transaction": "A message with a fault is rejected alone.",
    "accept-with-errors": "A message with a fault is accepted, and the fault is named.",
    "reject-group": "A fault in a message rejects its group.",
    "reject-interchange": "A fault in a message rejects the interchange.",
}


@dataclass(frozen=True, slots=True)
class Guide:
    """What a guide is made from. ``before`` is the agreement its change log compares with."""

    partner: Partner
    project: Project
    at: datetime
    made: Sequence[Sample] = ()
    not_made: Sequence[NotMade] = ()
    before: Partner | None = None


def guide_page(guide: Guide) -> str:
    """The page."""
    title = f"{guide.partner.options.name or guide.partner.name}: companion guide"
    return page(title, _body(guide, title))


def _body(guide: Guide, title: str) -> Iterator[object]:
    partner, options = guide.partner, guide.partner.options
    yield element("h1", title)
    yield facts([
        ("about", options.description), ("agreement", partner.version), ("made", f"{guide.at:%Y-%m-%d}"),
        ("times in", options.zone), ("working time", options.calendar or "every hour counts"),
    ])  # fmt: skip
    yield from _people(guide)
    yield element("h2", "Identities")
    yield _identities("you", options.identities)
    yield _identities("we", options.us)
    for standard in ("x12", "edifact"):
        agreed = getattr(options, standard)
        if agreed is not None:
            yield from _standard(standard, agreed)
    yield from _endpoints(guide)
    yield from _deadlines(options.service_levels)
    schemas, told = ProjectSchemas(guide.project.files), set[str]()
    for standard, way, message in agreed_messages(partner):
        yield from _document(_Place(guide, standard, way, schemas, told), message)
    if guide.made or guide.not_made:
        yield element("h2", "Sample files")
        yield element("p", "All values are made up. Files with one fault say what is wrong with them.")
        yield samples_table(list(guide.made), list(guide.not_made))
        for sample in guide.made:
            if not sample.kind:
                yield element("h3", sample.name)
                yield Html(f"<pre>{html(sample.content.decode('latin-1'))}</pre>")
    yield from _changes(guide)


def _people(guide: Guide) -> Iterator[object]:
    options = guide.partner.options
    if options.contacts:
        yield element("h2", "Whom to ask")
        yield table(("name", "about", "whose", "mail", "telephone", "hours"), [
            (one.name, one.role, "yours" if one.side == "partner" else "ours", one.email, one.phone, one.hours)
            for one in options.contacts
        ])  # fmt: skip
    if options.escalation:
        yield element("h3", "When something stays wrong")
        yield table(("after", "who is told", "by", "what"), [
            (plain(one.after), one.contact, one.by, one.say) for one in options.escalation
        ])  # fmt: skip


def _identities(who: str, identities: Sequence[Any]) -> Html:
    return table(("who", "standard", "qualifier", "id", "in groups", "used for"), [
        (who, one.standard, element("code", one.qualifier), element("code", one.id),
         element("code", one.group) if one.group else "as the id", "test and production" if one.usage == "any" else
         one.usage)
        for one in identities
    ])  # fmt: skip


def _standard(standard: str, agreed: Any) -> Iterator[object]:
    yield element("h2", "X12 envelopes" if standard == "x12" else "EDIFACT envelopes")
    receive, send = agreed.receive, agreed.send
    yield element("h3", "What you send")
    yield facts([
        ("characters", receive.encoding), ("test and production", _usage(receive.usage)),
        *_secured(receive, standard), *_repetition(receive), ("checks", _validation(receive.validation)),
        *_duplicates(receive.duplicates),
    ])  # fmt: skip
    yield element("h3", "What we answer")
    yield from _owed(receive.acknowledge, standard)
    yield element("h3", "What we send")
    yield facts(_told(plain(send.envelope)))
    marks = plain(send.separators)
    yield table(("separator", "character"), [(name.replace("_", " "), element("code", value) if value else "none")
                                             for name, value in marks.items()])  # fmt: skip
    if send.expect:
        yield element("h3", "What we wait for")
        yield table(("acknowledgement", "of", "within", "counted in"), [
            (one.what, ", ".join(one.sets) or "all", plain(one.within),
             "working time" if one.working_time else "any time")
            for one in send.expect
        ])  # fmt: skip


def _usage(usage: str) -> str:
    return "tests are taken in test systems only, production in production only" if usage != "any" else "not compared"


def _secured(receive: Any, standard: str) -> list[tuple[str, object]]:
    if standard == "edifact":
        return [("recipient's reference (UNB 0022)", str(receive.recipient_reference))]
    return [(name.replace("_", " "), value) for name, value in plain(receive.security).items()]


def _repetition(receive: Any) -> list[tuple[str, object]]:
    said = {"separator": "ISA11 is the repetition separator", "standard": "ISA11 is the standards id"}
    return [("repetition", said.get(getattr(receive, "repetition", ""), ""))]


def _validation(policy: Any) -> str:
    parts = [
        "structure and lengths" if policy.structure else "", "codes, conditions and rules" if policy.extended else "",
        f"up to SNIP level {policy.snip}" if policy.snip < 7 else "",
        "no separators behind the last value" if policy.trailing_separators == "not-allowed" else "",
        *(f"{code} is {severity}" for code, severity in policy.severity.items()),
    ]  # fmt: skip
    return "; ".join(filter(None, parts)) or "none"


def _duplicates(duplicates: Any) -> list[tuple[str, object]]:
    return [(f"a repeated {name} is looked for", plain(value)) for name in ("interchange", "group", "transaction")
            if (value := getattr(duplicates, name))]  # fmt: skip


def _owed(owed: Any, standard: str) -> Iterator[object]:
    kind = owed.kind or ("997" if standard == "x12" else "CONTRL")
    rows: list[tuple[object, ...]] = [(kind, _LEVELS[owed.functional])]
    if standard == "x12":
        rows.insert(0, ("TA1", _LEVELS[owed.technical]))
    if owed.application != "none":
        rows.append((owed.application, "for the content of each message"))
    yield table(("acknowledgement", "when"), rows)
    deadline = f" We send it within {plain(owed.within)}." if owed.within is not None else ""
    named = "Accepted messages are named one by one." if owed.accepted else "Only messages with faults are named."
    yield element("p", f"{_ON_ERROR[owed.on_error]} {named}{deadline}")


def _told(data: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _told(value)
        elif value not in ("", None, [], False):
            yield name.replace("_", " "), "yes" if value is True else str(value)


def _endpoints(guide: Guide) -> Iterator[object]:
    options = guide.partner.options
    if options.endpoints:
        yield element("h2", "Where documents are exchanged")
        rows = []
        ways = {"receive": "you to us", "send": "we to you", "both": "both ways"}
        for name, one in options.endpoints.items():
            connection = guide.project.connections.get(str(one.connection)) if one.connection is not None else None
            kind = connection.use.component.name if connection is not None else ""
            rows.append((name, kind, ways[one.direction], _names(connection), one.path, one.description))
        yield table(("name", "by", "way", "names", "place", "what to know"), rows)
    certificates = held(guide.partner, guide.project)
    if certificates:
        yield element("h2", "Certificates")
        yield element("p", "Compare fingerprints by telephone, never by the same mail.")
        yield from certificate_parts(certificates)


def _names(connection: Any) -> str:
    """The AS2 names of both sides; of other connections nothing is told."""
    if connection is None or connection.use.component.name != "as2":
        return ""
    return f"we are {connection.use.options.us}, you are {connection.use.options.them}"


def _deadlines(levels: Sequence[Any]) -> Iterator[object]:
    if levels:
        yield element("h2", "Deadlines")
        yield table(("name", "document", "after", "within", "counted in", "otherwise"), [
            (one.name, one.what, one.after, plain(one.within), "working time" if one.working_time else "any time",
             one.penalty)
            for one in levels
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a guide a document is told of; ``told`` are the schemas that were told already."""

    guide: Guide
    standard: str
    way: str
    schemas: ProjectSchemas
    told: set[str]


def _document(place: _Place, message: MessageOptions) -> Iterator[object]:
    labels = place.schemas.library.labels(place.standard)
    said = " ".join(filter(None, (message.set, labels.messages.get(message.set, ""))))
    yield element("h2", f"{'You send' if place.way == 'receive' else 'We send'}: {said}")
    try:
        schema = schema_of(place.guide.partner, place.standard, message, place.schemas)
    except ProjectError as error:
        yield element("p", f"Its schema has a fault: {error.faults[0]}")
        return
    known = message.schema or (schema.name if schema is not None else "")
    yield facts([
        ("version", str(message.version)), ("association", str(message.association)),
        ("group's sender", str(message.group)), ("what it is for", message.description),
        ("held against", known or "nothing: there is no schema"),
        ("overlays", ", ".join(schema.overlays) if schema is not None else ""),
    ])  # fmt: skip
    if known in place.told:
        yield element("p", "Its segments, elements and rules are those told above.")
    elif schema is not None:
        place.told.add(known)
        yield from document_parts(schema, labels)


def _changes(guide: Guide) -> Iterator[object]:
    if guide.before is None:
        return
    found = changes(guide.before.options, guide.partner.options)
    yield element("h2", "What changed")
    yield element("p", f"From agreement {guide.before.version} to {guide.partner.version}.")
    if not found:
        yield element("p", "Nothing of the agreement.")
        return
    yield table(("what", "before", "now"), [(element("code", one.path), _value(one.before), _value(one.after))
                                            for one in found])  # fmt: skip


def _value(value: Any) -> Html:
    if value in (None, "", []):
        return element("span", "none", "soft")
    if isinstance(value, Mapping):
        return joined(_pairs(value.items()), ", ")
    return joined(value, ", ") if isinstance(value, list) else html(value)


def _pairs(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    return (f"{name}: {value}" for name, value in items if value not in ("", None, [], {}))
