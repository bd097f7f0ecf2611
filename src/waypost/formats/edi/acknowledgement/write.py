"""Acknowledgements as bytes."""

from __future__ import annotations

from waypost.formats.edi.acknowledgement.policy import Acknowledgement
from waypost.formats.edi.delimiter import Delimiters
from waypost.formats.edi.edifact_dialect import LEVEL_A
from waypost.formats.edi.edifact_write import EdifactWriter
from waypost.formats.edi.row_write import RowWriter
from waypost.formats.edi.x12_write import X12Writer

_X12 = Delimiters(component=b":", repetition=b"^")


def written(made: Acknowledgement, line_end: str = "") -> bytes:
    """One interchange with the acknowledgement, in the usual separators. Raises ``DataError`` for what cannot be
    written."""
    if made.standard == "x12":
        return X12Writer(_rows("x12", _X12, line_end, replacement=" ")).interchange(made.document)
    return EdifactWriter(_rows("edifact", LEVEL_A, line_end), "UNOC", "3", "", True).interchange(made.document)


def _rows(name: str, marks: Delimiters, line_end: str, replacement: str = "") -> RowWriter:
    element, component, repetition, segment, release = (
        mark.decode() for mark in (marks.element, marks.component, marks.repetition, marks.segment, marks.release)
    )
    return RowWriter(
        name=name, element=element, component=component, repetition=repetition or ("*" if release else ""),
        segment=segment, release=release, replacement=replacement, line_end=line_end,
    )  # fmt: skip
