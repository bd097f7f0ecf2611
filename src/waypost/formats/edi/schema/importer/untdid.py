"""Reads UN/EDIFACT directories as they were published: zip files of zip files of text tables.

Only facts are taken: numbers, tags, types, lengths, order, repetition, dependency notes; no words.
Three decades of layouts are understood: boxes drawn in code page 437 or in ASCII, with and without position numbers.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.formats.edi.schema.importer.files import Imported, bounded_read

_KINDS = {"ED": "elements", "CD": "composites", "SD": "segments"}
_DIRECTORY = re.compile(r"(?:TR|ED|ID)(ED|CD|SD)\.([0-9]{2}[AB])", re.IGNORECASE)
_MESSAGE = re.compile(r"(?:.*[_/])?([A-Z]{6})_D\.([0-9]{2}[AB])", re.IGNORECASE)
_RULE = re.compile(r"[-─\u2500Ä]{20,}\s*")
_ELEMENT_HEAD = re.compile(r"[ *+X|#]*([0-9]{4})\s+\S.*")
_REPR = re.compile(r"\s*Repr:\s*(an|a|n)(\.\.)?\s*([0-9]+)\s*")
_HEAD = re.compile(r"[ *+X|#]*([A-Z][0-9]{3}|[A-Z]{2}[A-Z0-9])\s+[A-Z].*")
_ITEM = re.compile(r"\s*(?:[0-9]{3})?[ *+X|#]*([CES][0-9]{3}|[0-9]{4})\s+(\S.*)")
_STATUS = re.compile(r".*?\s([MC])(?:\s+([0-9]+))?(?:\s+(an|a|n)(\.\.)?([0-9]+))?\s*")
_NOTE = re.compile(r"D([1-7])\(([0-9]{3}(?:\s*,\s*[0-9]{3})+)\)")
_GROUP = re.compile(r".*segment\s+group\s*([0-9]+)\s*[-─ ]*\s([MC])\s+([0-9]+)(.*)", re.IGNORECASE)
_SEGMENT = re.compile(r"(?:[0-9]{4,5})?[ *+X|#]*([A-Z]{2}[A-Z0-9])\s.*\s([MC])\s+([0-9]+)([^0-9A-Za-z]*)")
_SERVICE = {"UNH", "UNT", "UIH", "UIT"}
_SERVICE_SEGMENTS = {"UNS": ["0081! a1"], "UGH": ["0087! an..4"], "UGS": ["0087! an..4"], "UGT": ["0087! an..4"]}
"""Segments of ISO 9735 that stand inside messages; the directories leave them out."""
_DEEPEST_ZIP = 3


def read_directory(content: bytes, name: str) -> list[Imported]:
    """The files one directory becomes: a dictionary and a file for each message, of each release found in it."""
    try:
        texts = dict(_texts(content, 0))
    except zipfile.BadZipFile as wrong:
        raise ProjectError([Fault(name, 0, "edi-import", str(wrong), "a UN/EDIFACT directory zip")]) from None
    releases: dict[str, dict[str, dict[str, Any]]] = {}
    messages: dict[str, dict[str, list[Any]]] = {}
    for path, text in texts.items():
        file = PurePosixPath(path).name
        if match := _DIRECTORY.fullmatch(file):
            parts = releases.setdefault(f"D{match[2].upper()}", {})
            parts.setdefault(_KINDS[match[1].upper()], {}).update(_PARSERS[match[1].upper()](text))
        elif match := _MESSAGE.fullmatch(file):
            messages.setdefault(f"D{match[2].upper()}", {})[match[1].upper()] = message_body(text)
    if not messages:
        raise ProjectError(
            [Fault(name, 0, "edi-import", "no message of a UN/EDIFACT directory", "a zip with EDMD or TRMD files")]
        )
    made = []
    for release, bodies in sorted(messages.items()):
        parts = releases.get(release, {})
        said = f"imported from the UN/EDIFACT directory {release}, structure only"
        made.append(Imported(f"edifact/{release}/dictionary.yaml", _dictionary(parts, said)))
        made += [
            Imported(f"edifact/{release}/{message}.yaml", {"message": message, "provenance": said, "body": body})
            for message, body in sorted(bodies.items()) if body
        ]  # fmt: skip
    return made


def _dictionary(parts: dict[str, dict[str, Any]], said: str) -> dict[str, Any]:
    """The dictionary with every element that something uses."""
    elements = dict(parts.get("elements", {}))
    return {
        "provenance": said, "elements": {ref: elements[ref] for ref in sorted(elements)},
        "composites": parts.get("composites", {}), "segments": {**parts.get("segments", {}), **_SERVICE_SEGMENTS},
    }  # fmt: skip


def _texts(content: bytes, depth: int) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if name.lower().endswith(".zip") and depth < _DEEPEST_ZIP:
                yield from _texts(bounded_read(archive, entry), depth + 1)
            elif _DIRECTORY.fullmatch(PurePosixPath(name).name) or _MESSAGE.fullmatch(PurePosixPath(name).name):
                yield name, bounded_read(archive, entry).decode("cp437")


def _elements(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    ref = ""
    for line in text.splitlines():
        if match := _REPR.fullmatch(line):
            if ref:
                found[ref] = f"{match[1]}{match[2] or ''}{match[3]}"
        elif match := _ELEMENT_HEAD.fullmatch(line):
            ref = match[1]
    return found


def _holders(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each composite or segment of a directory with its lines."""
    for block in re.split(_RULE, text):
        lines = [line.rstrip() for line in block.splitlines()]
        head = next((line for line in lines if line), "")
        if match := _HEAD.fullmatch(head):
            yield match[1], lines[lines.index(head) + 1 :]


