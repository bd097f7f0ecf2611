"""The archive format keeps what every format must."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from waypost.core.component import LocatingFormat
from waypost.core.cutting import cut, cut_end
from waypost.core.errors import DataError
from waypost.testing.format_kit import FormatConformance, build_format, decode_all, frame

COVERS = {("format", "archive")}

RECORDS = st.lists(st.fixed_dictionaries({"n": st.integers()}), max_size=4)


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


BROKEN = (
    b"plain",
    gzip.compress(b'{"n": 1}\n')[:-4],
    gzip.compress(b'{"n": 1}\n{"n": \n'),
    gzip.compress(bytes(1 << 20)),
    zipped({"../out.json": b"{}"}),
    zipped({"a.json": bytes(1 << 20)}),
    zipped({"a.json": b"{}"})[:-10],
)


class TestGzip(FormatConformance):
    name, options = "archive", "{format: json, options: {lines: true}, unpacked_bytes: 64KiB}"
    documents = st.builds(lambda records: {"files": [{"name": "", "records": records}]}, RECORDS)
    contents = (gzip.compress(b'{"n": 1}\n{"n": 2}\n', mtime=0) + gzip.compress(b"{}\n", mtime=0),)
    broken = BROKEN


class TestZip(FormatConformance):
    name, options = "archive", "{format: json, options: {lines: true}, pack: zip, unpacked_bytes: 64KiB}"
    documents = st.builds(
        lambda a, b: {"files": [{"name": "a.json", "records": a}, {"name": "x/b.json", "records": b}]}, RECORDS, RECORDS
    )
    contents = (zipped({"a.json": b'{"n": 1}\n', "b/": b"", "b/c.json": b"[1]"}),)
    broken = BROKEN


def zipped_as_a_stream(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """As it is written where nobody can go back: sizes stand behind each file."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.made = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.made += bytes(data)  # type: ignore[call-overload]
            return len(data)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:  # type: ignore[type-var]
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=name.startswith("long")) as file:
                file.write(content)
    return pipe.made


LINES = b"".join(b'{"n": %d, "t": "%s"}\n' % (n, b"x" * (n * 37 % 911)) for n in range(90))
TWO = {"a.csv": b"n,t\n1,a\n2,b\n", "b/": b"", "b/c.csv": b"m\n7\n", "long.csv": b"k\n9\n"}
SOUND_ZIP = zipped(TWO)


