"""The validate step keeps what every step must, whatever it validates by."""

from decimal import Decimal
from typing import ClassVar

from waypost.core.component import Failed, Noted
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance

COVERS = {("step", "validate")}

SCHEMA = b"""
type: object
required: [number, total]
properties:
  number: {type: string, maxLength: 8}
  total: {type: number, minimum: 0, multipleOf: 0.01}
  on: {type: string, format: date}
  buyer: {$ref: parts/buyer.json}
"""
ORDER = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="parts/unit.xsd"/>
<xs:element name="order"><xs:complexType><xs:sequence><xs:element name="n" type="xs:decimal" maxOccurs="9"/>
<xs:element name="unit" type="unit"/></xs:sequence><xs:attribute name="on" use="required" type="xs:date"/>
</xs:complexType></xs:element></xs:schema>"""
UNIT = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:simpleType name="unit">
<xs:restriction base="xs:string"><xs:enumeration value="EA"/><xs:enumeration value="KG"/></xs:restriction>
</xs:simpleType></xs:schema>"""
ASSERTED = ORDER.replace(
    b'<xs:attribute name="on" use="required" type="xs:date"/>',
    b'<xs:attribute name="on" use="required" type="xs:date"/><xs:assert test="count(n) lt 3"/>',
)
LAYOUT = b"""
records:
  header: [{name: type, length: 1, value: H}, {name: created, length: 8, type: date, format: YYYYMMDD}]
  payment: [{name: type, length: 1, value: P}, {name: amount, length: 10, type: decimal, places: 2}]
structure: [header, payment*]
"""
GOOD_XML = '<order on="2026-03-01"><n>1</n><unit>EA</unit></order>'
BAD_XML = '<order on="20260301"><n>1,5</n><unit>ea</unit></order>'
EDI_ROWS = [
    ["BEG", "00", "SA", "4711", "", "20260301"], ["PO1", "1", "10", "EA", "1.5", "", "VP", "A-1"], ["CTT", "1"],
]  # fmt: skip


class TestValidate(StepConformance):
    step, options = "validate", "schemas/order.yaml"
    files: ClassVar = {
        "schemas/order.yaml": SCHEMA,
        "schemas/parts/buyer.json": b'{"type": "object", "required": ["id"]}',
    }
    bodies = (
        {"number": "1", "total": Decimal("10.10"), "on": "2026-03-31", "buyer": {"id": 1}},
        {"number": 1, "total": Decimal("-0.001"), "on": "soon", "buyer": {}},
    )
    outcomes = (Message, Failed)


class TestRules(StepConformance):
    step = "validate"
    options = """
rules:
  - {id: positive, check: total > 0, path: total}
  - {id: rushed, check: not rush, severity: warning, path: rush}
  - {id: quantity, each: lines, check: item.q > 0, path: q, repair: abs(item.q), severity: info}
"""
    bodies = (
        {"total": Decimal("1.5"), "rush": False, "lines": [{"q": 1}]}, {"total": 0, "rush": True, "lines": []},
        {"total": 1, "rush": True, "lines": [{"q": -1}, {"q": "x"}]},
    )  # fmt: skip
    outcomes = (Message, Failed, Noted)


class TestXsd(StepConformance):
    step, options = "validate", "{xsd: schemas/order.xsd}"
    files: ClassVar = {"schemas/order.xsd": ORDER, "schemas/parts/unit.xsd": UNIT}
    bodies = (GOOD_XML, BAD_XML, "<order>", {"order": {"@on": "2026-03-01", "n": ["1", "2"], "unit": "KG"}})
    outcomes = (Message, Failed)


class TestXsdOfVersion11(StepConformance):
    step, options = "validate", "{xsd: schemas/order.xsd, version: '1.1'}"
    files: ClassVar = {"schemas/order.xsd": ASSERTED, "schemas/parts/unit.xsd": UNIT}
    bodies = (GOOD_XML, BAD_XML, GOOD_XML.replace("<n>1</n>", "<n>1</n>" * 4))
    outcomes = (Message, Failed)


class TestLayout(StepConformance):
    step, options = "validate", "{layout: pay.yaml, severity: warning}"
    files: ClassVar = {"pay.yaml": LAYOUT}
    bodies = (
        "H20261201\nP0000001250\n", "H20261301\nZ\n", {"header": {"created": "2026-01-01"}, "payment": []},
        {"record": "payment", "amount": "x"},
    )  # fmt: skip
    outcomes = (Message, Noted)


class TestEdi(StepConformance):
    step, options = "validate", "{edi: x12/004010/850}"
    bodies = ({"rows": EDI_ROWS}, {"rows": [*EDI_ROWS[:1], ["PO1", "1", "ten", "EA"], ["CTT", "9"]]}, "no EDI at all")
    outcomes = (Message, Failed)
