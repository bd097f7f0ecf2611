"""The xslt step keeps what every step must, and reads nothing but the project's files."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from waypost.core.component import Failed
from waypost.core.errors import ProjectError
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance, build_step, messages_of

COVERS = {("step", "xslt")}

HEAD = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
SHEET = (
    HEAD
    + """
<xsl:include href="parts/line.xsl"/><xsl:param name="buyer"/>
<xsl:template match="/order"><o buyer="{$buyer}"><xsl:apply-templates select="line"/></o></xsl:template>
</xsl:stylesheet>"""
)
LINE = HEAD + '<xsl:template match="line"><l><xsl:value-of select="."/></l></xsl:template></xsl:stylesheet>'
BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><order><line>&b;</line></order>'
XXE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><order><line>&a;</line></order>'


class TestXslt(StepConformance):
    step, options = "xslt", "{file: maps/order.xsl, parameters: {buyer: acme}}"
    files: ClassVar = {"maps/order.xsl": SHEET.encode(), "maps/parts/line.xsl": LINE.encode()}
    bodies = ("<order><line>ä</line><line>2</line></order>", "<order>", BOMB)
    outcomes = (Message, Failed)


def run(sheet: str, body: str = "<order/>") -> object:
    step = build_step("xslt", "maps/order.xsl", {"maps/order.xsl": (HEAD + sheet + "</xsl:stylesheet>").encode()})
    return step.process(messages_of([body]))[0]


@pytest.mark.parametrize("body", [BOMB, XXE], ids=["bomb", "xxe"])
def test_entities_of_a_message_are_refused(body: str) -> None:
    answer = run('<xsl:template match="/"><x><xsl:value-of select="."/></x></xsl:template>', body)
    assert isinstance(answer, Failed)


def test_document_reads_no_file() -> None:
    answer = run("<xsl:template match='/'><x><xsl:copy-of select=\"document('/etc/passwd')\"/></x></xsl:template>")
    assert isinstance(answer, Failed) or "root" not in str(getattr(answer, "body", "root"))


def test_a_template_that_calls_itself_without_end_is_refused() -> None:
    answer = run('<xsl:template match="/" name="t"><xsl:call-template name="t"/></xsl:template>')
    assert isinstance(answer, Failed)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "../../../etc/passwd", "http://127.0.0.1/x.xsl"])
def test_an_include_from_outside_the_project_is_refused(address: str) -> None:
    with pytest.raises(ProjectError):
        run(f'<xsl:include href="{address}"/>')


def test_a_fault_of_the_stylesheet_names_its_line() -> None:
    with pytest.raises(ProjectError, match=r"order\.xsl:3"):
        run("\n\n<xsl:template match='/'>")


HEAD3 = HEAD.replace("1.0", "3.0", 1)
SHEET3 = (
    HEAD3
    + """
<xsl:include href="parts/line.xsl"/><xsl:param name="buyer"/><xsl:param name="received-at"/>
<xsl:template match="/order"><o buyer="{$buyer}" at="{$received-at}" unit="{doc('../data/units.xml')/*/@default}"
  base="{static-base-uri()}"><xsl:apply-templates select="sort(line)"/></o></xsl:template>
