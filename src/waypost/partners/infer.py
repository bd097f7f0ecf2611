"""Proposes a partner's overlays and a guide page from sample files: what is used, how often, with which codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from waypost.core.errors import ProjectError
from waypost.core.page import Html, element, joined, page, table
from waypost.formats.edi.agreed.schemas import ProjectSchemas
from waypost.formats.edi.schema.model import Element, Loop, Schema, Use
from waypost.partners.view import Shown, view

_MOST_CODES = 12
_LEAST_SAMPLES = 3
"""With fewer messages than this nothing is taken away and no code list is closed."""


@dataclass(slots=True)
class Usage:
    """What the messages of one set and version were seen to use."""

    standard: str
    version: str
    message: str
    messages: int = 0
    files: set[str] = field(default_factory=set)
    segments: Counter[str] = field(default_factory=Counter)
    """In how many messages a segment stands."""
    most: Counter[str] = field(default_factory=Counter)
    """How often at most in one message."""
    values: dict[str, Counter[str]] = field(default_factory=dict)
    lengths: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    meanings: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, segments: Sequence[Shown]) -> None:
        """One more message."""
        self.messages += 1
        counted = Counter(one.tag for one in segments)
        for tag, count in counted.items():
            self.segments[tag] += 1
            self.most[tag] = max(self.most[tag], count)
        for one in segments:
            self.names.setdefault(one.tag, one.name)
            for value in one.values:
                seen = self.values.setdefault(value.place, Counter())
                if value.value in seen or len(seen) <= _MOST_CODES:
                    seen[value.value] += 1
                self.lengths[value.place] = max(self.lengths[value.place], len(value.value))
                self.names.setdefault(value.place, value.name)
                if value.meaning:
                    self.meanings[value.place, value.value] = value.meaning


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one message type."""

    usage: Usage
    base: str
    overlay: str
    lines: Sequence[str]
    left_out: Sequence[str]
    """What was seen and could not be said in an overlay."""


def infer(files: Mapping[str, Iterable[bytes]], schemas: ProjectSchemas, partner: str) -> list[Proposal]:
    """A proposal for every message type in some files, by name. Raises ``DataError`` for a message beyond the limit."""
    found: dict[tuple[str, str, str], Usage] = {}
    for name, pieces in files.items():
        _read(name, pieces, schemas, found)
    return [_proposal(usage, schemas, partner) for _, usage in sorted(found.items())]


def _read(
    name: str, pieces: Iterable[bytes], schemas: ProjectSchemas, found: dict[tuple[str, str, str], Usage]
) -> None:
    version, usage = "", None
    inside: list[Shown] = []
    for one in view(pieces, schemas):
        if one.level == "segment":
            inside.append(one)
            continue
        if usage is not None and inside:
            usage.add(inside[:-1])
        usage, inside = None, []
        said = {value.place: value.value for value in one.values}
        if one.tag == "GS":
            version = said.get("GS08", "")
        if one.level == "message":
            x12 = one.tag == "ST"
            key = ("x12", version[:6], said.get("ST01", "")) if x12 else (
                "edifact", said.get("UNH02-2", "") + said.get("UNH02-3", ""), said.get("UNH02-1", ""))  # fmt: skip
            usage = found.setdefault(key, Usage(*key))
            usage.files.add(name)
    if usage is not None and inside:
        usage.add(inside[:-1])


def _proposal(usage: Usage, schemas: ProjectSchemas, partner: str) -> Proposal:
    base = f"{usage.standard}/{usage.version}/{usage.message}"
    schema = schemas.find(base)
    lines: list[str] = []
    left: list[str] = []
    if schema is not None:
        for line in _candidates(usage, schema):
            (lines if _loads(base, [*lines, line], schemas) else left).append(line)
    head = [
        f"overlay: partner/{partner}/{usage.message}", f"use: {base}",
        f"description: proposed from {usage.messages} messages of {len(usage.files)} files; look it over before use",
        "provenance: the partner's own messages",
    ]  # fmt: skip
    text = "\n".join([*head, *(["set:", *(f"  {line}" for line in lines)] if lines else [])]) + "\n"
    return Proposal(usage, base if schema else "", text, lines, left)


