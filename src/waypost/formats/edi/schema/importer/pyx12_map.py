"""Reads the map XML of pyx12: guides with usage, codes and repetition; lengths stand in its ``dataele.xml``."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.formats.edi.schema.importer.build import (
    Builder,
    children,
    local,
    loop,
    parse_xml,
    sized,
    text_of,
    use,
    whole,
)
from waypost.formats.edi.schema.importer.files import Imported

_ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1"})
_VERSION = re.compile(r"([0-9]{4})(?:\.(X[0-9]{3}(?:\.?A[0-9])?))?")


def read_pyx12(content: bytes, name: str) -> list[Imported]:
    """The files one map becomes; of ``dataele.xml`` a dictionary of elements."""
    root = parse_xml(content, name)
    builder = Builder()
    if local(root) != "transaction":
        return _elements(root, name)
    message = root.get("xid", "message")
    body = _body(builder, root)
    match = _VERSION.search(name)
    release = f"00{match[1]}" if match else "unknown"
    version = release + (match[2].replace(".", "") if match and match[2] else "")
    return builder.files("x12", version, message, "", body, "imported from a map of pyx12, structure and codes only")


def _elements(root: ET.Element, name: str) -> list[Imported]:
    found = {}
    for item in root.iter():
        number = item.get("ele_num")
        if number:
            kind = item.get("data_type", "AN")
            found[number] = sized(kind, whole(item.get("min_len"), 1), whole(item.get("max_len"), 1) or None)
    if not found:
        raise ProjectError([Fault(name, 0, "edi-import", "neither a map nor elements", "a map of pyx12")])
    said = "imported from the elements of pyx12"
    return [Imported("x12/elements/dictionary.yaml", {"provenance": said, "elements": found})]


def _body(builder: Builder, holder: ET.Element) -> list[Any]:
    body: list[Any] = []
    for item in children(holder, "loop", "segment"):
        required = text_of(item, "usage") == "R"
        if text_of(item, "usage") == "N":
            continue
        if local(item) == "segment":
            tag = item.get("xid", "")
            if tag not in _ENVELOPE:
                body.append(_segment(builder, item, tag, required))
            continue
        inner = _body(builder, item)
        if item.get("type") in ("explicit", "wrapper"):  # the envelope, and tables of a set
            body += inner
        elif inner:
            body.append(loop(item.get("xid", "loop"), required, _many(text_of(item, "repeat")), inner))
    return body


def _segment(builder: Builder, item: ET.Element, tag: str, required: bool) -> Any:
    fields = [_field(builder, f) for f in children(item, "element", "composite")]
    notes = [
        note for s in children(item, "syntax") if re.fullmatch("[PRECL]([0-9]{2}){2,}", note := (s.text or "").strip())
    ]
    builder.segment(tag, fields, notes)
    return use(tag, required, _many(text_of(item, "max_use")))


def _field(builder: Builder, item: ET.Element) -> str:
    required = text_of(item, "usage") == "R"
    ref = text_of(item, "data_ele")
    repeat = whole(text_of(item, "repeat"), 1)
    if local(item) == "composite":
        parts = [_field(builder, part) for part in children(item, "element")]
        return builder.composite(ref, parts, required, repeat)
    codes = [c.text.strip() for v in children(item, "valid_codes") for c in children(v, "code") if c.text]
    return builder.element(ref, "AN", required, repeat, codes)


def _many(text: str) -> int | None:
    """How often: a number, or more than one of any number."""
    return whole(text, 1) if text.isdecimal() else None