</xsl:stylesheet>"""
)


class TestXslt3(StepConformance):
    step, options = "xslt", "{file: maps/order.xsl, version: '3.0', parameters: {buyer: acme}}"
    files: ClassVar = {
        "maps/order.xsl": SHEET3.encode(), "maps/parts/line.xsl": LINE.replace("1.0", "3.0", 1).encode(),
        "data/units.xml": b"<units default='EA'/>",
    }  # fmt: skip
    bodies = (
        "<order><line>\u00e4</line><line>2</line></order>", "<order>", BOMB, {"order": {"line": ["b", "a"]}},
    )  # fmt: skip
    outcomes = (Message, Failed)


def run3(sheet: str, *bodies: str, options: str = "") -> list[Any]:
    text = (HEAD3 + sheet + "</xsl:stylesheet>").encode()
    step = build_step("xslt", f"{{file: maps/order.xsl, version: '3.0'{options}}}", {"maps/order.xsl": text})
    return list(step.process(messages_of(bodies or ["<order/>"])))


def root(select: str) -> str:
    return f'<xsl:template match="/"><x><xsl:value-of select="{select}"/></x></xsl:template>'


@pytest.mark.parametrize(
    "select",
    [
        "doc(concat('file:///etc/', 'passwd'))", "unparsed-text(concat('file:///etc/', 'passwd'))",
        "unparsed-text(concat('/etc/', 'passwd'))", "doc(concat('http://127.0.0.1:9/', 'x'))",
        "unparsed-text(concat('http://project.invalid/../../../../etc/', 'passwd'))",
        "json-doc(concat('file:///etc/', 'hostname'))", "unparsed-text(concat('file:///proc/1/', 'environ'))",
        "unparsed-text(concat('file:///proc/self/', 'mem'))", "unparsed-text(concat('jar:file:/etc/', 'x!/y'))",
        "transform(map {'stylesheet-location': concat('/etc/', 'x')})",
    ],
)  # fmt: skip
def test_no_file_outside_the_project_and_no_address_is_read(select: str) -> None:
    (made,) = run3(root(select))
    assert isinstance(made, Failed) and "root:" not in str(made.error), made


@pytest.mark.parametrize(
    "sheet",
    [
        root("current-dateTime()"), root("fn:current-date()"), root("environment-variable('HOME')"),
        root("available-environment-variables()"), root("random-number-generator()?number"),
        root("function-lookup(xs:QName('fn:current-time'), 0)()"), root("for-each(1, current-time#0)"),
        root("count(collection('x'))"), root("doc('/etc/passwd')"), root("doc('../../x.xml')"),
        '<xsl:include href="file:///etc/passwd"/>', '<xsl:import href="http://127.0.0.1/x.xsl"/>',
        '<xsl:template match="/"><xsl:result-document href="out.xml"><a/></xsl:result-document></xsl:template>',
        '<xsl:template match="/"><xsl:evaluate xpath="\'1\'"/></xsl:template>',
        '<xsl:template match="/" expand-text="yes"><x>{current-dateTime()}</x></xsl:template>',
    ],
)  # fmt: skip
def test_what_differs_from_run_to_run_or_leads_outside_is_refused_beforehand(sheet: str) -> None:
    with pytest.raises(ProjectError):
        run3(sheet)


@pytest.mark.parametrize(
    ("sheet", "options", "said"),
    [
        ('<xsl:function name="f:f" xmlns:f="u"><xsl:sequence select="f:f()"/></xsl:function>'
         '<xsl:template match="order[@bad]"><x xmlns:f="u"><xsl:value-of select="f:f()"/></x></xsl:template>',
         ", seconds: 1", "no answer in 1 s"),
        ('<xsl:template match="order[@bad]"><x><xsl:value-of select="string-join((1 to 90000000)!string())"/></x>'
         "</xsl:template>", ", seconds: 60, memory_bytes: 160MiB", "MiB held"),
    ],
)  # fmt: skip
def test_a_stylesheet_that_hangs_or_grows_is_killed_and_the_next_message_passes(
    sheet: str, options: str, said: str
) -> None:
    good = '<xsl:template match="order"><x/></xsl:template>'
    first, second = run3(sheet + good, "<order bad='1'/>", "<order/>", options=options)
    assert isinstance(first, Failed) and said in str(first.error), first
    assert isinstance(second, Message), second


def test_the_process_of_xslt_3_has_given_up_files_network_and_calls() -> None:
    step = build_step(
        "xslt", "{file: a.xsl, version: '3.0'}", {"a.xsl": (HEAD3 + root("1") + "</xsl:stylesheet>").encode()}
    )
    step.process(messages_of(["<a/>"]))
    assert step._run.engine.companion.confined == ("files", "network", "calls")


def test_a_clock_is_the_message_s() -> None:
    (made,) = run3('<xsl:param name="received-at"/>' + root("xs:dateTime($received-at)").replace(
        "<xsl:template", '<xsl:template xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    ))  # fmt: skip
    assert "2023-11-14T22:13:20.123456Z" in made.body


def test_a_document_of_the_flow_is_translated_by_either_version() -> None:
    for version in ("1.0", "3.0"):
        sheet = (
            HEAD + '<xsl:template match="/order"><o><xsl:value-of select="line"/></o></xsl:template></xsl:stylesheet>'
        )
        step = build_step("xslt", f"{{file: a.xsl, version: '{version}'}}", {"a.xsl": sheet.encode()})
        (made,) = step.process(messages_of([{"order": {"line": "7"}}]))
        assert "<o>7</o>" in made.body