def _candidates(usage: Usage, schema: Schema) -> Iterable[str]:
    if usage.messages >= _LEAST_SAMPLES:
        yield from _unused("", schema.root, usage)
    for tag in sorted(usage.segments):
        segment = schema.segments.get(tag)
        for number, item in enumerate(segment.elements if segment else (), 1):
            if isinstance(item, Element):
                yield from _element(usage, f"{tag}/{number}", f"{tag}{number:02}", item)


def _unused(path: str, loop: Loop, usage: Usage) -> Iterable[str]:
    for item in loop.body:
        name = item.name if isinstance(item, Loop) else item.tag
        if item.required:
            if isinstance(item, Loop):
                yield from _unused(f"{path}{name}/", item, usage)
        elif not usage.segments[item.tag]:
            yield f"{path}{name}: {{max: 0}}"
        elif isinstance(item, Loop):
            yield from _unused(f"{path}{name}/", item, usage)
        elif isinstance(item, Use) and not path and 1 < usage.most[item.tag] < item.maximum:
            yield f"{name}: {{max: {usage.most[item.tag]}}}"


def _element(usage: Usage, place: str, seen: str, element: Element) -> Iterable[str]:
    values = usage.values.get(seen)
    if not values or usage.messages < _LEAST_SAMPLES:
        return
    if element.kind in ("ID", "an", "a") and element.maximum <= 3 and len(values) <= _MOST_CODES and len(
        values) < sum(values.values()):  # fmt: skip
        codes = ", ".join(f'"{value}"' for value in sorted(values) if '"' not in value and "\\" not in value)
        yield f"{place}: {{codes: [{codes}]}}"


def _loads(base: str, lines: Sequence[str], schemas: ProjectSchemas) -> bool:
    text = f"use: {base}\nset:\n" + "".join(f"  {line}\n" for line in lines)
    name = "schemas/proposed.yaml"
    try:
        return ProjectSchemas({**schemas.files, name: text.encode()}).find(name) is not None
    except ProjectError:
        return False


def guide_of(proposals: Sequence[Proposal], partner: str) -> str:
    """The guide as an HTML page that loads nothing: each message type, its segments, elements, codes and lengths."""
    return page(f"{partner}: EDI guide", _guide(proposals, partner))


def _guide(proposals: Sequence[Proposal], partner: str) -> Iterator[Html]:
    yield element("h1", f"{partner}: what is exchanged")
    for proposal in proposals:
        usage = proposal.usage
        yield element("h2", " ".join((usage.standard, usage.version, usage.message)))
        yield element("p", f"Seen in {usage.messages} messages of {len(usage.files)} files.")
        yield table(("place", "name", "used", "longest", "values"), _usage_rows(usage), ("longest",))


def _usage_rows(usage: Usage) -> Iterator[tuple[object, ...]]:
    for tag in usage.segments:
        often = f"{usage.segments[tag]} of {usage.messages}, at most {usage.most[tag]} times"
        yield element("b", tag), usage.names.get(tag, ""), often, "", ""
        for place in sorted(p for p in usage.values if p.startswith(tag) and p[len(tag) : len(tag) + 1].isdigit()):
            count = str(sum(usage.values[place].values()))
            yield element("code", place), usage.names.get(place, ""), count, usage.lengths[place], _said(usage, place)


def _said(usage: Usage, place: str) -> Html:
    values = usage.values[place]
    if len(values) > _MOST_CODES:
        return joined(["e.g. ", element("code", next(iter(values)))])
    return joined(
        (joined([element("code", value), f" {usage.meanings.get((place, value), '')}".rstrip()])
         for value in sorted(values)), ", ",
    )  # fmt: skip