def _items(lines: list[str]) -> Iterator[tuple[str, str, int, str, bool]]:
    """Reference, status, repetition, type, and whether a blank line stood before, of each line of elements."""
    pending, fresh = "", True
    for line in lines:
        if not line.strip():
            fresh = fresh or not pending
            continue
        joined = f"{pending} {line.strip()}" if pending else line
        match = _ITEM.fullmatch(joined)
        status = _STATUS.fullmatch(f" {match[2]}") if match else None
        if match and status:
            kind = f"{status[3]}{status[4] or ''}{status[5]}" if status[3] else ""
            yield match[1], status[1], int(status[2] or 1), kind, fresh
            pending, fresh = "", False
        elif match and not pending:
            pending = line.rstrip()
        else:
            pending = ""


def _written(ref: str, status: str, repeat: int, kind: str) -> str:
    written = ref + ("!" if status == "M" else "") + (f"*{repeat}" if repeat > 1 else "")
    return f"{written} {kind}" if kind else written


def _composites(text: str) -> dict[str, Any]:
    return {
        ref: [_written(r, s, 1, k) for r, s, _, k, _ in _items(lines)]
        for ref, lines in _holders(text) if ref[1:].isdigit()
    }  # fmt: skip


def _segments(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for tag, lines in _holders(text):
        if tag[1:].isdigit():
            continue
        elements = [_written(r, s, n, k) for r, s, n, k, fresh in _items(lines) if fresh]
        notes = [
            f"D{match[1]}({','.join(str(int(p) // 10) for p in match[2].split(','))})"
            for match in _NOTE.finditer("\n".join(lines))
        ]
        found[tag] = {"elements": elements, "notes": notes} if notes else elements
    return found


def message_body(text: str) -> list[Any]:
    """The body of a message from its segment table: segments and nested groups."""
    at = text.lower().rfind("segment table")
    root: list[Any] = []
    open_bodies = [root]
    for line in text[at:].splitlines() if at >= 0 else ():
        line = line.rstrip()
        if group := _GROUP.fullmatch(line):
            depth = _bars(group[4])
            body: list[Any] = []
            least = {"min": 1} if group[2] == "M" else {}
            loop = {"loop": f"SG{group[1]}", **least, "max": int(group[3]), "body": body}
            del open_bodies[depth + 1 :]
            open_bodies[-1].append(loop)
            open_bodies.append(body)
        elif (segment := _SEGMENT.fullmatch(line)) and segment[1] not in _SERVICE:
            most = int(segment[3])
            open_bodies[-1].append(segment[1] + ("!" if segment[2] == "M" else "") + (f"*{most}" if most > 1 else ""))
            del open_bodies[_bars(segment[4]) + 1 :]
    return root


def _bars(drawn: str) -> int:
    """How many groups stay open behind a line: one for each upright stroke."""
    return sum(c in "|│┤├" for c in drawn)


_PARSERS = {"ED": _elements, "CD": _composites, "SD": _segments}
