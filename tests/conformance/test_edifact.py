"""The edifact format keeps what every format must."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "edifact")}

ORDERS = (Path(__file__).parents[1] / "golden/formats/orders.edifact").read_bytes()
PLAIN = ORDERS.replace(b"UNA:+.? '\n", b"").replace(b"'\n", b"'")
ODD = (
    ORDERS.replace(b"UNA:+.? '", b"UNA\x1f\x1d, *\x1c")
    .replace(b"??", b"%")
    .replace(b"?+", b"%")
    .replace(b"?:", b"%")
    .replace(b"?'", b"%")
)
ODD = ODD.replace(b"+", b"\x1d").replace(b":", b"\x1f").replace(b"'", b"\x1c")
GROUPED = ORDERS.replace(b"UNH+1", b"UNG+ORDERS+A+B+260412:0715+77+UN+D:96A'\nUNH+1").replace(
    b"UNZ+2", b"UNE+2+77'\nUNZ+1"
)
INTERACTIVE = (
    b"UNA:+.?*'UIB+UNOA:4+D1++++A+B+20260412:0715'UIH+PAORES:93:1:IA+R1'MSG+1:45'UIT+R1+3'UIZ++1'"
)  # fmt: skip
OBJECT = b"any ' byte \x00\xff UNP+1+x'"
PACKAGE = b"UNB+UNOC:4+A+B+20260412:0715+9'UNO+P1+X:1+Y:2'%bUNP+%d+P1'UNZ+1+9'" % (OBJECT, len(OBJECT))
BROKEN = (
    ORDERS.replace(b"UNZ+2", b"UNZ+3"),
    ORDERS.replace(b"UNZ+2+000417'\n", b""),
    ORDERS.replace(b"UNT+12+1'\n", b""),
    b"hello\n" + ORDERS,
    ORDERS[:-40],
    b"UNA:+.? 'no header",
    b"UNB+",
    GROUPED.replace(b"UNE+2", b"UNE+1"),
    ORDERS.replace(b"UNT+12", b"UNT+13"),
    ORDERS.replace(b"UNOC:3", b"UNOY:3"),
)
CHARACTERS = st.characters(min_codepoint=32, max_codepoint=0xFF, exclude_characters="".join(map(chr, range(127, 160))))
TEXT = st.text(CHARACTERS, min_size=1, max_size=12)
ROW = st.builds(
    lambda tag, elements, last: [tag, *elements, last],
    st.sampled_from(["RFF", "NAD", "ZZ9"]),
    st.lists(TEXT | st.lists(TEXT, min_size=2, max_size=3) | st.just(""), max_size=4),
    TEXT,
)
INTERCHANGE = st.fixed_dictionaries(
    {
        "syntax": st.just("UNOC"), "syntax_version": st.sampled_from("34"),
        "sender": st.sampled_from(["US", "O'HARA+CO"]), "sender_qualifier": st.sampled_from(["", "14"]),
        "receiver": st.just("THEM"), "receiver_qualifier": st.just("ZZZ"),
        "date": st.dates().filter(lambda d: 1970 <= d.year < 2070).map(str), "time": st.just("07:15"),
        "control_number": st.integers(0, 99999999999999).map(str), "acknowledgement_requested": st.booleans(),
        "usage": st.sampled_from("PT"),
    }
)  # fmt: skip
TRANSACTION = {"set": "ORDERS", "control_number": "1", "version": "D", "release": "96A", "agency": "UN",
               "association": "EAN008"}  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {"interchange": INTERCHANGE, "transaction": st.just(TRANSACTION), "rows": st.lists(ROW, max_size=6)}
)


def by_tag(rows: list[Any]) -> dict[str, list[Any]]:
    """The rows of a document by their tag."""
    made: dict[str, list[Any]] = {}
    for row in rows:
        made.setdefault(row[0], []).append(row)
    return made


class TestEdifactMessages(FormatConformance):
    name, documents, broken = "edifact", DOCUMENTS, BROKEN
    contents = (ORDERS, PLAIN, ODD, b"\xef\xbb\xbf" + GROUPED + b"\r\n" + ORDERS, INTERACTIVE, PACKAGE)
    endless_start, endless = PLAIN[:200], b"RFF+ZZZ:and so on?''" * 60

    def read_back(self, document: Any) -> Any:
        return {**document, "segments": by_tag(document["rows"])}

    def stream(self) -> Any:
        long = ORDERS.replace(b"QTY+21:12:PCE'\n", b"QTY+21:12:PCE'\n" * 101).replace(b"UNT+12+", b"UNT+112+")
        for number in count():
            yield long.replace(b"000417", b"%014d" % number)


class TestEdifactInterchanges(FormatConformance):
    name, options, documents, broken = (
        "edifact",
        "{unit: interchange, una: false, new_lines: true}",
        DOCUMENTS,
        BROKEN[:8],
    )
    contents = (ORDERS, PLAIN + ODD, GROUPED, INTERACTIVE, PACKAGE)
    endless_start, endless = PLAIN[:200], b"RFF+ZZZ:and so on?''" * 60
    stream = TestEdifactMessages.stream

    def read_back(self, document: Any) -> Any:
        inner = {name: document[name] for name in ("transaction", "rows")}
        inner["segments"] = by_tag(document["rows"])
        return {"interchange": document["interchange"], "transactions": [{**inner, "accepted": True, "errors": []}]}
