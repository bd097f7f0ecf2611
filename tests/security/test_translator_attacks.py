"""Messages made to hurt the steps that translate and validate are refused, or pass, in bounded memory and time."""

from __future__ import annotations

import resource
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.test_validate import ORDER, UNIT
from tests.security.attacks import LAUGHS, REMOTE, XXE
from waypost.core.component import Failed
from waypost.core.errors import BugError
from waypost.core.message import Message, id_at
from waypost.testing.step_kit import build_step, messages_of

MOST_SECONDS, MOST_MB = 20.0, 700.0
MILLION = 1_000_000
SHEET = (
    '<xsl:stylesheet version="{}" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/"><o><xsl:copy-of select="/*/@*[1]"/><xsl:value-of select="substring(., 1, 9)"/></o>'
    "</xsl:template></xsl:stylesheet>"
)
FILES = {
    "one.xsl": SHEET.format("1.0").encode(), "three.xsl": SHEET.format("3.0").encode(), "o.xsd": ORDER,
    "parts/unit.xsd": UNIT,
}  # fmt: skip
STEPS = {
    "xslt 1.0": ("xslt", "{file: one.xsl}"),
    "xslt 3.0": ("xslt", "{file: three.xsl, version: '3.0'}"),
    "xsd 1.0": ("validate", "{xsd: o.xsd}"),
    "xsd 1.1": ("validate", "{xsd: o.xsd, version: '1.1'}"),
}
XML = {
    "billion laughs": LAUGHS,
    "external entity": XXE,
    "external entity in UTF-16": XXE.decode().encode("utf-16"),
    "remote document type": REMOTE,
    "parameter entity": b"<!DOCTYPE a [<!ENTITY % x SYSTEM 'file:///etc/passwd'>%x;]><a/>",
    "quadratic blow-up": b"<!DOCTYPE a [<!ENTITY x '" + b"x" * 100_000 + b"'>]><a>" + b"&x;" * 100_000 + b"</a>",
    "100,000 levels": b"<a>" * 100_000 + b"</a>" * 100_000,
    "a million attributes": b"<a " + b" ".join(b"a%d=''" % n for n in range(MILLION)) + b"/>",
    "duplicate attributes": b"<a b='1' b='2'/>",
    "a text of twenty million": b"<a>" + b"x" * 20_000_000 + b"</a>",
    "wrong encoding": b"<a>\xe4</a>",
    "an encoding nobody has": b"<?xml version='1.0' encoding='UTF-7'?><a/>",
    "bytes of nothing": bytes(1 << 20),
    "processing instructions": b"<?a?>" * 100_000 + b"<a/>",
    "xinclude": b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd" parse="text"/></a>',
    "schema location": b'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="u http://127.0.0.1:9/x"'
    b' i:noNamespaceSchemaLocation="file:///etc/passwd"/>',
}
PASSES = {"processing instructions", "xinclude", "schema location"}
"""Those that a translator may read: nothing of them leads anywhere."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("attack", XML)
@pytest.mark.parametrize("kind", STEPS)
def test_an_attack_by_xml_is_refused_in_bounds(kind: str, attack: str) -> None:
    step = build_step(*STEPS[kind], FILES)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    (result,) = step.process(messages_of([XML[attack]]))
    took, grown = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert took < MOST_SECONDS and grown / 1024 < MOST_MB, (took, grown)
    if attack in PASSES and isinstance(result, Message):
        assert b"root:" not in bytes(result.body)
        return
    assert isinstance(result, Failed) and not isinstance(result.error, BugError), result
    assert "root:" not in str(result.error)


@pytest.mark.parametrize("kind", STEPS)
def test_a_mark_of_utf_8_before_xml_is_read(kind: str) -> None:
    body = b'\xef\xbb\xbf<order on="2026-03-01"><n>1</n><unit>EA</unit></order>'
    assert isinstance(build_step(*STEPS[kind], FILES).process(messages_of([body]))[0], Message)


BOMB = "a" * 50_000 + "!"


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(?=(a+))a*b", r"^(\w+\s?)*$", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_a_pattern_of_a_json_schema_does_not_run_away(pattern: str) -> None:
    step = build_step("validate", "s.yaml", {"s.yaml": f"properties: {{a: {{pattern: '{pattern}'}}}}".encode()})
    begun = time.perf_counter()
    bomb = BOMB[-4000:] if "?=" in pattern else BOMB
    step.process(messages_of([{"a": bomb}, {"a": bomb * 2}]))
    assert time.perf_counter() - begun < MOST_SECONDS


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_pattern_of_an_xsd_does_not_run_away(version: str) -> None:
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>'
        '<xs:restriction base="xs:string"><xs:pattern value="([a-z]+[0-9]?)+x"/></xs:restriction></xs:simpleType>'
        "</xs:element></xs:schema>"
    )
    step = build_step("validate", f"{{xsd: s.xsd, version: '{version}'}}", {"s.xsd": schema.encode()})
    begun = time.perf_counter()
    (result,) = step.process(messages_of([f"<a>{'a' * 24}!</a>"]))
    assert isinstance(result, Failed) and time.perf_counter() - begun < MOST_SECONDS


def nested(depth: int) -> Any:
    made: Any = 1
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    "body",
    [
        {"a": float("nan")}, {"a": Decimal("NaN")}, {"a": Decimal("1e999999")}, {"a": 10**5000}, nested(5000),
        {"a": "\ud800"}, {"__proto__": {"polluted": 1}}, {"toString": 1, "constructor": 2},
        {f"k{n}": n for n in range(200_000)}, {"a": b"bytes"}, "x" * 5_000_000,
    ],
    ids=["nan", "decimal nan", "huge exponent", "huge number", "depth", "surrogate", "proto", "names", "keys", "bytes",
         "long"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("step", "options"),
    [("javascript", "{text: 'function process(b) { return {b, p: ({}).polluted} }'}"), ("validate", "s.yaml")],
)
def test_a_document_no_program_expects_is_answered_in_bounds(step: str, options: str, body: Any) -> None:
    built = build_step(step, options, {"s.yaml": b"properties: {a: {type: number, maximum: 10}, b: {$ref: '#'}}"})
    begun = time.perf_counter()
    (result,) = built.process([Message(id_at(1 << 70, 0), body, 0)])
    assert time.perf_counter() - begun < MOST_SECONDS
    if isinstance(result, Message) and step == "javascript":
        assert result.body.get("p") is None, "a message changed what objects are"
