"""Properties of the x12 format: separators, single faults, and texts of any kind."""

from __future__ import annotations

from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.formats.edi.cutter import cut
from waypost.formats.edi.x12_dialect import X12
from waypost.testing.format_kit import build_format, decode_all, frame

ORDERS = (Path(__file__).parents[1] / "golden/formats/purchase_order.edi").read_bytes()
SOUND = ORDERS[: ORDERS.index(b"ST*850*0002")] + b"GE*1*311~\nIEA*1*000000417~\n"
FORMAT = build_format("x12")
SEGMENTS = SOUND.decode().split("~\n")[3:-4]
FREE = sorted(set(map(chr, range(33, 127))) - set(SOUND.decode()) | set("*>~"))


@given(marks=st.permutations([m for m in FREE if not m.isalnum()]), lines=st.booleans())
def test_any_separators_give_the_same_document(marks: list[str], lines: bool) -> None:
    element, component, segment = (m.encode() for m in marks[:3])
    content = SOUND.replace(b"~\n", b"\x00").replace(b"*", b"\x01").replace(b">", b"\x02")
    content = content.replace(b"\x00", segment + b"\r\n" * lines).replace(b"\x01", element).replace(b"\x02", component)
    slices, _ = frame(FORMAT, [content])
    assert decode_all(FORMAT, slices) == decode_all(FORMAT, frame(FORMAT, [SOUND])[0])


@settings(deadline=None)
@given(st.integers(0, len(SEGMENTS) - 1), st.sampled_from(["drop", "double", "swap", "unknown", "long", "empty"]))
def test_one_fault_gives_few_findings(at: int, fault: str) -> None:
    segments = list(SEGMENTS)
    if fault == "drop":
        del segments[at]
    elif fault == "double":
        segments.insert(at, segments[at])
    elif fault == "swap":
        assume(at)
        segments[at - 1 : at + 1] = segments[at - 1 : at + 1][::-1]
    elif fault == "unknown":
        segments.insert(at, "QQ*1*2")
    else:
        tag, *rest = segments[at].split("*")
        segments[at] = "*".join([tag, "x" * 300 if fault == "long" else "", *rest[1:]])
    body = "".join(s + "~" for s in segments)
    content = (
        SOUND[: SOUND.index(b"BEG")] + body.encode() + b"SE*%d*0001~GE*1*311~IEA*1*000000417~" % (len(segments) + 2)
    )
    (result,) = decode_all(FORMAT, frame(FORMAT, [content])[0])
    if isinstance(result, DataError):
        assert 1 <= len(result.details) <= 3, [str(d) for d in result.details]
    else:
        assert fault not in ("unknown", "long")


@given(st.lists(st.sampled_from([SOUND, SOUND[:150], b"ISA*", b"IEA*1*000000417~", b"\r\n", b"ST*850*1~", b"~", b"x"])))
def test_every_byte_of_any_content_is_kept(parts: list[bytes]) -> None:
    content = b"".join(parts)
    assert b"".join(token.data for token in cut([content], (X12,), 1 << 20)) == content
    slices, _ = frame(FORMAT, [content])
    kept = bytearray(content)
    for item in slices:
        kept[item.start : item.end] = b" " * len(item.data)
    gaps = bytes(kept).replace(b"\r", b"").replace(b"\n", b"").replace(b" ", b"")
    assert set(gaps.split(b"~")) <= {b"", *(s.replace(b" ", b"") for s in _envelope())}


def _envelope() -> list[bytes]:
    return [s for s in SOUND.replace(b"\n", b"").split(b"~") if s[:2] in (b"IS", b"GS", b"GE", b"IE")]
