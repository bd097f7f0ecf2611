"""Documents of EDI by name: what is where, what is refused, and how it goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commanding import Command, waypost
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.formats.edi.body_write import rows_of_body
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.names import Names
from waypost.testing.format_kit import build_format, decode_all, frame

__all__ = ["waypost"]
ISA = (
    "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260315*0930*U*00401*000000117*0*T*>~"
    "GS*{group}*SENDER*RECEIVER*20260315*0930*117*X*{version}~"
)
INVOICE = (
    "BIG*20260315*R-1*20260301*PO-88~", "N1*BY*BUYER~", "N4*EXETER*NH~", "N1*ST*DOCK~",
    "IT1*1*12*EA*4.5**VP*LAMP~", "PID*F****LAMP~", "IT1*2*5*EA*2**VP*CABLE~", "TDS*6400~", "CTT*2~",
)  # fmt: skip
ORDERS = (
    "UNB+UNOC:3+BUYER+SHOP+260315:0930+88'UNH+1+ORDERS:{version}:UN'BGM+220+PO?+88+9'DTM+137:20260315:102'"
    "NAD+BY+4012345000009::9'LIN+1++4000862141404:EN'QTY+21:12:PCE'UNS+S'UNT+8+1'UNZ+1+88'"
)


def x12(segments: tuple[str, ...], set_: str = "810", version: str = "004010", group: str = "IN") -> bytes:
    body = "".join(segments)
    head = ISA.format(group=group, version=version)
    return f"{head}ST*{set_}*0001~{body}SE*{len(segments) + 2}*0001~GE*1*117~IEA*1*000000117~".encode()


def read(content: bytes, options: str = "{fields_by: name}", name: str = "x12") -> Any:
    format_ = build_format(name, options)
    (made,) = decode_all(format_, frame(format_, [content])[0])
    return made


def test_segments_and_loops_have_the_names_of_the_schema() -> None:
    body = read(x12(INVOICE))["body"]
    assert list(body) == ["BIG", "N1_loop", "IT1_loop", "TDS", "CTT"]
    assert body["BIG"] == {"01": "20260315", "02": "R-1", "03": "20260301", "04": "PO-88"}
    assert [one["N1"]["02"] for one in body["N1_loop"]] == ["BUYER", "DOCK"]
    assert body["N1_loop"][0]["N4"]["02"] == "NH"
    assert body["IT1_loop"][0]["PID_loop"][0]["PID"]["05"] == "LAMP"
    assert [one["IT1"]["07"] for one in body["IT1_loop"]] == ["LAMP", "CABLE"]


def test_edifact_composites_are_components_by_number_and_characters_are_released() -> None:
    body = read(ORDERS.format(version="D:96A").encode(), name="edifact")["body"]
    assert body["BGM"] == {"01": {"1": "220"}, "02": "PO+88", "03": "9"}
    assert body["DTM"] == [{"01": {"1": "137", "2": "20260315", "3": "102"}}]
    assert body["SG25"][0]["QTY"][0]["01"] == {"1": "21", "2": "12", "3": "PCE"}


def test_positions_stay_as_they_were_where_names_are_not_asked_for() -> None:
    document = read(x12(INVOICE), "{}")
    assert "body" not in document
    assert document["segments"]["BIG"][0][2] == "R-1"


def test_an_850_keeps_the_names_of_its_own() -> None:
    sample = (Path(__file__).parents[3] / "examples/order-to-cash/samples/acme-1001.edi").read_bytes()
    format_, other = build_format("x12", "{fields_by: name}"), build_format("x12")
    by_name = decode_all(format_, frame(format_, [sample])[0])
    by_position = decode_all(other, frame(other, [sample])[0])
    assert [d["purchase_order"] for d in by_name] == [d["purchase_order"] for d in by_position]


def test_a_set_without_a_schema_is_refused_and_says_what_to_do() -> None:
    made = read(x12(("ZZ1*1~",), "999"[:0] + "101"))
    assert isinstance(made, DataError)
    assert made.code == "x12-no-schema"
    assert "no schema for '101' in '004010'" in str(made)
    assert made.details[0]["repair"].endswith("fields_by: position")


def test_a_message_without_a_schema_is_refused_in_edifact_too() -> None:
    made = read(ORDERS.replace("ORDERS:", "ORDERX:").format(version="D:96A").encode(), name="edifact")
    assert isinstance(made, DataError)
    assert made.code == "edifact-no-schema"


@pytest.mark.parametrize(("name", "version"), [("x12", "004030"), ("edifact", "D:97A")])
def test_a_version_without_schemas_is_read_by_the_nearest(name: str, version: str) -> None:
    content = x12(INVOICE, version=version) if name == "x12" else ORDERS.format(version=version).encode()
    assert "body" in read(content, name=name)


def test_a_message_that_is_not_as_its_schema_says_is_refused_also_in_edifact() -> None:
    content = ORDERS.format(version="D:96A").replace("UNS+S'", "").replace("UNT+8", "UNT+7").encode()
    made = read(content, name="edifact")
    assert isinstance(made, DataError)
    assert "no UNS" in str(made)
    assert "body" in read(content, "{fields_by: name, check: false}", name="edifact")


def test_a_segment_without_a_place_is_kept_where_it_came() -> None:
    segments = (*INVOICE[:3], "ZZZ*1~", *INVOICE[3:])
    document = read(x12(segments), "{fields_by: name, check: false}")
    assert document["body"]["N1_loop"][0]["ZZZ_unplaced"] == [{"01": "1"}]
    (written,) = build_format("x12").encode([document])
    assert "".join(segments).encode() in written


def test_an_order_that_names_do_not_tell_is_said_and_written_again() -> None:
    body = {"REF": [{"01": "A"}, {"01": "B"}], "DTM": [{"01": "1"}], "_order": ["REF", "DTM", "REF"]}
    assert rows_of_body(body, "body", "c") == [["REF", "A"], ["DTM", "1"], ["REF", "B"]]
    more = {**body, "REF": [{"01": "A"}, {"01": "B"}, {"01": "C"}], "N1": {"01": "X"}}
    assert [row[:2] for row in rows_of_body(more, "body", "c")] == [
        ["REF", "A"], ["DTM", "1"], ["REF", "B"], ["REF", "C"], ["N1", "X"],
    ]  # fmt: skip
    with pytest.raises(DataError, match="a list of names"):
        rows_of_body({"REF": {"01": "A"}, "_order": "REF"}, "body", "c")


def test_an_element_that_repeats_is_a_list_of_components() -> None:
    assert rows_of_body({"DMG": {"05": [{"1": "A", "2": "B"}, {"1": "C"}]}}, "body", "c") == [
        ["DMG", "", "", "", "", [["A", "B"], ["C"]]]
    ]
    assert rows_of_body({"DMG": {"05": [{"1": "A"}]}}, "body", "c") == [["DMG", "", "", "", "", ["A"]]]


@pytest.mark.parametrize("name", library().names())
def test_no_two_items_of_a_level_have_the_same_name(name: str) -> None:
    schema = library().schema(name)
    assert schema is not None
    names = Names(schema)
    levels = [schema.root]
    while levels:
        loop = levels.pop()
        told = [one.text for one in names.of(loop)]
        assert len(set(told)) == len(told)
        levels += [item for item in loop.body if hasattr(item, "body")]


@pytest.mark.parametrize("unit", ["transaction", "group"])
def test_places_of_named_values_are_their_bytes(unit: str) -> None:
    format_ = build_format("x12", f"{{fields_by: name, unit: {unit}}}")
    (piece,) = frame(format_, [x12(INVOICE)])[0]
    inside: list[Any] = ["transactions", 0] if unit == "group" else []
    asked = [[*inside, "body", "IT1_loop", 1, "IT1", "07"], [*inside, "body", "N1_loop", 0, "N4"]]
    found = format_.locate(piece.data, piece.context, asked)  # type: ignore[attr-defined]
    assert [piece.data[a:b] for a, b in found] == [b"CABLE", b"EXETER*NH"]


@pytest.mark.parametrize("unit", ["transaction", "interchange"])
def test_places_of_named_values_are_their_bytes_in_edifact(unit: str) -> None:
    format_ = build_format("edifact", f"{{fields_by: name, unit: {unit}}}")
    (piece,) = frame(format_, [ORDERS.format(version="D:96A").encode()])[0]
    inside: list[Any] = ["transactions", 0] if unit == "interchange" else []
    asked = [[*inside, "body", "BGM", "02"], [*inside, "body", "SG25", 0, "QTY", 0, "01", "2"]]
    found = format_.locate(piece.data, piece.context, asked)  # type: ignore[attr-defined]
    assert [piece.data[a:b] for a, b in found] == [b"PO?+88", b"12"]


def test_a_schema_of_the_project_names_what_only_it_has() -> None:
    own = b"message: '101'\nprovenance: ours\nbody: [BGN!, {loop: ENT, body: [ENT!, NM1*2]}]\n"
    files = {"schemas/x12/004010/101.yaml": own}
    component = registry.find("format", "x12")
    assert component is not None
    grants = Grants(root=Path("."), read_file=files.__getitem__, list_files=lambda under: sorted(files))
    format_ = component.build(component.spec.options(fields_by="name"), grants)
    content = x12(("BGN*00*1*20260315~", "ENT*1~", "NM1*QC*1*DOE~"), "101", group="NL")
    (made,) = decode_all(format_, frame(format_, [content])[0])
    assert made["body"]["ENT_loop"] == [{"ENT": {"01": "1"}, "NM1": [{"01": "QC", "02": "1", "03": "DOE"}]}]


def test_names_are_listed_for_people_and_for_maps(waypost: Command) -> None:
    said = waypost("edi", "names", "810").out
    assert "IT1_loop[]!" in said or "IT1_loop[]" in said
    told = waypost("edi", "names", "ORDERS", "--version", "D96A", "--json").json
    paths = [one["path"] for one in told["names"]]
    assert "body.SG25[].LIN" in paths
    schema = waypost("edi", "names", "810", "--json-schema").json
    lines = schema["properties"]["body"]["properties"]["IT1_loop"]
    assert lines["type"] == "array"
    assert lines["items"]["properties"]["IT1"]["properties"]["02"]["type"] == "string"
