"""A report on a partner's file for people: as text, and as a page that shows each fault where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from waypost.core.page import Html, Tone, element, facts, html, joined, page, table, word
from waypost.partners.check import Fault, PartnerReport
from waypost.partners.view import segment_html, text_of

_MOST_LISTED = 200


def report_text(report: PartnerReport) -> Iterator[str]:
    """The lines of a text: the verdict, the envelopes, the document with its faults, the acknowledgement."""
    yield f"{report.file}: {_verdict(report)}"
    yield from (f"  {line}" for line in _sets(report))
    yield from (f"  {line}" for line in _parties(report))
    shown: set[int] = set()
    if report.faults:
        yield ""
        yield "faults, each with its place:"
    for fault in report.faults[:_MOST_LISTED]:
        yield from _fault_lines(fault, "  ")
    if len(report.faults) > _MOST_LISTED:
        yield f"  and {len(report.faults) - _MOST_LISTED} more; --json tells them all"
    if report.document:
        yield ""
        yield "the document:" if report.complete else "the document, its beginning:"
    for segment, faults in report.document:
        yield from text_of([segment])
        for fault in faults:
            if id(fault) not in shown:
                shown.add(id(fault))
                yield f"    {_mark(fault)} {fault.place}: {_said(fault)}"
    for answer in report.answers:
        yield ""
        yield _answer_title(answer.kind, answer.sent, answer.accepted) + ":"
        yield answer.content.rstrip("\n")
    if not report.answers:
        yield ""
        yield "no acknowledgement would be sent"


def report_page(report: PartnerReport, note: object = "") -> str:
    """The page. ``note`` is said at its head."""
    return page(f"{report.file}: {report.partner.name}", _body(report, note))


def _body(report: PartnerReport, note: object) -> Iterator[object]:
    yield element("h1", report.file)
    yield element("p", word(_verdict(report), _tone(report)))
    yield note
    options = report.partner.options
    yield facts([
        ("partner", f"{options.name or report.partner.name} ({report.partner.name})"),
        ("agreement", report.partner.version),
        ("standard", " ".join(filter(None, (report.report.standard, report.report.version)))),
        ("messages", joined(element("div", line) for line in _sets(report))),
        ("envelope", joined(element("div", line) for line in _parties(report))),
    ])  # fmt: skip
    if report.faults:
        yield element("h2", "What is wrong")
        yield table(("", "place", "found", "expected", "what to do"), map(_row, report.faults[:_MOST_LISTED]))
        if len(report.faults) > _MOST_LISTED:
            yield element("p", f"and {len(report.faults) - _MOST_LISTED} more", "soft")
    yield element("h2", "The acknowledgement we would send")
    for answer in report.answers:
        yield element("h3", _answer_title(answer.kind, answer.sent, answer.accepted))
        yield Html(f"<pre>{html(answer.content)}</pre>")
    if not report.answers:
        yield element("p", "None.", "soft")
    yield element("h2", "The document")
    if not report.document:
        yield element("p", "Nothing of it can be read as X12 or EDIFACT.", "soft")
    for segment, faults in report.document:
        if segment.level == "message":
            yield element("h3", segment.name or segment.tag)
        yield segment_html(segment, _worst(faults), _marked(faults), joined(map(_below, faults)))
    if not report.complete:
        yield element("p", "The rest is not shown.", "soft")


def _verdict(report: PartnerReport) -> str:
    counted = report.report
    if report.accepted:
        more = f", {counted.warnings} warnings" if counted.warnings else ""
        return f"accepted by the agreement with {report.partner.name}{more}"
    why = f"{counted.faults} faults" if counted.faults != 1 else "1 fault"
    if not report.covered and counted.interchanges:
        why = f"not covered by the agreement with {report.partner.name}" + (f", {why}" if counted.faults else "")
    return f"not accepted: {why}"


def _tone(report: PartnerReport) -> Tone:
    return "bad" if not report.accepted else "warn" if report.report.warnings else "good"


def _sets(report: PartnerReport) -> Iterator[str]:
    for one in report.report.sets.values():
        schema = f", held against {one.schema}" if one.schema else ", no schema for it"
        yield f"{one.accepted} of {one.received} {one.set} {one.version} accepted{schema}"


def _parties(report: PartnerReport) -> Iterator[str]:
    for one in report.interchanges:
        parties, found = one.parties, one.resolution
        sender = f"{parties.sender_qualifier} {parties.sender}".strip()
        receiver = f"{parties.receiver_qualifier} {parties.receiver}".strip()
        said = f"{sender} → {receiver}, usage {parties.usage or 'not said'}"
        if found.code:
            yield f"{said}: would be parked: {found.refusal}; {found.remedy}"
        elif found.partner is not None and found.partner.name != report.partner.name:
            yield f"{said}: comes under the agreement with another partner"
        else:
            yield f"{said}: as agreed"
        yield from (f"{kind.refusal}: would be parked" for kind in one.messages if kind.refusal)


def _mark(fault: Fault) -> str:
    return "!" if fault.finding.severity == "warning" else "✗"


def _said(fault: Fault) -> str:
    expected = f"; expected {fault.finding.expected}" if fault.finding.expected else ""
    return f"{fault.finding.found}{expected}; {fault.finding.hint}"


def _where(fault: Fault) -> str:
    one = fault.finding
    named = f"{one.segment} {fault.name}".strip()
    parts = [
        f"{fault.set} {fault.control_number}".strip(), f"segment {one.position}, {named}" if one.position else named,
        f"loop {one.loop}" if one.loop else "", f"byte {one.offset:,}" if one.offset >= 0 else "",
    ]  # fmt: skip
    return ", ".join(filter(None, parts))


def _rule(fault: Fault) -> str:
    rule = f", rule {fault.finding.rule}" if fault.finding.rule else ""
    return f"{fault.finding.code}, code {fault.code}, SNIP {fault.finding.snip}{rule}"


def _fault_lines(fault: Fault, indent: str) -> Iterator[str]:
    yield f"{indent}{_mark(fault)} {fault.place or fault.finding.level}: {_said(fault)}"
    yield f"{indent}    {_where(fault)}; {_rule(fault)}"


def _row(fault: Fault) -> tuple[object, ...]:
    warning = fault.finding.severity == "warning"
    place = joined([element("code", fault.place or fault.finding.level), element("div", _where(fault), "soft")])
    found = joined([fault.finding.found, element("div", _rule(fault), "soft")])
    return (word("warning" if warning else "error", "warn" if warning else "bad"), place, found,
            fault.finding.expected, fault.finding.hint)  # fmt: skip


def _worst(faults: list[Fault]) -> Tone:
    if not faults:
        return ""
    return "bad" if any(fault.finding.severity == "error" for fault in faults) else "warn"


def _marked(faults: list[Fault]) -> list[str]:
    return [fault.place for fault in faults if fault.finding.element]


def _below(fault: Fault) -> Html:
    warning = fault.finding.severity == "warning"
    tone: Tone = "warn" if warning else "bad"
    return element("div", joined([word(fault.place, tone), f": {_said(fault)}"]))


def _answer_title(kind: str, sent: bool, accepted: bool) -> str:
    verdict = "accepting" if accepted else "rejecting"
    if sent:
        return f"{kind}, {verdict}"
    return f"{kind}, {verdict}: not sent, since the interchange is parked"
