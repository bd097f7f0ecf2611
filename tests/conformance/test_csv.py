"""The csv format keeps what every format must."""

from __future__ import annotations

from itertools import repeat

from hypothesis import strategies as st

from waypost.testing.format_kit import FormatConformance

COVERS = {("format", "csv")}

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12)
SOUND = (
    b'sku;price;note\r\nA-1;1.50;"said ""no"";\r\nthen yes"\r\n\r\nB-2;;5" pipe\r\n',
    b"\xef\xbb\xbfsku;price;note\nC;3;",
)
BROKEN = (
    b"sku;price;note\nA-1;1.50\n",
    b"sku;price;note\nA;dear;x\n",
    b'sku;price;note\nA;1;"open\n',
    b"\nsku;sku\nx;y\n",
    b"sku;price;note\n\xff;1;x",
)


class TestCsvWithHeader(FormatConformance):
    name, options = "csv", "{delimiter: ';', types: {price: decimal}, write_header: true}"
    documents = st.fixed_dictionaries(
        {"sku": TEXTS, "price": st.none() | st.decimals(-1000, 1000, places=2), "note": TEXTS}
    )
    contents, broken = SOUND, BROKEN
    endless_start, endless = b'sku;price;note\nA;1;"', b"never closed\n" * 100

    def stream(self):  # type: ignore[no-untyped-def]
        yield b"sku;price;note\n"
        while True:
            yield b'A-1;1.50;"two\nlines%b"\n' % (b"." * 1000)


class TestCsvWithFixedColumns(FormatConformance):
    name, options = "csv", "{header: false, columns: [a, b, n], types: {n: integer}, line_ending: lf}"
    documents = st.fixed_dictionaries({"a": TEXTS, "b": TEXTS, "n": st.none() | st.integers()})
    contents = (b"x,y,1\r\n\nz,,\n", b'"1,5",",",-3')
    stream = staticmethod(lambda: repeat(b"x" * 1000 + b",y,1\r\n"))
    broken = (b"x,y\n", b"x,y,one\n", b'"x"y,z,1\n', b"x,y,1\r2\n")


class TestTsvWithoutQuotes(FormatConformance):
    name, options = "csv", '{delimiter: "\\t", quote: "", columns: [a, b], header: false, ragged: fill}'
    documents = st.fixed_dictionaries({"a": TEXTS.filter(lambda t: not set(t) & set("\r\n\t")), "b": st.just("x")})
    contents = (b'x"y\t"z\nshort\none\ttwo\tthree\tfour\n',)
    broken = (b"\xff\ty\n", b"\t" * 20_000)
    stream = staticmethod(lambda: repeat(b"x" * 1000 + b'\t"y\n'))
