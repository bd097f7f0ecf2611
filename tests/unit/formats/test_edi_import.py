"""Schemas of other products become ours: what they say is said again, and what is made by them is accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.commanding import Command, waypost
from waypost.core.errors import ProjectError
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.generate import Plan, generate
from waypost.formats.edi.schema.importer import KINDS
from waypost.formats.edi.schema.importer.files import write
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Composite, Element, Loop, Schema

__all__ = ["waypost"]
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:b="urn:b">
<xs:element name="X12_00401_850"><xs:complexType><xs:sequence>
  <xs:element name="ST"><xs:complexType><xs:sequence>
    <xs:element name="ST01"/></xs:sequence></xs:complexType></xs:element>
  <xs:element ref="BEG"/>
  <xs:element name="REF" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
    <xs:element name="REF01" type="X12_ID_128"/><xs:element name="REF02" minOccurs="0" type="X12_AN_127"/>
    <xs:element name="C040_Ref" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="C04001" type="X12_ID_128"/><xs:element name="C04002" type="X12_AN_127"/>
    </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
  <xs:element name="PO1Loop1" maxOccurs="100"><xs:complexType><xs:sequence>
    <xs:element name="PO1"><xs:complexType><xs:sequence>
      <xs:element name="PO101" minOccurs="0" type="X12_R_330"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>
<xs:element name="BEG"><xs:complexType><xs:sequence><xs:element name="BEG01" type="X12_ID_353"/>
  <xs:element name="BEG02" minOccurs="0" type="X12_AN_324"/></xs:sequence></xs:complexType></xs:element>
<xs:simpleType name="X12_ID_353"><xs:restriction base="X12_ID"><xs:minLength value="2"/><xs:maxLength value="2"/>
  <xs:enumeration value="00"/><xs:enumeration value="01"/></xs:restriction></xs:simpleType>
<xs:simpleType name="X12_AN_324"><xs:restriction base="X12_AN"><xs:minLength value="1"/><xs:maxLength value="22"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="X12_ID_128"><xs:restriction base="X12_ID"><xs:minLength value="2"/><xs:maxLength value="3"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="X12_AN_127"><xs:restriction base="X12_AN"><xs:minLength value="1"/><xs:maxLength value="30"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="X12_R_330"><xs:restriction base="X12_R"><xs:minLength value="1"/><xs:maxLength value="15"/>
</xs:restriction></xs:simpleType></xs:schema>"""
SEF = """.VER 1.6
.INI
850,,004010,X,X12-4.1,An order
.STD LS
.SETS
850=^[ST,M][BEG,M][REF,,>1]{:100+[PO1,M]}
.SEGS
BEG=[353,M][324]
REF=[128,M][127][C040]+R0203
PO1=[330]
.COMS
C040=[128,M][127,M]
.ELMS
353=ID,2,2
324=AN,1,22
128=ID,2,3
127=AN,1,30
330=R,1,15
.CODES
353=00,01
"""
STAEDI = """<schema xmlns="http://xlate.io/EDISchema/v4"><transaction><sequence>
<segment type="BEG" minOccurs="1"/><segment type="REF" maxOccurs="99999"/>
<loop code="PO1" maxOccurs="100" minOccurs="1"><sequence><segment type="PO1"/></sequence></loop>
</sequence></transaction>
<elementType name="E353" code="353" base="identifier" minLength="2" maxLength="2">
  <enumeration><value>00</value><value>01</value></enumeration></elementType>
<elementType name="E324" code="324" base="string" maxLength="22"/>
<elementType name="E128" code="128" base="identifier" minLength="2" maxLength="3"/>
<elementType name="E127" code="127" base="string" maxLength="30"/>
<elementType name="E330" code="330" base="decimal" maxLength="15"/>
<compositeType name="C040" code="C040"><sequence><element type="E128" minOccurs="1"/>
  <element type="E127" minOccurs="1"/></sequence></compositeType>
<segmentType name="BEG"><sequence><element type="E353" minOccurs="1"/><element type="E324"/></sequence></segmentType>
<segmentType name="REF"><sequence><element type="E128" minOccurs="1"/><element type="E127"/><composite type="C040"/>
  </sequence><syntax type="required"><position>2</position><position>3</position></syntax></segmentType>
<segmentType name="PO1"><sequence><element type="E330"/></sequence></segmentType></schema>"""
PYX12 = """<transaction xid="850"><loop xid="ISA_LOOP" type="explicit"><usage>R</usage><repeat>&gt;1</repeat>
<segment xid="ISA"><usage>R</usage></segment><loop xid="ST_LOOP" type="explicit"><usage>R</usage>
<segment xid="ST"><usage>R</usage></segment><loop xid="HEADER" type="wrapper"><usage>R</usage>
<segment xid="BEG"><usage>R</usage><max_use>1</max_use>
  <element xid="BEG01"><data_ele>353</data_ele><usage>R</usage><valid_codes><code>00</code><code>01</code></valid_codes>
  </element><element xid="BEG02"><data_ele>324</data_ele><usage>S</usage></element></segment>
<segment xid="REF"><usage>S</usage><max_use>&gt;1</max_use><syntax>R0203</syntax>
  <element xid="REF01"><data_ele>128</data_ele><usage>R</usage></element>
  <element xid="REF02"><data_ele>127</data_ele><usage>S</usage></element>
  <composite><data_ele>C040</data_ele><usage>S</usage>
  <element xid="C1"><data_ele>128</data_ele><usage>R</usage></element>
  <element xid="C2"><data_ele>127</data_ele><usage>R</usage></element></composite></segment>
<loop xid="PO1"><usage>R</usage><repeat>100</repeat><segment xid="PO1"><usage>R</usage><max_use>1</max_use>
  <element xid="PO101"><data_ele>330</data_ele><usage>S</usage></element></segment></loop>
</loop></loop></loop></transaction>"""
EFACT = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:b="urn:b"><xs:element name="EFACT_D96A_ORDERS">
<xs:complexType><xs:sequence><xs:element name="BGM"><xs:complexType><xs:sequence><xs:element name="BGM1" minOccurs="0">
<xs:complexType><xs:sequence><xs:element name="BGM1.1" minOccurs="0"><xs:annotation><xs:appinfo>
<b:fieldInfo notes="Name_1001"/></xs:appinfo></xs:annotation><xs:simpleType><xs:restriction base="EDIFACT_AN">
<xs:minLength value="1"/><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element></xs:sequence>
</xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
CASES = [
    ("biztalk", "X12_00401_850.xsd", XSD, "x12/004010/850", ()), ("sef", "850.sef", SEF, "x12/004010/850", ("R0203",)),
    ("staedi", "850-004010.xml", STAEDI, "x12/004010/850", ("R0203",)),
    ("pyx12", "850.4010.xml", PYX12, "x12/004010/850", ("R0203",)),
]  # fmt: skip


