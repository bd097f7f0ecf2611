"""Looks at one file in a process of its own, with little memory and time, no files to write and nothing of the system.

``python -m waypost.partners.self_test.child MEMORY SECONDS`` reads a ``Task`` from standard input, writes a ``Report``
to standard output and ends.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from pathlib import Path

import msgspec


class Task(msgspec.Struct, frozen=True):
    """A file of a partner; ``files`` are those of the project it is held against, ``codes`` a folder of code lists."""

    partner: str
    name: str
    content: bytes
    files: dict[str, bytes]
    at: datetime
    codes: str = ""


class Report(msgspec.Struct, frozen=True):
    """What was found, in every form that can be asked for."""

    accepted: bool
    summary: str
    text: str
    page: str
    data: bytes


def look(task: Task) -> Report:
    """The report on a file. Raises where the partner's own files have a fault."""
    from waypost.agreements.load import load_partners
    from waypost.core.errors import Fault, ProjectError
    from waypost.formats.edi.agreed.schemas import ProjectSchemas
    from waypost.partners.check import check
    from waypost.partners.check_report import report_page, report_text

    faults: list[Fault] = []
    partners = load_partners(task.files, faults)
    if task.partner not in partners:
        raise ProjectError(faults)
    codes = (Path(task.codes),) if task.codes else ()
    schemas = ProjectSchemas(task.files)
    found = check(task.content, task.name, partners[task.partner], partners, schemas, task.at, codes)
    lines = list(report_text(found))
    return Report(found.accepted, lines[0], "\n".join(lines) + "\n", report_page(found),
                  json.dumps(found.data(), ensure_ascii=False).encode("utf-8", "replace"))  # fmt: skip


def confined(memory_bytes: int, seconds: int) -> None:
    """Give up memory beyond a limit, time beyond a limit, writing files, and starting processes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    """Look at the task on standard input."""
    confined(int(arguments[0]), int(arguments[1]))
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.msgpack.encode(look(task)))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
