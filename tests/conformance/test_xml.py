"""The xml format keeps what every format must."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "xml")}

NAMES = st.sampled_from(["a", "ö-1", "cbc:ID", "{urn:other}x", "_b.c"])
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\t\n\r"
)
TEXTS = st.text(CHARACTERS, max_size=12)
WORDS = TEXTS.map(lambda text: f"x{text}")
ATTRIBUTES = st.dictionaries(st.sampled_from(["@id", "@cbc:k", "@{urn:other}y"]), TEXTS, max_size=2)


def _elements(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    children = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    lines = st.fixed_dictionaries({"line": st.lists(inner, min_size=1, max_size=3)})
    mixed = st.builds(
        lambda text, name, value, tail: {"#content": [text, {name: value}, tail]},
        WORDS, NAMES, inner, WORDS,
    )  # fmt: skip
    leaf = st.builds(lambda a, t: {**a, "#text": t}, ATTRIBUTES.map(lambda a: a or {"@id": "1"}), WORDS)
    return leaf | mixed | st.builds(lambda a, c: {**a, **c}, ATTRIBUTES, children | lines)


VALUES = st.recursive(TEXTS, _elements, max_leaves=12)
BROKEN = (
    b"<order><a></order>",
    b"<order>&nbsp;</order>",
    b"<order>\xff</order>",
    b"<order",
    b"<a><order/><order>",
    b'<!DOCTYPE order SYSTEM "http://127.0.0.1/x.dtd"><order/>',
    b'<?xml version="1.0" encoding="UTF-7"?><order/>',
    b"\xff\xfe<\x00",
    b"<order>" * 300 + b"</order>" * 300,
)
OPTIONS = "namespaces: {'': 'urn:a', cbc: 'urn:cbc'}, lists: [line]"


class TestXmlWhole(FormatConformance):
    name, options, broken = "xml", f"{{{OPTIONS}}}", BROKEN
    documents = st.builds(lambda value: {"order": value}, VALUES)
    contents = (
        b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<order xmlns="urn:a" id="7"><!-- x --><line>\xe4</line></order>',
        b"\xef\xbb\xbf<p>one <b>two</b> three</p>",
        '<?xml version="1.0" encoding="UTF-16"?><a>ü</a>'.encode("utf-16"),
    )


class TestXmlRecords(FormatConformance):
    name, options, broken = "xml", f"{{records: order, {OPTIONS}}}", BROKEN
    documents = st.builds(lambda value: {"order": value}, VALUES)
    contents = (
        b'<?xml version="1.0"?><b:os xmlns:b="urn:b"><h>x</h><order/><b:order><order>1</order></b:order>'
        b"<order><![CDATA[</order>]]><!--</order>--><?x </order>?></order ><other/></b:os>\n",
        b"\xef\xbb\xbf<order a='>'>1</order>\n<order>2</order>",
    )
    endless_start = b"<orders><order>"

    def stream(self):  # type: ignore[no-untyped-def]
        yield b'<?xml version="1.0"?><orders>'
        yield from repeat(b"<order><line sku='A-1'>%b</line></order>\n" % (b"x" * 1000))


class TestXmlRecordsOnAPath(FormatConformance):
    name, options = "xml", "{records: orders/*/order, lists: [line]}"
    documents = st.builds(lambda value: {"order": value}, TEXTS)
    contents = (b"<orders><day n='1'><order>1</order><x><order/></x></day><day><order/></day></orders>",)
    broken = (b"<orders><day></orders>", b"text", b"<orders><day><order>", b"<orders>")
    endless_start = b"<orders><day><order>"

    def test_what_is_written_is_read_back(self, format_) -> None:  # type: ignore[no-untyped-def, override]
        """Any name in the path has no form of its own, so what is written stands below the names there are."""
        assert format_.encode([{"order": "1"}])[0].endswith(b"<orders><order>1</order></orders>")

    def stream(self):  # type: ignore[no-untyped-def]
        yield b"<orders><day>"
        yield from repeat(b"<order>%b</order>\n" % (b"x" * 1000))
