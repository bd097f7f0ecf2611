"""What the xml format reads it writes so that it is read the same again, whatever namespaces are mixed."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.testing.format_kit import build_format, decode_all, frame

pytest.importorskip("lxml")
_PREFIXES = {"urn:o": "p0", "urn:x": "p1", "urn:y": "p2", "urn:z&q": "p3"}
_OPTIONS = [
    "{}", "{namespaces: {'': 'urn:o'}}", "{namespaces: {ns: 'urn:o', a: 'urn:x'}}", "{lists: [b], ordered: [c]}",
    "{namespaces: {'': 'urn:o', ns: 'urn:x', a0: 'urn:y'}, ordered: [b]}", "{records: w/*, namespaces: {'': 'urn:o'}}",
]  # fmt: skip
_NAMES = st.builds(
    lambda uri, local: f"{{{uri}}}{local}" if uri else local,
    st.sampled_from(["", *_PREFIXES]),
    st.sampled_from(["a", "b", "c"]),
)
_TEXTS = st.one_of(st.just(""), st.just(" "), st.sampled_from(["x", " y ", "<&>\r\n\t\"'", "\U0001f600", "]]>"]))
_ELEMENTS = st.recursive(
    st.tuples(_NAMES, st.dictionaries(_NAMES, _TEXTS, max_size=3), _TEXTS, st.just([])),
    lambda inner: st.tuples(
        _NAMES, st.dictionaries(_NAMES, _TEXTS, max_size=3), _TEXTS, st.lists(st.tuples(inner, _TEXTS), max_size=4)
    ),
    max_leaves=8,
)


def _qualified(name: str) -> str:
    uri, _, local = name.rpartition("}")
    return f"{_PREFIXES[uri[1:]]}:{local}" if uri else local


def _written(drawn: Any, declared: str = "") -> str:
    name, attributes, text, children = drawn
    tag, inside = _qualified(name), "".join(_written(child) + escape(tail) for child, tail in children)
    marks = "".join(f" {_qualified(key)}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{tag}{declared}{marks}>{escape(text)}{inside}</{tag}>"


def _read(format_: Any, content: bytes) -> list[Any]:
    slices, refusal = frame(format_, [content])
    assert not refusal, refusal
    return decode_all(format_, slices)


@given(st.sampled_from(_OPTIONS), _ELEMENTS)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_the_same_again(options: str, drawn: Any) -> None:
    format_ = build_format("xml", options)
    declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for uri, prefix in _PREFIXES.items())
    content = f"<p0:w{declared}>{_written(drawn)}</p0:w>" if "records" in options else _written(drawn, declared)
    documents = _read(format_, content.encode())
    assert not isinstance(documents[0], Exception), str(documents[0])
    (written,) = format_.encode(documents)
    assert isinstance(written, bytes), written
    assert _read(format_, written) == documents
