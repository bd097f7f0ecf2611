"""The x12 format keeps what every format must."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "x12")}

ORDERS = (Path(__file__).parents[1] / "golden/formats/purchase_order.edi").read_bytes()
ODD = ORDERS.replace(b"~\n", b"\r\n").replace(b"*", b"|").replace(b">", b"\\")
SOUND = ORDERS[: ORDERS.index(b"ST*850*0002")] + b"GE*1*311~\nIEA*1*000000417~\n"
LONE = SOUND[:106] + b"TA1*000000417*260412*0715*A*000~IEA*0*000000417~"
OBJECT = b"any ~SE*1*2~ byte \x00\xff"
BINARY = SOUND[:157] + b"ST*899*0001~BIN*%d*%b~SE*3*0001~GE*1*311~IEA*1*000000417~" % (len(OBJECT), OBJECT)
RELEASED = (
    SOUND.replace(b"*U*00401*", b"*^*00704*", 1).replace(b"GS*PO", b"ISX*?~\nGS*PO").replace(b"NM-2026", b"N?*M-2026")
)
BROKEN = (
    ORDERS,
    ODD,
    SOUND.replace(b"GE*1", b"GE*2"),
    SOUND.replace(b"IEA*1*000000417~\n", b""),
    SOUND.replace(b"SE*21*0001~", b""),
    b"hello\n" + SOUND,
    SOUND[:-120],
    b"ISA*00*nothing else",
    SOUND.replace(b"NM-2026-0815", b"\xff"),
)
CHARACTERS = st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="*>~^\x7f")
TEXT = st.text(CHARACTERS, min_size=1, max_size=12)
ELEMENT = TEXT | st.lists(TEXT, min_size=2, max_size=3) | st.just("")
ROW = st.builds(
    lambda tag, elements, last: [tag, *elements, last],
    st.sampled_from(["REF", "N1", "ZZ9"]),
    st.lists(ELEMENT, max_size=4),
    TEXT,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "interchange": st.fixed_dictionaries(
            {
                "sender_qualifier": st.just("ZZ"), "sender": st.sampled_from(["US", "NORDMARKT"]),
                "receiver_qualifier": st.just("14"), "receiver": st.just("4399902099992"),
                "date": st.dates().filter(lambda d: 1970 <= d.year < 2070).map(str), "time": st.just("07:15"),
                "version": st.sampled_from(["00401", "00501"]),
                "control_number": st.integers(0, 999999999).map("{:09}".format),
                "acknowledgement_requested": st.booleans(), "usage": st.sampled_from("PT"),
            }
        ),
        "group": st.just(
            {"functional_id": "TX", "sender": "US", "receiver": "THEM", "date": "2026-04-12", "time": "07:15:30",
             "control_number": "311", "agency": "X", "version": "004010"}
        ),
        "transaction": st.just({"set": "899", "control_number": "0001"}),
        "rows": st.lists(ROW, max_size=6),
    }
)  # fmt: skip


class TestX12Transactions(FormatConformance):
    name, documents, contents, broken = (
        "x12",
        DOCUMENTS,
        (SOUND, b"\xef\xbb\xbf" + SOUND + b"\r\n" + SOUND, LONE, BINARY, RELEASED),
        BROKEN,
    )
    endless_start, endless = SOUND[:200], b"REF*ZZ*and so on~" * 60

    def read_back(self, document: Any) -> Any:
        by_tag: dict[str, list[Any]] = {}
        for row in document["rows"]:
            by_tag.setdefault(row[0], []).append(row)
        return {**document, "segments": by_tag}

    def stream(self) -> Any:
        long = SOUND.replace(b"MSG*Deliver to gate 3.~\n", b"MSG*%b~\n" % (b"x" * 250) * 101).replace(
            b"SE*21*", b"SE*121*"
        )
        for number in count():
            yield long.replace(b"000000417", b"%09d" % number)


class TestX12Groups(FormatConformance):
    name, options, documents, broken = "x12", "{unit: group}", DOCUMENTS, BROKEN[2:]
    contents = (SOUND, ORDERS, ODD + SOUND, BINARY)
    endless_start, endless = SOUND[:200], b"REF*ZZ*and so on~" * 60
    stream = TestX12Transactions.stream

    def read_back(self, document: Any) -> Any:
        one = TestX12Transactions().read_back(document)
        inner = {name: one[name] for name in ("transaction", "segments", "rows")}
        group = {name: one[name] for name in ("interchange", "group")}
        return {**group, "transactions": [{**inner, "accepted": True, "errors": []}]}