def imported(tmp_path: Path, kind: str, name: str, text: str) -> Library:
    write(KINDS[kind](text.encode(), name), tmp_path)
    return Library((tmp_path,))


@pytest.mark.parametrize("kind, name, text, schema, notes", CASES, ids=[case[0] for case in CASES])
def test_each_kind_becomes_the_same_schema(
    tmp_path: Path, kind: str, name: str, text: str, schema: str, notes: tuple[str, ...]
) -> None:
    library = imported(tmp_path, kind, name, text)
    found = library.schema(schema)
    assert isinstance(found, Schema)
    begin, reference, lines = found.root.body
    assert not isinstance(begin, Loop) and begin.tag == "BEG" and begin.required and begin.maximum == 1
    assert not isinstance(reference, Loop) and reference.tag == "REF" and reference.maximum > 90_000
    assert isinstance(lines, Loop) and lines.required and lines.maximum == 100 and lines.tag == "PO1"
    code = begin.segment.elements[0]
    assert isinstance(code, Element) and code.required and code.codes == {"00", "01"}
    assert isinstance(reference.segment.elements[2], Composite) and reference.segment.notes == notes
    if kind != "pyx12":  # whose maps hold no lengths
        assert (code.kind, code.minimum, code.maximum) == ("ID", 2, 2)
        assert isinstance(begin.segment.elements[1], Element) and begin.segment.elements[1].maximum == 22


@pytest.mark.parametrize("kind, name, text, schema, notes", CASES, ids=[case[0] for case in CASES])
def test_what_is_made_by_an_imported_schema_is_accepted(
    tmp_path: Path, kind: str, name: str, text: str, schema: str, notes: tuple[str, ...]
) -> None:
    library = imported(tmp_path, kind, name, text)
    found = library.schema(schema)
    assert found is not None
    content = b"".join(generate(found, Plan(count=5, seed=4)))
    assert examine([content], Schemas(library)).accepted


def test_edifact_of_biztalk_has_composites_of_its_own(tmp_path: Path) -> None:
    found = imported(tmp_path, "biztalk", "EFACT_D96A_ORDERS.xsd", EFACT).schema("edifact/D96A/ORDERS")
    assert found is not None
    (begin,) = found.root.body
    assert not isinstance(begin, Loop)
    (composite,) = begin.segment.elements
    assert isinstance(composite, Composite) and composite.parts[0].kind == "an" and composite.parts[0].maximum == 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "untdid"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"<a><b/></a>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b".SETS\n850=^[[{{{}", b"<a"],
)
def test_what_is_none_of_its_kind_is_refused_with_a_reason(kind: str, content: bytes) -> None:
    reader: Callable[[bytes, str], object] = KINDS[kind]
    with pytest.raises(ProjectError, match="edi-import"):
        reader(content, "file.xml")


def test_the_command_imports_each_kind(waypost: Command, tmp_path: Path) -> None:
    (tmp_path / "order.sef").write_text(SEF)
    said = waypost("edi", "import", "sef", str(tmp_path / "order.sef"), "--to", str(tmp_path / "schemas"))
    assert said.code == 0 and "2 files written" in said.out
    assert waypost("edi", "import", "other", str(tmp_path / "order.sef")).code == 2
