"""The xslt step keeps what every step must, and reads nothing but the project's files."""

from __future__ import annotations

from typing import ClassVar

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
