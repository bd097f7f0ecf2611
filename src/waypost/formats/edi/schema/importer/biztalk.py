"""Reads XSD of BizTalk Server and Logic Apps: one file a message, segments and loops as nested elements."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from waypost.formats.edi.schema.importer.build import Builder, children, local, loop, parse_xml, sized, use, whole
from waypost.formats.edi.schema.importer.files import Imported

_ROOT = re.compile(r"(?:X12|EFACT|HIPAA)_([A-Z0-9.]+?)_([A-Z0-9]+)(?:_.*)?")
_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_ENVELOPE = frozenset({"ST", "SE", "UNH", "UNT"})
_KINDS = {"AN": "AN", "ID": "ID", "R": "R", "DT": "DT", "TM": "TM", "B": "B"}
_NUMBER = re.compile(r"_([0-9]{1,4})$")
_XS_UNBOUNDED = "unbounded"


def read_biztalk(content: bytes, name: str) -> list[Imported]:
    """The files one XSD becomes."""
    schema = parse_xml(content, name)
    return _Reader(schema, name).files()


class _Reader:
    def __init__(self, schema: ET.Element, name: str) -> None:
        self._name = name
        self._types = {t.get("name", ""): t for t in children(schema, "simpleType", "complexType")}
        roots = children(schema, "element")
        self._elements = {e.get("name", ""): e for e in roots}
        self._root = next((e for e in roots if _ROOT.fullmatch(e.get("name", ""))), roots[0] if roots else schema)
        self._builder = Builder()
        self.edifact = self._root.get("name", "").startswith("EFACT")

    def files(self) -> list[Imported]:
        match = _ROOT.fullmatch(self._root.get("name", ""))
        version, message = (match[1], match[2]) if match else ("unknown", self._root.get("name") or "message")
        if not self.edifact and re.fullmatch("00[0-9]{3}", version):
            version = f"{version}0"  # 00401 is release 004010
        body = self._body(self._root)
        standard = "edifact" if self.edifact else "x12"
        return self._builder.files(standard, version.replace(".", ""), message, "", body,
                                   "imported from a BizTalk schema, structure only")  # fmt: skip

    def _items(self, element: ET.Element) -> list[ET.Element]:
        """The elements below an element, of its sequence or choice, references followed."""
        found: list[ET.Element] = []
        holder = self._types.get(element.get("type", "").rpartition(":")[2], element)
        types = [holder] if local(holder) == "complexType" else children(holder, "complexType")
        for group in [g for t in types for g in children(t, "sequence", "choice", "all")]:
            found += self._grouped(group)
        return found

    def _grouped(self, group: ET.Element) -> list[ET.Element]:
        found = []
        for item in group:
            if local(item) == "element":
                target = self._elements.get(item.get("ref", "").rpartition(":")[2])
                if target is not None:
                    merged = ET.Element(target.tag, {**target.attrib, **item.attrib, "name": target.get("name", "")})
                    merged.extend(list(target))
                    item = merged
                found.append(item)
            elif local(item) in ("sequence", "choice", "all"):
                found += self._grouped(item)
        return found

    def _body(self, element: ET.Element) -> list[Any]:
        body: list[Any] = []
        for item in self._items(element):
            tag = item.get("name", "").partition("_")[0]
            required = item.get("minOccurs", "1") != "0"
            most = None if item.get("maxOccurs") == _XS_UNBOUNDED else whole(item.get("maxOccurs"), 1)
            if tag in _ENVELOPE:
                continue
            inner = self._items(item)
            if _TAG.fullmatch(tag) and not any("Loop" in i.get("name", "") for i in inner):
                self._builder.segment(tag, [self._field(i) for i in inner])
                body.append(use(tag, required, most))
            elif inner and (below := self._body(item)):
                body.append(loop(tag, required, most, below))
        return body

    def _field(self, item: ET.Element) -> str:
        required = item.get("minOccurs", "1") != "0"
        repeat = 99 if item.get("maxOccurs") == _XS_UNBOUNDED else whole(item.get("maxOccurs"), 1)
        inner = self._items(item)
        if inner:
            ref = re.match("[CES][0-9]{3}", item.get("name", ""))
            return self._builder.composite(ref[0] if ref else "", [self._field(i) for i in inner], required, repeat)
        kind, codes = self._kind(item)
        return self._builder.element(self._ref(item), kind, required, repeat, codes)

    def _ref(self, item: ET.Element) -> str:
        """The number of an element: behind the name of its type, or in the notes beside it."""
        match = _NUMBER.search(item.get("type", ""))
        if match:
            return match[1]
        for info in item.iter():
            if local(info) == "fieldInfo" and (match := _NUMBER.search(info.get("notes", ""))):
                return match[1]
        return ""

    def _kind(self, item: ET.Element) -> tuple[str, list[str]]:
        """Type, length and codes of a simple element."""
        named = item.get("type", "").rpartition(":")[2]
        simple = next(iter(children(item, "simpleType")), self._types.get(named))
        bounds: dict[str, int] = {}
        codes: list[str] = []
        names = [named]
        while simple is not None:
            restriction = next(iter(children(simple, "restriction")), None)
            for facet in restriction if restriction is not None else ():
                if local(facet) == "enumeration":
                    codes.append(facet.get("value", ""))
                else:
                    bounds.setdefault(local(facet), whole(facet.get("value"), 0))
            names.append((restriction.get("base", "") if restriction is not None else "").rpartition(":")[2])
            simple = self._types.get(names[-1])
        low, high = bounds.get("minLength", 1), bounds.get("maxLength")
        if "length" in bounds:
            low = high = bounds["length"]
        return self._written(names, low, high), codes

    def _written(self, names: list[str], low: int, high: int | None) -> str:
        kind = next((m[1] for n in names if (m := re.match(r"(?:X12|EDIFACT)_([A-Z]+[0-9]?)", n))), "AN")
        if not self.edifact:
            return sized(kind if kind in _KINDS or re.fullmatch("N[0-9]", kind) else "N0" if kind == "N" else "AN",
                         low, high)  # fmt: skip
        short = {"N": "n", "A": "a"}.get(kind, "an")
        return short if high is None else f"{short}{high}" if low == high else f"{short}..{high}"
