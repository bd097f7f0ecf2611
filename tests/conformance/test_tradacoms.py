"""The tradacoms format keeps what every format must."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.conformance.test_edifact import ROW, by_tag
from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "tradacoms")}

ORDER = b"MHD=2+ORDERS:9'CLO=5000000000283+EAST O?'HARE DEPOT'OLD=1+50102100+:BREAD'OTR=1'MTR=5'"
SENT = (
    b"STX=ANA:1+5000000000000:SHOP+5010000000000:BAKER+260412:071530+417+PASSW+ORDHDR+B'"
    b"MHD=1+ORDHDR:9'TYP=0430+NEW-ORDERS'MTR=3'" + ORDER + b"MHD=3+ORDTLR:9'OFT=1'MTR=3'END=3'"
)
LINES = SENT.replace(b"'", b"'\r\n").replace(b"O?'\r\nHARE", b"O?'HARE")
BATCHED = SENT.replace(b"MHD=1", b"BAT=1'MHD=1").replace(b"END=3", b"EOB=3'END=3")
WRAPPED = SENT.replace(b"MTR=5", b"M\nTR=\n5")
BROKEN = (
    SENT.replace(b"END=3", b"END=4"),
    SENT.replace(b"END=3'", b""),
    SENT.replace(b"MTR=5'", b""),
    b"hello " + SENT,
    b"STX=ANA:1",
    b"STX=nothing'",
    BATCHED.replace(b"EOB=3", b"EOB=2"),
    SENT.replace(b"MTR=5", b"MTR=6"),
)
INTERCHANGE = st.fixed_dictionaries(
    {
        "standard": st.just("ANA:1"), "sender": st.sampled_from(["US", "O'HARA+CO"]), "sender_name": st.just("SHOP"),
        "receiver": st.just("THEM"), "receiver_name": st.just(""),
        "date": st.dates().filter(lambda d: 1970 <= d.year < 2070).map(str), "time": st.just("07:15:30"),
        "control_number": st.integers(0, 99999999999999).map(str), "password": st.just(""),
        "application": st.just("ORDHDR"), "priority": st.just("B"),
    }
)  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {
        "interchange": INTERCHANGE,
        "transaction": st.just({"set": "ORDERS", "version": "9", "control_number": "1"}),
        "rows": st.lists(ROW, max_size=6),
    }
)


class TestTradacomsMessages(FormatConformance):
    name, documents, broken = "tradacoms", DOCUMENTS, BROKEN
    contents = (SENT, LINES, BATCHED, b"\xef\xbb\xbf" + WRAPPED + b"\r\n" + SENT)
    endless_start, endless = SENT[:200], b"CLO=and so on?''" * 60

    def read_back(self, document: Any) -> Any:
        return {**document, "segments": by_tag(document["rows"])}

    def stream(self) -> Any:
        long = SENT.replace(b"OTR=1'", b"OTR=1'" * 101).replace(b"MTR=5", b"MTR=105")
        for number in count():
            yield long.replace(b"+417+", b"+%014d+" % number)


class TestTradacomsTransmissions(FormatConformance):
    name, options, documents, broken = "tradacoms", "{unit: interchange, new_lines: true}", DOCUMENTS, BROKEN[:7]
    contents = (SENT, LINES + BATCHED)
    endless_start, endless = SENT[:200], b"CLO=and so on?''" * 60
    stream = TestTradacomsMessages.stream

    def read_back(self, document: Any) -> Any:
        inner = {name: document[name] for name in ("transaction", "rows")}
        inner["segments"] = by_tag(document["rows"])
        return {"interchange": document["interchange"], "transactions": [{**inner, "accepted": True, "errors": []}]}
