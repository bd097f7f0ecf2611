"""What ``doctor`` looks at: each thing gives one finding, and none of them stops the others."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from waypost.cli.failure import counted
from waypost.core.clock import MICROSECONDS, SystemClock, SystemRandom
from waypost.core.errors import ProjectError, StoreError, WaypostError
from waypost.core.event import Events
from waypost.flow.declared.definition import Project

CONNECT_SECONDS = 10.0
ROOM_WARN_BYTES, ROOM_FAIL_BYTES = 1 << 30, 100 << 20
EARLIEST = 1_767_225_600 * MICROSECONDS
"""2026-01-01: a clock before it was never set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing; ``verdict`` is ok, warn or fail."""

    verdict: str
    subject: str
    found: str
    remedy: str = ""


async def examine(root: Path, environment: str) -> list[Finding]:
    """Everything there is to say about a project on this machine."""
    findings = [_python(), _sqlite(), *packages()]
    project, about = _project(root, environment)
    findings.append(about)
    if project is not None:
        findings += _extras(project)
        findings += await connections(root, project)
        folder = root / project.options.store
        findings += [store(root, environment, folder), room(folder), clock(folder, SystemClock().now())]
    return findings


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("ok" if good else "fail", "python", found, "" if good else "use Python 3.11 or later")


def _sqlite() -> Finding:
    import apsw

    from waypost.store.embedded import require_sqlite

    try:
        require_sqlite(apsw.sqlite_lib_version())
    except StoreError as error:
        return Finding("fail", "sqlite", error.found, error.remedy)
    return Finding("ok", "sqlite", apsw.sqlite_lib_version())


def packages() -> Iterator[Finding]:
    """Each package the base install needs."""
    try:
        required = metadata.requires("waypost") or []
    except metadata.PackageNotFoundError:
        yield Finding("warn", "packages", "waypost is not installed", "pip install . in the checkout")
        return
    for requirement in required:
        if "extra ==" in requirement:
            continue
        name = _package(requirement)
        try:
            yield Finding("ok", f"package {name}", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding("fail", f"package {name}", "not installed", f"pip install '{requirement}'")


def _package(requirement: str) -> str:
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def _project(root: Path, environment: str) -> tuple[Project | None, Finding]:
    from waypost.flow.declared.project import load_project

    try:
        project = load_project(root, environment)
    except ProjectError as error:
        more = f", and {len(error.faults) - 1} more" if len(error.faults) > 1 else ""
        return None, Finding("fail", "project", f"{error.faults[0]}{more}", f"waypost check {root}")
    return project, Finding(
        "ok", "project", f"{project.options.name} {project.version}, {counted(len(project.flows), 'flow')}"
    )


def _extras(project: Project) -> Iterator[Finding]:
    """The optional packages of what the project uses."""
    used = {
        use.component.extra
        for flow in project.flows.values()
        for use in (flow.source, flow.format, *flow.steps, *(t.use for t in flow.targets.values()))
    } | {connection.use.component.extra for connection in project.connections.values()}
    for extra in sorted(used - {""}):
        for name in _packages_of(extra):
            try:
                yield Finding("ok", f"package {name}", metadata.version(name))
            except metadata.PackageNotFoundError:
                yield Finding("fail", f"package {name}", "not installed", f"pip install 'waypost[{extra}]'")


def _packages_of(extra: str) -> list[str]:
    try:
        required = metadata.requires("waypost") or []
    except metadata.PackageNotFoundError:
        return []
    return [_package(r) for r in required if f"extra == '{extra}'" in r or f'extra == "{extra}"' in r]


async def connections(root: Path, project: Project) -> list[Finding]:
    """Whether each system of connections.yaml can be reached: opened, asked for a sign of life, and closed."""
    from waypost.flow.batch.assemble import Surroundings

    around = Surroundings(root, SystemClock(), SystemRandom(), Events())
    try:
        around.connect(project)
    except WaypostError as error:
        return [Finding("fail", "connections", str(error))]
    return list(await asyncio.gather(*(_reach(name, c.pool) for name, c in around.connections.items())))


async def _reach(name: str, pool: Any) -> Finding:
    subject = f"connection {name}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            try:
                await pool.open()
                await pool.check()
            finally:
                await pool.close()
    except WaypostError as error:
        return Finding("fail", subject, str(error))
    except TimeoutError:
        text = f"no answer within {CONNECT_SECONDS:.0f} s"
        return Finding("fail", subject, text, "check its address, and the way there")
    return Finding("ok", subject, "reached")


def store(root: Path, environment: str, folder: Path) -> Finding:
    """Whether the store can be opened: it is absent, in use by a running system, or nobody's."""
    from waypost.flow.process.client import Client
    from waypost.store.disk import RealDisk
    from waypost.store.layout import ShardFolder, lock_folder, read_description, shard_numbers

    if not folder.exists():
        return Finding("ok", "store", f"{folder}: not made yet")
    if Client(root, environment, folder).running:
        return Finding("ok", "store", f"{folder}: a system runs on it")
    disk = RealDisk()
    try:
        read_description(disk, str(folder))
        numbers = shard_numbers(disk, str(folder))
        for number in numbers:
            disk.close(lock_folder(disk, ShardFolder(str(folder), number).lock))
    except StoreError as error:
        return Finding("fail", "store", str(error), error.remedy)
    except OSError as error:
        return Finding("fail", "store", f"{error.filename}: {error.strerror}", "check its owner, its mode and the disk")
    return Finding("ok", "store", f"{folder}: {counted(len(numbers), 'shard')}, nothing runs")


def room(folder: Path) -> Finding:
    """Room on the disk of the store."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / (1 << 30):.1f} GiB free at {there}"
    if free < ROOM_FAIL_BYTES:
        return Finding("fail", "disk", found, "make room: nothing is accepted on a full disk")
    return Finding("warn" if free < ROOM_WARN_BYTES else "ok", "disk", found)


def clock(folder: Path, now: int) -> Finding:
    """Whether the clock can be right: not before this release, nor before what was last written to the store."""
    written = max((path.stat().st_mtime_ns // 1000 for path in folder.glob("shard-*/journal/*")), default=0)
    if now < EARLIEST:
        return Finding("fail", "clock", "it was never set", "set the clock, or switch on time synchronisation")
    if written > now + 2 * MICROSECONDS:
        ahead = (written - now) / MICROSECONDS
        return Finding("warn", "clock", f"{ahead:.0f} s behind what was last written", "switch on time synchronisation")
    return Finding("ok", "clock", "not behind what was last written")
