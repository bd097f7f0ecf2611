"""What a person reads when a verb did not succeed, and the exit code of it: never a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waypost.cli.output import json_text

if TYPE_CHECKING:
    from waypost.core.errors import ProjectError, WaypostError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def report(error: Exception, arguments: Sequence[str]) -> int:
    """Say what went wrong, on standard error, or as JSON on standard output where ``--json`` was asked for."""
    from waypost.core.errors import UsageError, WaypostError

    if isinstance(error, WaypostError):
        _say(str(error), error_data(error), arguments)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
        _say(text, {"error": {"code": "file", "text": text}}, arguments)
        return FAILED
    place = write_details(error, arguments)
    text = f"waypost: unexpected {type(error).__name__}; this is a fault of Waypost; the details are in {place}"
    _say(text, {"error": {"code": "bug", "text": text, "details": str(place)}}, arguments)
    return FAILED


def report_usage(text: str, usage: str, arguments: Sequence[str]) -> int:
    """Say how the command was called wrongly."""
    _say(f"{usage}\n{text}" if usage else text, {"error": {"code": "usage", "text": text}}, arguments)
    return WRONG_USAGE


def error_data(error: WaypostError) -> dict[str, Any]:
    """An error as JSON: its parts, and for a project every fault."""
    from waypost.core.errors import ProjectError

    if isinstance(error, ProjectError):
        return {"error": {"code": error.code, "text": counted(len(error.faults), "fault")}, "faults": fault_rows(error)}
    parts = {name: getattr(error, name) for name in ("where", "found", "expected", "remedy") if getattr(error, name)}
    return {"error": {"code": error.code, "class": str(error.error_class), "text": str(error), **parts}}


def counted(count: int, noun: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def fault_rows(error: ProjectError) -> list[dict[str, Any]]:
    """Every fault of a project as plain data."""
    names = ("file", "line", "code", "found", "expected", "remedy")
    return [{name: getattr(fault, name) for name in names} | {"text": str(fault)} for fault in error.faults]


def write_details(error: Exception, arguments: Sequence[str]) -> Path:
    """The file the traceback was written to: in the project's store where there is one, else a temporary one."""
    folder = _store_of(arguments)
    text = f"waypost {' '.join(arguments)}\n\n" + "".join(traceback.format_exception(error))
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    descriptor, name = tempfile.mkstemp(prefix=f"waypost-error-{stamp}-", suffix=".log", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)


def _store_of(arguments: Sequence[str]) -> Path | None:
    from waypost.core.errors import WaypostError
    from waypost.flow.declared.project import store_folder

    for argument in [*arguments, "."]:
        folder = Path(argument.removeprefix("--project="))
        try:
            if (folder / "waypost.yaml").is_file():
                store = store_folder(folder)
                return store if store.is_dir() and os.access(store, os.W_OK) else None
        except (OSError, ValueError, WaypostError):
            return None
    return None


def _say(text: str, data: dict[str, Any], arguments: Sequence[str]) -> None:
    if "--json" in arguments:
        print(json_text(data))
    else:
        print(text, file=sys.stderr)
