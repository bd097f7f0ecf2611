"""Look into EDI files of any dialect."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson
from waypost.cli.output import json_text, note, print_json, say

EdiFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of X12, EDIFACT or TRADACOMS interchanges.")]
_PIECE = 1 << 18
_SHOWN = 20


def show(file: EdiFile, as_json: AsJson = False) -> int:
    """List interchanges, groups and transactions of a file.

    Each with its offset, length, names and control number, and what is wrong with its envelope. Exit code 1 when
    something is.
    """
    from waypost.formats.edi.outline import Survey, parts

    survey = Survey(_pieces(file))
    if as_json:
        _print_parts(file, parts(survey), survey)
    else:
        for part in parts(survey):
            _say_part(part)
        _say_counts(file, survey.counts)
    return failure.FAILED if survey.counts.fault_count else 0


def roundtrip(file: EdiFile, as_json: AsJson = False) -> int:
    """Read a file, write it again, compare byte by byte.

    What is written comes from the segments and elements read. Exit code 0 only when every byte is the same.
    """
    from waypost.formats.edi.outline import round_trip

    result = round_trip(_pieces(file))
    if as_json:
        print_json({"file": str(file), "exact": result.exact, "difference": result.difference, "sha256": result.sha256,
                    **result.counts.detail()})  # fmt: skip
        return 0 if result.exact else failure.FAILED
    for fault in result.counts.faults[:_SHOWN]:
        note(_words(fault.detail()))
    _say_counts(file, result.counts)
    if result.difference >= 0:
        say(f"written differently from byte {result.difference:,} on")
    elif result.exact:
        say("byte-exact")
    return 0 if result.exact else failure.FAILED


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            yield piece


def _print_parts(file: Path, parts: Iterator[dict[str, Any]], survey: Any) -> None:
    """One JSON document, written as the file is read, so that memory holds one part."""
    sys.stdout.write(f'{{"file": {json_text(str(file))}, "parts": [')
    separator = ""
    for part in parts:
        sys.stdout.write(separator + json_text(part))
        separator = ", "
    say("], " + json_text(survey.counts.detail())[1:])


_INDENT = {"interchange": "", "group": "  ", "transaction": "    "}


def _say_part(part: dict[str, Any]) -> None:
    words = [
        part["kind"],
        *(part.get(n, "") for n in ("standard", "functional_id", "set", "version", "control_number")),
    ]
    if "sender" in part:
        words.append(f"{part['sender']} → {part['receiver']}")
    if "segments" in part:
        words.append(failure.counted(part["segments"], "segment"))
    indent = _INDENT.get(part["kind"], "    ")
    say(f"{part['offset']:>12,} {part['bytes']:>10,}  {indent}{' '.join(word for word in words if word)}")
    for fault in part["faults"]:
        say(f"{'':23}  {indent}! {_words(fault)}")


def _words(fault: dict[str, Any]) -> str:
    expected = f"; expected {fault['expected']}" if fault["expected"] else ""
    hint = f"; {fault['hint']}" if fault["hint"] else ""
    return f"byte {fault['offset']:,}: {fault['found']}{expected}{hint} [{fault['code']}]"


def _say_counts(file: Path, counts: Any) -> None:
    nouns = (("interchange", counts.interchanges), ("group", counts.groups), ("transaction", counts.transactions),
             ("segment", counts.segments), ("fault", counts.fault_count))  # fmt: skip
    say(f"{file}: {counts.bytes:,} bytes, " + ", ".join(failure.counted(count, noun) for noun, count in nouns))
