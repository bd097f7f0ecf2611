"""Look after the store: back it up, restore it, prove that it is what was written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waypost.cli import failure
from waypost.cli.option import AsJson, Place
from waypost.cli.output import Report, note, print_json, progress, say
from waypost.cli.verb.repairing import Why

if TYPE_CHECKING:
    from waypost.store.embedded import EmbeddedStore


def backup(
    place: Place,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copy goes; empty or not there.")],
) -> None:
    """Copy the store, whether it runs or not.

    Sealed files are linked where the file system allows; a copy on another disk survives the loss of this one.
    """
    from waypost.flow.declared.project import store_folder
    from waypost.store.backup import MANIFEST, Backup
    from waypost.store.disk import RealDisk
    from waypost.store.restore import read_manifest

    target = str(folder.absolute())
    with progress("backup") as report:
        for done, total in Backup(_store(store_folder(place.project)).setting(), target).run():
            report(done, total)
    size = sum(read_manifest(RealDisk(), target).files.values())
    if place.as_json:
        print_json({"folder": str(folder), "bytes": size})
    else:
        say(f"{folder}: {size:,} bytes, complete with {MANIFEST}; prove it with: waypost verify {folder}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder that `waypost backup` made.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A project that has no store yet.")],
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Make a project's store from a backup.

    What left the old store after the backup was made is not known to the new one, so nothing is read or sent there
    until a person says: waypost resume store.
    """
    import asyncio

    from waypost.flow.declared.project import store_folder

    target = store_folder(directory)
    with progress("restore") as report:
        size = asyncio.run(_restore(source.absolute(), target.absolute(), why, report))
    if as_json:
        return print_json({"store": str(target), "bytes": size})
    say(f"{target}: {size:,} bytes restored")
    note("nothing is read or sent there until you say: waypost resume store")
    note("what was delivered after the backup was made is not known there: compare before you resume")


async def _restore(source: Path, target: Path, why: str, report: Report) -> int:
    import getpass

    from waypost.core.clock import SystemClock
    from waypost.store.disk import RealDisk
    from waypost.store.restore import restore as restored

    size, now = 0, SystemClock().now()
    steps = restored(
        RealDisk(),
        str(source),
        str(target),
        lambda folder: _store(Path(folder)),
        who=getpass.getuser(),
        why=why,
        now=now,
    )
    async for size, total in steps:
        report(size, total)
    return size


def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A project, a store, or a backup.")] = Path("."),
    as_json: AsJson = False,
) -> int:
    """Read all of a store and say what is not as it was written.

    Every frame and body is compared with its checksum, the state and the index with the journal. It works beside a
    running system. The exit code is 1 when something is wrong.
    """
    from waypost.store.verify import verify as verified

    folder = _folder(directory)
    begun, faults, size, before = time.monotonic(), list[str](), 0, 0
    with progress("verify") as report:
        for done, total, fault in verified(_store(folder).setting()):
            report(done, total)
            size += done - before if done >= before else done  # each shard begins at 0
            before = done
            if fault:
                faults.append(fault)
    seconds = time.monotonic() - begun
    if as_json:
        print_json({"ok": not faults, "store": str(folder), "bytes": size, "faults": faults})
    else:
        say(
            "\n".join(
                [*faults, f"{folder}: {size:,} bytes in {seconds:.1f} s, {failure.counted(len(faults), 'fault')}"]
            )
        )
    return failure.FAILED if faults else 0


def _folder(directory: Path) -> Path:
    """The store meant by a folder: it is one itself, or the one of the project there."""
    from waypost.flow.declared.project import store_folder
    from waypost.store.layout import DESCRIPTION

    return directory if (directory / DESCRIPTION).is_file() else store_folder(directory)


def _store(folder: Path) -> EmbeddedStore:
    from waypost.store.embedded import EmbeddedStore
    from waypost.store.folds import open_folds

    return EmbeddedStore(str(folder), folds=open_folds)
