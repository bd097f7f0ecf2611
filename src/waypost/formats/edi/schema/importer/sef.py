"""Reads SEF, the Standard Exchange Format (public domain, Foresight, 1.6): sets, segments, composites, elements, codes.

Only the sections with structure are read: ``.VER``, ``.STD``, ``.SETS``, ``.SEGS``, ``.COMS``, ``.ELMS``, ``.CODES``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.formats.edi.schema.importer.build import Builder, loop, sized, use
from waypost.formats.edi.schema.importer.files import Imported

_ITEM = re.compile(r"\[([^\]]*)\]|\{([^:{}\[\]]*):?([^\[{}+-]*)|(\})|\^")
_FIELD = re.compile(r"\{?\[([^\]]*)\]")
_NOTE = re.compile(r"\+?([PRECLD][0-9]?)(?:\(([0-9,]+)\)|((?:[0-9]{2}){2,}))")
_UNBOUNDED = frozenset({">1", "*", "-1"})
_ENVELOPE = frozenset({"ST", "SE", "UNH", "UNT"})
_MARKS = ".!$-&*@"
"""What may stand before a tag or an element: how a guide uses it."""
_DEEPEST = 20


def read_sef(content: bytes, name: str) -> list[Imported]:
    """The files one SEF file becomes: a message for each of its sets."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    sections = _sections(text)
    if not sections.get("SETS"):
        raise ProjectError([Fault(name, 0, "edi-import", "no section .SETS", "a SEF file")])
    builder, elements = Builder(), dict(_elements(sections.get("ELMS", [])))
    codes = {
        ref: [c.strip("*") for c in re.split("[,;]", said) if c] for ref, said in _pairs(sections.get("CODES", []))
    }
    composites = dict(_pairs(sections.get("COMS", [])))
    for tag, said in _pairs(sections.get("SEGS", [])):
        builder.segment(tag, _fields(said, builder, elements, codes, composites, 0), _notes(said))
    standard = "edifact" if any("UN" in line for line in sections.get("STD", [])) else "x12"
    version = _version(sections, name)
    made: dict[str, Imported] = {}
    for message, said in _pairs(sections["SETS"]):
        said = said.split("=", 1)[-1]
        files = builder.files(
            standard, version, message, "", _body(said), "imported from SEF, structure and codes only"
        )
        made |= {file.path: file for file in files}
    return [*made.values()]


def _sections(text: str) -> dict[str, list[str]]:
    """The lines of each section; a line that ends with a comma, or does not begin one, goes on."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.split("\n"):
        match = re.match(r"\.([A-Z]+)\s*(.*)", line)
        if match and match[1].isupper() and len(match[1]) > 2:
            current = found.setdefault(match[1], [])
            current += [match[2].strip()] if match[2].strip() else []
        elif line.strip():
            if current and not re.match(r"[A-Z0-9]{1,8}=", line):
                current[-1] += line.strip()
            else:
                current.append(line.strip())
    return found


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, equals, said = line.partition("=")
        if equals:
            yield key.strip().split(",")[0], said


def _elements(lines: list[str]) -> Iterator[tuple[str, str]]:
    for ref, said in _pairs(lines):
        kind, low, high = (*said.split(","), "1", "", "")[:3]
        kind = kind.strip() or "AN"
        written = kind if re.fullmatch("AN|ID|R|N[0-9]|DT|TM|B|an|a|n", kind) else "N0" if kind == "N" else "AN"
        yield (
            ref,
            sized(written, int(low) if low.strip().isdecimal() else 1, int(high) if high.strip().isdecimal() else None),
        )


def _fields(
    said: str, builder: Builder, elements: dict[str, str], codes: dict[str, list[str]], composites: dict[str, str],
    depth: int,
) -> list[str]:  # fmt: skip
    found = []
    for match in _FIELD.finditer(said):
        ref, *rest = match[1].split(",")
        ref = re.split("[;:]", ref.strip().lstrip(_MARKS))[0]
        required = any(part.strip() == "M" for part in rest)
        times = next((int(part) for part in rest if part.strip().isdecimal()), 1)
        if ref in composites and depth < _DEEPEST:
            parts = _fields(composites[ref], builder, elements, codes, composites, depth + 1)
            found.append(builder.composite(ref, parts, required, times, _notes(composites[ref])))
        else:
            found.append(builder.element(ref, elements.get(ref, "AN"), required, times, codes.get(ref)))
    return found


def _notes(said: str) -> list[str]:
    found = []
    for match in _NOTE.finditer(re.sub(r"\[[^\]]*\]", "", said)):
        at = match[2].split(",") if match[2] else re.findall("..", match[3] or "")
        if match[1][0] == "D" and len(match[1]) == 2:
            found.append(f"{match[1]}({','.join(at)})")
        elif match[1] in "PRECL":
            found.append(match[1] + "".join(f"{int(n):02}" for n in at))
    return found


def _body(said: str) -> list[Any]:
    """Segments in brackets, loops in braces: ``^[BEG,M]{N1:200[N1][N3,,2]}``."""
    root: list[Any] = []
    opened: list[list[Any]] = [root]
    for match in _ITEM.finditer(said):
        if match[1] is not None:
            tag, *rest = match[1].split(",")
            tag = re.split("[;*:@]", tag.strip().lstrip(_MARKS))[0]
            required = bool(rest) and rest[0].strip() == "M"
            if re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag) and tag not in _ENVELOPE:
                opened[-1].append(use(tag, required, _times(rest[1] if len(rest) > 1 else "1")))
        elif match[4] and len(opened) > 1:
            _closed(opened)
        elif match[2] is not None and len(opened) < _DEEPEST:
            opened[-1].append(loop(match[2].strip() or "L", False, _times(match[3].strip() or "1"), []))
            opened.append(opened[-1][-1]["body"])
    while len(opened) > 1:
        _closed(opened)
    return root


def _closed(opened: list[list[Any]]) -> None:
    """The innermost loop ends: it is called as its first segment, which must be there; an empty one is none."""
    body, holder = opened.pop(), opened[-1]
    if not body:
        holder.pop()
        return
    made = holder[-1]
    first = body[0] if isinstance(body[0], str) else ""
    made["min"] = int("!" in first)
    if not made["min"]:
        del made["min"]
    if made["loop"] in ("L", "") and first:
        made["loop"] = re.split("[!*]", first)[0]
    if first and "!" not in first:
        body[0] = first.replace("*", "!*", 1) if "*" in first else f"{first}!"


def _times(text: str) -> int | None:
    return None if text in _UNBOUNDED else int(text) if text.isdecimal() else 1


def _version(sections: dict[str, list[str]], name: str) -> str:
    words = " ".join(
        [*sections.get("VER", []), *sections.get("STD", []), *sections.get("INI", []), PurePath(name).stem]
    )
    found = re.search(r"00[0-9]{4}(?:X[0-9]{3}(?:A[0-9])?)?|D\.?[0-9]{2}[AB]", words)
    return found[0].replace(".", "") if found else "imported"
