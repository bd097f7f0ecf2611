"""XML 1.0 with namespaces: whole documents, or the records of a content of any length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.component import Framer
from waypost.core.errors import DataError
from waypost.core.event import RecordsMissed
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault
from waypost.core.traits import FormatTraits
from waypost.formats.library import library
from waypost.formats.line import WholeFramer
from waypost.formats.xml_document import XmlReader
from waypost.formats.xml_framer import XmlFramer, split_context
from waypost.formats.xml_markup import encoding_fault, refuse_markup
from waypost.formats.xml_places import element_tree, xml_place
from waypost.formats.xml_write import XmlWriter

_STEP = re.compile(r"[^\W\d][\w.\-]*|\*")
_PREFIX = re.compile(r"[^\W\d][\w.\-]*|")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlOptions:
    """What a record is, and how names are written in documents."""

    records: Annotated[
        str,
        Option(
            "Path of the elements that are a message each, by local names from the root; a single name is met at any "
            "depth, `*` is any name. Left empty, a content is one document.",
            example="orders/order",
        ),
    ] = ""
    namespaces: Annotated[
        dict[str, str],
        Option(
            "Prefix of each namespace in documents, whatever the sender's; the empty prefix is for names without one.",
            example={"": "urn:example:orders"},
        ),
    ] = field(default_factory=dict)
    drop_namespaces: Annotated[bool, Option("Whether names are read without their namespaces.")] = False
    lists: Annotated[
        tuple[str, ...], Option("Elements that are always read as a list, also where there is one.", example=["line"])
    ] = ()
    ordered: Annotated[
        tuple[str, ...], Option("Elements whose content is read in order, texts and elements, as `#content`.")
    ] = ()
    declaration: Annotated[bool, Option("Whether documents are written with an XML declaration.")] = True

    def faults(self) -> Iterable[OptionFault]:
        if self.records and not all(map(_STEP.fullmatch, self.records.split("/"))):
            yield OptionFault("records", f"found {self.records!r}", "names between slashes such as orders/order")
        for prefix in self.namespaces:
            if not _PREFIX.fullmatch(prefix) or prefix.lower().startswith("xml"):
                yield OptionFault("namespaces", f"found the prefix {prefix!r}", "a name that does not begin with xml")
        for uri in sorted({u for u in self.namespaces.values() if list(self.namespaces.values()).count(u) > 1}):
            yield OptionFault("namespaces", f"{uri!r} has two prefixes", "one prefix")
        if self.drop_namespaces and self.namespaces:
            yield OptionFault("drop_namespaces", "also namespaces are named", "one of both")


@registry.register(
    "format", "xml", options=XmlOptions, traits=FormatTraits(), example="{records: orders/order, lists: [line]}",
    extra="xml", traits_for=lambda options: FormatTraits(streams=bool(options.records)),
)  # fmt: skip
class XmlFormat:
    """XML documents, one per content or one per element on a path.

    A document is a mapping of the root's name to its value: the element's text, or a mapping of `@attribute`, element
    names and `#text`. Elements of one name are a list; those named in `lists` always. Where text stands between
    elements, `#content` lists texts and elements in order. Names in a namespace are `prefix:name` by `namespaces`,
    else `{uri}name`; one in none is `{}name` where the empty prefix is taken. Values are texts. Comments and
    processing instructions are passed over.

    Document types are refused, so there are no entities and nothing is ever fetched; so are nesting beyond 256
    levels, more than 500,000 elements in one document, 10,000 attributes of an element, and tags beyond 1 MiB.
    Where `records` has several names, a content in which not even the elements around records are there is refused; one
    in which only the last name never comes is told as an event, for there may be no records today.

    Written is UTF-8; numbers, true and false take their XML Schema form, null is left out. With a path of several
    names, a document is written inside the elements before the last.
    """

    content_type = "application/xml"

    def __init__(self, options: XmlOptions, grants: Grants) -> None:
        etree = library("lxml.etree", "xml", "xml")
        self._events, self._flow = grants.events, grants.flow
        self._path = tuple(step.encode() for step in options.records.split("/") if step)
        self._parse, self._error = etree.fromstring, etree.XMLSyntaxError
        self._parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, attribute_defaults=False,
            huge_tree=True, remove_comments=True, remove_pis=True, recover=False,
        )  # fmt: skip
        self._reader = XmlReader(
            options.namespaces, options.drop_namespaces, frozenset(options.lists), frozenset(options.ordered)
        )
        around = tuple(step for step in options.records.split("/")[:-1] if step != "*")
        self._writer = XmlWriter(options.namespaces, around, options.declaration)

    def framer(self, limit_bytes: int, offset: int = 0, context: bytes = b"") -> Framer:
        if not self._path:
            return WholeFramer(limit_bytes, offset)
        return XmlFramer(self._path, limit_bytes, offset, context, self._missed)

    def _missed(self, found: str) -> None:
        self._events.emit(RecordsMissed(flow=self._flow, path=b"/".join(self._path).decode(), found=found))

    def decode(self, batch: Sequence[bytes], context: bytes) -> Sequence[Any]:
        declaration, stack = split_context(context) if self._path else (b"", [])
        if fault := encoding_fault(declaration):
            return [fault] * len(batch)
        before = declaration + b"".join(tag for _, tag in stack)
        after = b"".join(b"</" + name + b">" for name, _ in reversed(stack))
        return [self._decode(data, before, after, len(stack)) for data in batch]

    def _decode(self, data: bytes, before: bytes, after: bytes, levels: int) -> Any:
        try:
            if not before and data.startswith(_UTF16):
                data = _recoded(data)
            if fault := refuse_markup(data):
                return fault
            element = self._parse(before + data + after, self._parser)
            for _ in range(levels):
                element = element[0]
            return self._reader.document(element)
        except self._error as cause:
            return _explain(cause, before)
        except DataError as refusal:
            return refusal
        except IndexError:
            return DataError("no element", where="record", expected="one element", code="xml-syntax")
        except (ValueError, LookupError) as cause:
            return DataError(f"{cause}"[:200], where="document", expected="XML 1.0", code="xml-syntax")

    def locate(self, data: bytes, context: bytes, paths: Sequence[Sequence[str | int | None]]) -> Sequence[Any]:
        if data.startswith(_UTF16):
            return [None] * len(paths)  # it was read in another encoding than it has
        declaration, stack = split_context(context) if self._path else (b"", [])
        before = declaration + b"".join(tag for _, tag in stack)
        after = b"".join(b"</" + name + b">" for name, _ in reversed(stack))
        whole = before + data + after
        element = element_tree(whole, len(before), len(stack))
        names = self._reader.element_name, self._reader.attribute_name
        return [
            xml_place(element, path, whole, *names, len(before)) if element is not None else None for path in paths
        ]  # fmt: skip

    def encode(self, documents: Sequence[Any]) -> Sequence[Any]:
        return [self._encode(document) for document in documents]

    def _encode(self, document: Any) -> bytes | DataError:
        try:
            return self._writer.document(document).encode()
        except DataError as error:
            return error


def _recoded(data: bytes) -> bytes:
    """A UTF-16 document as UTF-8 without its declaration, which would no longer be true."""
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as wrong:
        raise DataError("bytes that are not UTF-16", where=f"byte {wrong.start}", expected="UTF-16, as its mark says",
                        code="xml-encoding") from None  # fmt: skip
    return re.sub(r"^<\?xml\s[^>]*\?>", "", text).encode()


def _explain(cause: Any, before: bytes) -> DataError:
    line, column = cause.position
    line -= before.count(b"\n")
    if line == 1:
        column -= len(before) - (before.rfind(b"\n") + 1)
    said = re.sub(r", line \d+, column \d+( \(.*\))?$", "", str(cause.msg)).strip()[:200]
    code = "xml-depth" if "Excessive depth" in said else "xml-encoding" if "encoding" in said.lower() else "xml-syntax"
    return DataError(said, where=f"line {max(line, 1)}, column {max(column, 1)}", expected="well-formed XML",
                     remedy="have the sender correct it", code=code)  # fmt: skip
