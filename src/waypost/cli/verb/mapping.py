"""Maps: show them to reviewers, take their sheet back, tell versions apart, run their cases, try them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask
from waypost.cli.option import Place
from waypost.cli.output import json_text, note, print_json, say

if TYPE_CHECKING:
    from waypost.mapping.compile import CompiledMap

WHAT = {"show": (1, 1), "try": (1, 1), "test": (1, 1000), "diff": (2, 2), "import": (1, 1)}


def map_(
    place: Place,
    what: Annotated[str, typer.Argument(metavar="show|try|test|diff|import", help="What to do with it.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="The map; two for diff; the sheet for import.")],
    python: Annotated[bool, typer.Option("--python", help="show: the Python it is compiled to.")] = False,
    html: Annotated[bool, typer.Option("--html", help="show: one HTML page for reviewers.")] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="show: an Excel workbook for reviewers; needs --out.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to the screen.")] = None,
    message: Annotated[str, typer.Option("--message", metavar="ID", help="try: on this stored message.")] = "",
    step: Annotated[str, typer.Option("--step", metavar="NAME", help="try: as it came to this step of its flow.")] = "",
    given: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="try: on this JSON or YAML document; - is stdin.")
    ] = None,
) -> int:
    """Show, try, test and compare maps; take back a reviewed sheet.

    A map is checked against its schemas before anything else. Files a map names are looked for in the project it lies
    in, the nearest folder above it with a waypost.yaml.
    """
    from waypost.core.errors import UsageError, near

    if what not in WHAT:
        raise UsageError(f"map {what!r}", expected="one of " + ", ".join(WHAT), remedy=near(what, WHAT))
    least, most = WHAT[what]
    if not least <= len(files) <= most:
        raise UsageError(f"map {what} is given {failure.counted(len(files), 'file')}", expected=str(least))
    if what == "show":
        return _show(place, files[0], {"python": python, "html": html, "xlsx": xlsx}, out)
    if what == "import":
        return _import(place, files[0], out)
    if what == "diff":
        return _diff(place, files[0], files[1])
    return _test(place, files) if what == "test" else _try(place, files[0], message, step, given)


def load(place: Place, file: Path) -> CompiledMap:
    """The map in ``file``. Raises ``ProjectError`` with every fault."""
    from waypost.core.errors import Fault, ProjectError
    from waypost.mapping.compile import load_map

    at = (file if file.is_file() else place.project / file).resolve()
    root = next((folder for folder in at.parents if (folder / "waypost.yaml").is_file()), at.parent)
    faults: list[Fault] = []
    made = load_map(at.relative_to(root).as_posix(), lambda path: _inside(root, path).read_bytes(), faults)
    if made is None:
        raise ProjectError(faults)
    return made


def _inside(root: Path, path: str) -> Path:
    from waypost.flow.declared.library import library_folders

    first, _, rest = path.partition("/")
    if first == "libraries" and not (root / path).exists():
        name, _, rest = rest.partition("/")
        root, path = library_folders(root, []).get(name, root), rest
    at = (root / path).resolve()
    if not at.is_relative_to(root):
        raise LookupError(path)
    return at


def _data(place: Place, file: Path) -> dict[str, Any]:
    """The plain data of a map that has no fault."""
    from waypost.core.yamlfile import parse_yaml

    load(place, file)
    at = file if file.is_file() else place.project / file
    data = parse_yaml(at.read_text("utf-8-sig"), str(file), []).data
    return dict(data)


def _write(content: str | bytes, out: Path | None) -> int:
    if out is None:
        sys.stdout.write(content if isinstance(content, str) else "")
    elif isinstance(content, str):
        out.write_text(content, "utf-8")
    else:
        out.write_bytes(content)
    return 0


def _show(place: Place, file: Path, forms: dict[str, bool], out: Path | None) -> int:
    from waypost.core.errors import UsageError
    from waypost.mapping.sheet import head_of, rows_of

    chosen = [form for form, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise UsageError("map show: " + " and ".join(f"--{form}" for form in chosen), expected="one of them")
    if chosen == ["python"]:
        return _write(load(place, file).source.rstrip() + "\n", out)
    data = _data(place, file)
    if chosen == ["html"]:
        from waypost.mapping.page import to_html

        return _write(to_html(data), out)
    if chosen == ["xlsx"]:
        from waypost.mapping.excel import to_excel

        if out is None:
            raise UsageError("map show --xlsx writes no text", expected="--out FILE.xlsx")
        return _write(to_excel(data), out)
    rows = rows_of(data)
    if place.as_json:
        print_json({"head": head_of(data), "rules": rows})
        return 0
    for word, text in head_of(data).items():
        say(f"{word}: {text}")
    for row in rows:
        rest = [f"{word} {text}" for word, text in row.items() if word not in ("target", "from")]
        say(f"{row['target']} ← {'; '.join([row['from'], *rest] if 'from' in row else rest)}")
    return 0


def _import(place: Place, file: Path, out: Path | None) -> int:
    from waypost.core.errors import Fault, ProjectError
    from waypost.mapping.excel import from_excel
    from waypost.mapping.reader import read_map
    from waypost.mapping.sheet import yaml_text

    faults: list[Fault] = []
    data = from_excel(file.read_bytes(), file.name, faults)
    text = yaml_text(data) if data is not None else ""
    name = str(out or f"{file.name} as YAML")
    if data is None or read_map(text, name, faults) is None:
        raise ProjectError(faults)
    if place.as_json:
        print_json({"map": data, "written": str(out) if out else ""})
    _write(text, out) if out or not place.as_json else None
    if out is not None and not place.as_json:
        note(f"written: {out}; comments of the former file are not in a sheet")
    return 0


def _diff(place: Place, old: Path, new: Path) -> int:
    from waypost.mapping.difference import compare, touched

    changes = compare(load(place, old).document, load(place, new).document)
    count = touched(changes)
    if place.as_json:
        rows = [{"target": c.target, "kind": c.kind, "text": c.text} for c in changes]
        print_json({"changes": rows, "targets_touched": count})
        return 0
    for change in changes:
        say(str(change))
    say(f"{failure.counted(count, 'target')} touched" if changes else "no change of meaning")
    return 0


def _test(place: Place, files: Sequence[Path]) -> int:
    from waypost.mapping.trial import run_cases, without_cases

    maps = [load(place, file) for file in files]
    outcomes = [outcome for made in maps for outcome in run_cases(made)]
    failed = [outcome for outcome in outcomes if outcome.difference]
    untested = [f"{made.document.file}: {path}" for made in maps for path in without_cases(made)]
    if place.as_json:
        rows = [{"file": o.file, "line": o.line, "target": o.target, "difference": o.difference} for o in outcomes]
        print_json({"passed": len(outcomes) - len(failed), "failed": len(failed), "cases": rows, "untested": untested})
    else:
        for outcome in outcomes:
            word = "failed" if outcome.difference else "ok"
            say(f"{word:<7} {outcome.file}:{outcome.line}  {outcome.target or 'the whole map'}")
            if outcome.difference:
                say(f"        {outcome.difference}")
        say(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed; rules without a case: {len(untested)}")
    return failure.FAILED if failed else 0


def _try(place: Place, file: Path, message: str, step: str, given: Path | None) -> int:
    from waypost.core.errors import UsageError

    if bool(message) == (given is not None):
        raise UsageError("map try needs a document", expected="one of --message ID and --input FILE")
    compiled = load(place, file)
    body, at = _stored(place, message, step) if message else (_read(given), 0)
    made = compiled.apply(body, at)
    if place.as_json:
        print_json(made)
    else:
        say(json_text(made, indent=2))
    return 0


def _read(given: Path | None) -> Any:
    import msgspec

    from waypost.core.errors import DataError, Fault, ProjectError
    from waypost.core.yamlfile import parse_yaml

    content = sys.stdin.buffer.read() if given is None or str(given) == "-" else given.read_bytes()
    if given is not None and given.suffix in (".yaml", ".yml"):
        faults: list[Fault] = []
        data = parse_yaml(content.decode("utf-8", "replace"), str(given), faults).data
        if faults:
            raise ProjectError(faults)
        return data
    try:
        return msgspec.json.Decoder(float_hook=_decimal).decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", where=str(given), expected="a JSON or YAML document") from None


def _decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def _stored(place: Place, message: str, name: str) -> tuple[Any, int]:
    """The document of a stored message as it came to a step: the one named, or the first map; and when it was
    received."""
    from datetime import datetime

    from waypost.core.errors import DataError, UsageError, near

    answer = ask(place, "show", id=message)
    if answer is None:
        raise DataError(f"no message {message!r}", remedy="find it with: waypost messages", code="unknown-message")
    steps = [each for each in answer["steps"] if "before" in each]
    found = [each for each in steps if (each["step"] == name if name else each["kind"] == "map")] or (
        [] if name else steps[:1]
    )
    if not found:
        known = [each["step"] for each in steps]
        remedy = near(name, known) or f"it passed: {', '.join(known) or 'no step'}"
        raise UsageError(f"--step {name!r}: the message did not pass it", remedy=remedy)
    received = datetime.fromisoformat(answer["message"]["received_at"])
    return found[0]["before"], round(received.timestamp() * 1_000_000)
