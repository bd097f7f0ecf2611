"""Tables read well with and without a terminal, and what is long shows how far it is."""

from __future__ import annotations

import io
import os
import sys

import pytest

from waypost.cli import output


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


ROWS = [["a", 1234567, "x" * 200], ["bb", None, "two\nlines"]]


def test_away_from_a_terminal_nothing_is_cut_and_nothing_is_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "count", "text"), ROWS)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.startswith("name  count      text")
    assert first == "a     1,234,567  " + "x" * 200
    assert second == "bb               two lines", "a cell is one line"


def test_on_a_terminal_a_line_is_as_wide_as_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 10)))
    output.table(("name", "count", "text"), ROWS)
    lines = stream.getvalue().splitlines()
    assert len(lines[1]) == 30 and lines[1].endswith("…")
    assert all(len(line) <= 30 for line in lines)


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("a",), [], empty="nothing is dead")
    assert capsys.readouterr().out == "nothing is dead\n"


def test_json_is_one_line_in_the_letters_it_was_written_in(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "Größe"})
    assert capsys.readouterr().out == '{"name": "Größe"}\n'


def test_away_from_a_terminal_no_progress_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("verify") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_progress_is_drawn_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("verify") as report:
        report(1, 2)
    assert "verify" in stream.getvalue() and "50" in stream.getvalue()
    assert capsys.readouterr().out == ""
