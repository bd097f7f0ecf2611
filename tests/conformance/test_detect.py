"""The detect format keeps what every format must, and knows its formats apart."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest
from hypothesis import strategies as st

from waypost.core.errors import DataError, Fault
from waypost.core.registry import registry
from waypost.core.yamlfile import parse_yaml
from waypost.testing.format_kit import FormatConformance, build_format, decode_all, frame

COVERS = {("format", "detect")}

ALL = "{formats: {json: {lines: true}, xml: {records: order}, csv: {}}}"


class TestDetect(FormatConformance):
    name, options, documents = "detect", ALL, st.nothing()
    contents = (b'{"a": 1}\n{"a": 2}\n', b"\xef\xbb\xbf \n<all><order/><order/></all>", b"a,b\n1,2\n3,4\n")
    broken = (b'{"a": \n', b"<all><order", b'a,b\n1,"2\n')
    endless_start = b"a,b\n"
    stream = staticmethod(lambda: repeat(b'{"id": 1, "price": 1.50, "note": "%b"}\n' % (b"x" * 1000)))


class TestDetectOfKnownAlone(FormatConformance):
    name, options, documents = "detect", "{formats: {json: {lines: true}, hl7: {}}}", st.nothing()
    contents = (b'{"a": 1}\n{"a": 2}\n', b"MSH|^~\\&|LAB|H|HIS|H|20260115120000||ORU^R01|1|P|2.5\rPID|1||4711\r")
    broken = (b"hello world", b'{"a": \n')
    endless_start = b'{"a": "'
    stream = staticmethod(TestDetect.stream)


BEGINNINGS = [
    (b'{"a": 1}\n', "json", {"a": 1}),
    (b"  <order>5</order>", "xml", {"order": "5"}),
    (b"a,b\n1,2\n", "csv", {"a": "1", "b": "2"}),
    (b"ISA number,b\n1,2\n", "csv", {"ISA number": "1", "b": "2"}),  # no interchange: a blank is no separator
]


@pytest.mark.parametrize(("content", "name", "document"), BEGINNINGS, ids=[str(row[0][:12]) for row in BEGINNINGS])
def test_a_content_is_known_by_its_beginning_and_named(content: bytes, name: str, document: Any) -> None:
    made = build_format("detect", ALL)
    slices, _ = frame(made, [content])
    assert decode_all(made, slices) == [{"format": name, "document": document}]


def test_the_body_of_a_request_is_known_without_being_cut() -> None:
    made = build_format("detect", "{formats: {json: {}, xml: {}}}")
    found = made.decode([b'{"a": 1}', b"<a/>", b"hello"], b"")
    assert [getattr(d, "code", None) or d["format"] for d in found] == ["json", "xml", "detect"]
    assert isinstance(found[2], DataError)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{formats: {json: {}}}", "two formats or more"),
        ("{formats: {json: {}, jsn: {}}}", "no format 'jsn'"),
        ("{formats: {json: {}, detect: {}}}", "no format 'detect'"),
        ("{formats: {csv: {}, fixed: {layout: l.yaml}}}", "cannot be told apart"),
        ("{formats: {archive: {}, excel: {}}}", "begin alike"),
        ("{formats: {json: {lnes: true}, csv: {}}}", "json: unknown option 'lnes'"),
    ],
)
def test_formats_that_cannot_be_told_apart_are_refused(options: str, says: str) -> None:
    component, faults = registry.find("format", "detect"), list[Fault]()
    assert component is not None
    file = parse_yaml(options, "options.yaml", faults)
    component.spec.parse(file, file.data, (), faults)
    assert says in "\n".join(map(str, faults))
