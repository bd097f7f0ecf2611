"""Properties of the csv format beside the standard library's reader and writer."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format, decode_all, frame

FIELD = st.text(st.sampled_from('ab ,;"\n\r'), max_size=6)
ROWS = st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=6)


@given(rows=ROWS, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), end=st.sampled_from(["\n", "\r\n"]))
def test_what_other_writers_quote_is_read_as_they_meant_it(rows: list[list[str]], quoting: int, end: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", quoting=quoting, lineterminator="\r\n")  # type: ignore[call-overload]
    writer.writerows(rows)
    content = text.getvalue() if end == "\r\n" else "".join(_with_lf(row, quoting) for row in rows)
    format_ = build_format("csv", "{header: false, delimiter: ';'}")
    slices, refusal = frame(format_, [content.encode()])
    assert not refusal
    assert [list(d.values()) for d in decode_all(format_, slices)] == rows


def _with_lf(row: list[str], quoting: int) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=";", quoting=quoting, lineterminator="\r\n").writerow(row)  # type: ignore[call-overload]
    return text.getvalue()[:-2] + "\n"


@given(st.text(st.sampled_from('ab,"\n'), max_size=40))
def test_each_record_is_cut_where_the_standard_library_ends_it(content: str) -> None:
    format_ = build_format("csv", "{header: false}")
    slices, _ = frame(format_, [content.encode()])
    expected = [row for row in csv.reader(io.StringIO(content)) if row]
    found = decode_all(format_, slices)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, DataError) or list(ours.values()) == theirs
