"""The archive format keeps what every format must."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.testing.format_kit import FormatConformance, build_format

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


def test_every_fault_of_a_file_is_told() -> None:
    (error,) = build_format("archive", "{format: csv, options: {types: {n: integer}}}").decode(
        [gzip.compress(b"n\n1\nx\n2\ny\n")], b""
    )
    assert isinstance(error, DataError) and "'x'" in str(error) and "'y'" in str(error)


@pytest.mark.parametrize("name", ["archive", "csw"])
def test_what_is_no_format_is_a_fault(name: str) -> None:
    with pytest.raises(AssertionError, match="expected a format"):
        build_format("archive", f"{{format: {name}}}")
