"""The hl7 format keeps what every format must."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance, build_format

COVERS = {("format", "hl7")}

TEXTS = st.text(st.sampled_from("ab|^~\\&HEFX0D.br\r\n ü\x0b\x1c"), max_size=8)
FILLED = TEXTS.map(lambda text: f"x{text}")
COMPONENTS = FILLED | st.builds(lambda a, b: [a, b], TEXTS, FILLED)
REPETITIONS = st.builds(lambda inner, last: [*inner, last], st.lists(TEXTS, max_size=2), COMPONENTS)
FIELDS = st.builds(lambda inner, last: [*inner, last], st.lists(REPETITIONS | st.just([]), max_size=2), REPETITIONS)
ROWS = st.builds(
    lambda tag, inner, last: [tag, *inner, last],
    st.sampled_from(["PID", "OBX", "ZZ1"]), st.lists(FIELDS | st.just([]), max_size=3), FIELDS,
)  # fmt: skip
MSH = b"MSH|^~\\&|LAB|H|EHR|C|20260102||ORU^R01|77|P|2.5.1\r"
BROKEN = (
    b"MSH|^^~\\&|LAB\rPID|1\r",
    b"MSHX",
    b"PID|1\r",
    MSH + b"two lines\rPID|1\r",
    MSH + b"PID|\xff\r",
)


def _document(rows: list[Any]) -> dict[str, Any]:
    return {"rows": [["MSH", "|", "^~\\&", [["LAB"]]], *rows]}


class TestHl7(FormatConformance):
    name, broken = "hl7", BROKEN
    documents = st.builds(_document, st.lists(ROWS, max_size=3))
    contents = (
        MSH + b"PID|1||7^^^H&1.2&ISO~8||Doe^John\rOBX|1|ST|a||x\\T\\y\\.br\\z\r\r" + MSH + b'PID|2||""\r',
        b"FHS|^~\\&\rBHS|^~\\&\r\x0b"
        + MSH.replace(b"|P|2.5.1", b"|P|2.5.1||||||8859/1")
        + b"PID|\xe4\x1c\rBTS|1\rFTS|1\r",
        b"\xef\xbb\xbfMSH#*:%!#LAB#H\nPID#1#a*b!c:d\n",
    )
    endless_start = MSH

    def read_back(self, document: Any) -> Any:
        (read,) = build_format("hl7").decode(build_format("hl7").encode([document]), b"")
        assert read["rows"] == document["rows"]
        return read

    def stream(self):  # type: ignore[no-untyped-def]
        return repeat(MSH + b"PID|1||7\rOBX|1|ST|a||%b\r" % (b"x" * 1000))
