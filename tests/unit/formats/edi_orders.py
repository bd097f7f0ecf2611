"""A purchase order in both standards, as segments between header and trailer, for the tests of EDI checking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.report import Report
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.model import Schema

ISA = "ISA*00*          *00*          *ZZ*SENDERID       *ZZ*RECEIVERID     *240101*1200*U*00401*000000001*0*P*>"
GS = "GS*PO*SENDER*RECEIVER*20240101*1200*1*X*004010"
X12_ORDER = (
    "ST*850*0001", "BEG*00*SA*PO4711**20240215", "CUR*BY*USD", "REF*DP*0099", "PER*BD*JANE*TE*5551234567",
    "DTM*002*20240215", "TD5*O*2*UPSN", "N1*BY*ACME*92*0001", "N1*ST*ACME DC*92*0012", "N3*100 MAIN ST*SUITE 4",
    "N4*SPRINGFIELD*IL*62701", "PO1*1*12*EA*9.95**VP*SKU1*UP*012345678905", "PID*F****BLUE WIDGET", "PO4*12*1*EA",
    "PO1*2*5*EA*19.95**VP*SKU2", "PID*F****RED WIDGET", "PO1*3*7*CS*3.5**VP*SKU3", "PID*F****GREEN WIDGET", "CTT*3*24",
    "SE*20*0001",
)  # fmt: skip
UNB = "UNB+UNOC:3+5412345000013:14+4012345000094:14+240101:1200+REF1"
EDIFACT_ORDER = (
    "UNH+1+ORDERS:D:96A:UN", "BGM+220+PO4711+9", "DTM+137:20240215:102", "FTX+ZZZ+++THE BACK?'S DOOR", "RFF+CT:A?+B",
    "NAD+BY+5412345000013::9", "CTA+OC+:JANE DOE", "COM+555?:1234:TE", "NAD+SU+4012345000094::9", "CUX+2:EUR:9",
    "LIN+1++4000000000001:EN", "QTY+21:5:PCE", "PRI+AAA:9.95", "LIN+2++4000000000002:EN", "QTY+21:7:PCE", "UNS+S",
    "CNT+2:2", "UNT+18+1",
)  # fmt: skip


def x12(
    segments: Sequence[str] = X12_ORDER, *, head: str = ISA, group: str = GS, tail: str = "GE*1*1~IEA*1*000000001~"
) -> bytes:
    """An interchange with one transaction set."""
    return f"{head}~{group}~{'~'.join(segments)}~{tail}".encode()


def edifact(segments: Sequence[str] = EDIFACT_ORDER) -> bytes:
    """An interchange with one message."""
    return f"{UNB}'{chr(39).join(segments)}'UNZ+1+REF1'".encode()


def report_on(content: bytes, given: Schema | None = None) -> Report:
    """What is said of a file."""
    return examine([content], Schemas(library(), given))


def faults(content: bytes, given: Schema | None = None) -> list[tuple[Any, ...]]:
    """The faults of a file: kind, acknowledgement code, segment, position, element."""
    report = report_on(content, given)
    return [(e["fault"], e["code"], e["segment"], e["position"], e["element"]) for e in report.errors]
