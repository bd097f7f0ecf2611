"""UN/EDIFACT directories: every message equals the text table it was read from, by an independent reading of it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waypost.core.errors import ProjectError
from waypost.formats.edi.schema.importer.files import write
from waypost.formats.edi.schema.importer.untdid import message_body, read_directory
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Composite, Loop

DIRECTORIES = sorted((Path(__file__).parents[4] / "shared/corpora/untdid").glob("*.zip"))
CONTRADICTORY = {("d99b", "BOPBNK")}
"""Drawn with a corner that closes nothing; the strokes beside it, and later directories, say what is meant."""
TABLE = """
4.3.1  Segment table
00010   UNH Message header                           M   1
00020   BGM Beginning of message                     M   1
00030       ---- Segment group 1  ------------------ C   9----------------+
00040   NAD Name                                     M   1                |
00050       ---- Segment group 2  ------------------ M   2---------------+|
00060   CTA Contact                                  M   1---------------++
00070   UNS Section control                          M   1
"""


def test_groups_nest_as_they_are_drawn() -> None:
    inner = {"loop": "SG2", "min": 1, "max": 2, "body": ["CTA!"]}
    assert message_body(TABLE) == ["BGM!", {"loop": "SG1", "max": 9, "body": ["NAD!", inner]}, "UNS!"]


def test_what_is_no_directory_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("README.TXT", "nothing")
    with pytest.raises(ProjectError, match="no message of a UN/EDIFACT directory"):
        read_directory(content.getvalue(), "x.zip")


def _files(content: bytes) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.lower().endswith(".zip"):
                yield from _files(archive.read(name))
            elif re.fullmatch(r"(.*/)?[A-Za-z]{6}_[Dd]\.\d\d[A-Za-z]", name):
                yield name.rpartition("/")[2].upper(), archive.read(name).decode("cp437")


def _drawn(text: str) -> list[tuple[int, str, str, int]]:
    """The rows of a table as depth, tag or group, status, repetition; groups close at the corners drawn."""
    rows, depth = [], 0
    for line in re.split(r"(?i)segment table", text)[-1].splitlines():
        match = re.match(
            r"[\d *+X|#]*(?:[─-]+ *segment group *(\d+).*?|([A-Z]{3}) .*?) ([MC]) +(\d+)(\D*)$", line.rstrip(), re.I
        )
        if not match or not (match[1] or match[2].isupper()):
            continue
        corners = sum(match[5].count(c) for c in "+┘┴")
        if match[1]:
            rows.append((depth, f"SG{match[1]}", match[3], int(match[4])))
            depth += 1
        elif match[2] not in ("UNH", "UNT", "UIH", "UIT"):
            rows.append((depth, match[2], match[3], int(match[4])))
            depth -= corners
    return rows


def _read(body: list[Any], depth: int = 0) -> Iterator[tuple[int, str, str, int]]:
    for item in body:
        if isinstance(item, dict):
            yield depth, item["loop"], "M" if item.get("min") else "C", item["max"]
            yield from _read(item["body"], depth + 1)
        else:
            match = re.fullmatch(r"(\w+)(!?)(?:\*(\d+))?", item)
            assert match
            yield depth, match[1], "M" if match[2] else "C", int(match[3] or 1)


if not DIRECTORIES:

    def test_no_directories_are_there() -> None:
        pytest.skip("no UN/EDIFACT directories beside the repository: the importer is not compared with them")


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.stem)
def test_every_message_equals_its_text_table(directory: Path, tmp_path: Path) -> None:
    content = directory.read_bytes()
    files = read_directory(content, directory.name)
    made = {file.path.rpartition("/")[2][:-5]: file.data for file in files}
    tables = {name[:6]: _drawn(text) for name, text in _files(content)}
    tables = {m: rows for m, rows in tables.items() if rows and (directory.stem, m) not in CONTRADICTORY}
    differing = [m for m, rows in tables.items() if rows != list(_read(made[m]["body"]))]
    assert not differing
    assert len(tables) >= len(files) - 1 - len(CONTRADICTORY)
    write(files, tmp_path)
    library = Library([tmp_path])
    for file in files:
        if not file.path.endswith("dictionary.yaml"):
            schema = library.schema(file.path[:-5])
            assert schema is not None and all(use.segment.described for use in schema.root.uses()), file.path


@pytest.mark.parametrize("version", ["D96A", "D01B"])
def test_the_messages_that_come_along_are_those_of_the_directory(version: str, tmp_path: Path) -> None:
    directory = next((d for d in DIRECTORIES if d.stem == version[1:].lower() or d.stem == version.lower()), None)
    if directory is None:
        pytest.skip("no UN/EDIFACT directory of this version beside the repository")
    write(read_directory(directory.read_bytes(), directory.name), tmp_path)
    published, ours = Library([tmp_path]), Library()
    names = [name for name in ours.names() if name.startswith(f"edifact/{version}/")]
    assert len(names) >= 12
    for name in names:
        schema, original = ours.schema(name), published.schema(name)
        assert schema is not None and original is not None
        assert list(_places(schema.root)) == list(_places(original.root)), name


def _places(loop: Loop) -> Iterator[tuple[object, ...]]:
    """Every segment and group with all that is structure: limits, elements, types, lengths, notes; no code lists."""
    for item in loop.body:
        if isinstance(item, Loop):
            yield item.name, item.required, item.maximum
            yield from _places(item)
            yield item.name, "ends"
        else:
            elements = [
                (*tuple(replace(part, codes=frozenset()) for part in element.parts), element.required, element.notes)
                if isinstance(element, Composite) else replace(element, codes=frozenset())
                for element in item.segment.elements
            ]  # fmt: skip
            yield item.tag, item.required, item.maximum, elements, item.segment.notes