def stored(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


class TestGzipRecords(FormatConformance):
    name, options = "archive", "{format: json, options: {lines: true}, unit: record, unpacked_bytes: 1GiB}"
    documents = st.fixed_dictionaries({"n": st.integers(), "t": st.sampled_from(["", "x"])})
    contents = (
        gzip.compress(LINES, mtime=0),
        gzip.compress(b'{"n": 1}\n{"n', mtime=0) + gzip.compress(b'": 2}\n', mtime=0) + bytes(7),
    )
    broken = (b"plain", contents[0][:-9], contents[0][:300] + b"?" + contents[0][301:], gzip.compress(b"{"))
    endless_start = gzip.compress(b"", mtime=0)
    endless = gzip.compress(b"x" * 1000, mtime=0)

    def stream(self):  # type: ignore[no-untyped-def]
        while True:
            yield gzip.compress(LINES, 0)


class TestZipRecords(FormatConformance):
    name, options = "archive", "{format: csv, options: {write_header: true}, unit: record, unpacked_bytes: 1GiB}"
    documents = st.fixed_dictionaries({"n": st.sampled_from(["1", "two"]), "t": st.just("x")})
    contents = (SOUND_ZIP, zipped_as_a_stream(TWO), stored(TWO))
    broken = (
        zipped({"../out.csv": b"n\n1\n"}),
        zipped_as_a_stream(TWO, zipfile.ZIP_STORED),
        SOUND_ZIP[:60],
        SOUND_ZIP[: SOUND_ZIP.index(b"PK\x05\x06")],
        SOUND_ZIP[: SOUND_ZIP.index(b"PK\x01\x02")] + SOUND_ZIP[SOUND_ZIP.index(b"PK\x05\x06") :],
        stored({"a.csv": b"n\n1\n"}).replace(b"n\n1\n", b"n\n2\n", 1),
    )
    endless_start, endless = TestGzipRecords.endless_start, TestGzipRecords.endless

    def stream(self):  # type: ignore[no-untyped-def]
        yield gzip.compress(b"n,t\n")
        while True:
            yield gzip.compress(b"1,%s\n" % (b"t" * 900) * 100, 0)


RECORD_OPTIONS = "{format: json, options: {lines: true}, unit: record, unpacked_bytes: 64KiB}"


@pytest.mark.parametrize("content", [gzip.compress(b"{}\n" * 50_000), zipped({"a.json": b"{}\n" * 50_000})])
def test_a_bomb_of_records_is_refused_behind_those_allowed(content: bytes) -> None:
    slices, refusal = frame(build_format("archive", RECORD_OPTIONS), [content])
    assert len(slices) == (64 << 10) // 3 and refusal.startswith("archive-size")


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped({"a.json": content})])
def test_a_few_bytes_are_unpacked_in_turns_of_bounded_size(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"n": "%s"}\n' % (b"x" * 1000) * 50_000)
    framer = build_format("archive", RECORD_OPTIONS.replace("64KiB", "1GiB")).framer(1 << 20)
    turns = [sum(len(s.data) for s in slices) for slices in [*cut(framer, packed), *cut_end(framer)]]
    assert len(packed) < 1 << 18 and sum(turns) > 50_000_000 and max(turns) < 1 << 19


def test_a_zip_in_a_zip_is_no_record_of_text() -> None:
    slices, refusal = frame(build_format("archive", RECORD_OPTIONS), [zipped({"a.json": zipped({"b": b"{}\n"})})])
    assert slices and not refusal
    assert all(isinstance(r, DataError) for r in decode_all(build_format("archive", RECORD_OPTIONS), slices))


def test_a_body_that_nobody_cuts_is_its_only_record() -> None:
    format_ = build_format("archive", RECORD_OPTIONS)
    one, two = format_.decode([gzip.compress(b'{"n": 1}\n'), gzip.compress(b"{}\n{}\n")], b"")
    assert one == {"n": 1} and isinstance(two, DataError) and "2 records" in str(two)


def test_places_of_a_packed_record_are_those_within_it() -> None:
    format_ = build_format("archive", RECORD_OPTIONS)
    (found,), _ = frame(format_, [gzip.compress(b'{"n": 17}\n')])
    assert isinstance(format_, LocatingFormat)
    assert format_.locate(found.data, found.context, [("n",)]) == [(6, 8)]
    assert format_.locate(found.data, b"", [("n",)]) == [None]


def test_a_fault_names_the_file_it_is_in() -> None:
    options = "{format: xml, options: {records: a/b}, unit: record}"
    _, refusal = frame(build_format("archive", options), [zipped({"one.xml": b"<a><b/></a>", "two.xml": b"<a>"})])
    assert "file 'two.xml'" in refusal


def test_records_are_not_written_to_a_zip() -> None:
    with pytest.raises(AssertionError, match="gzip: a record has no name"):
        build_format("archive", "{format: json, unit: record, pack: zip}")


def test_every_fault_of_a_file_is_told() -> None:
    (error,) = build_format("archive", "{format: csv, options: {types: {n: integer}}}").decode(
        [gzip.compress(b"n\n1\nx\n2\ny\n")], b""
    )
    assert isinstance(error, DataError) and "'x'" in str(error) and "'y'" in str(error)


@pytest.mark.parametrize("name", ["archive", "csw"])
def test_what_is_no_format_is_a_fault(name: str) -> None:
    with pytest.raises(AssertionError, match="expected a format"):
        build_format("archive", f"{{format: {name}}}")
