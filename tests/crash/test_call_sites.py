"""The recorded workloads reach every place in the store that changes the disk."""

from __future__ import annotations

import ast
from pathlib import Path

import waypost.store
from waypost.testing.crash.explore import left_by
from waypost.testing.crash.log import Operation
from waypost.testing.crash.recording import Recording, record
from waypost.testing.crash.workload import SCENES, recovering

KINDS = {
    "write": "write", "datasync": "sync", "sync": "sync", "truncate": "truncate", "rename": "rename", "link": "link",
    "unlink": "unlink", "sync_folder": "names", "create": "create", "make_folder": "folder",
}  # fmt: skip

NOT_REACHED = {
    "backup._drop unlink": "a backup that begins again because retention was quicker; it leaves no store behind",
    "backup._shard unlink": "as above",
    "backup._snapshot unlink": "as above, of what was exchanged with partners, which the workloads have none of",
    "exchange_feed.__init__ create": "only flows under agreements; what it says is taken back at every start",
    "exchange_feed._say_seen write": "as above",
    "backup._rest folder": "bundles, which are no part of the store",
    "restore._sync_all names": "a restore is into an empty folder, which is no store before it ends",
    "restore.copy_back folder": "as above",
    **{f"check_room.{place}": "tests/unit/store/test_check_room.py explores it, apart from the journal" for place in [
        "put folder", "put names", "_write create", "_write write", "_write sync", "_write rename", "_write unlink",
        "clear unlink",
    ]},
    **{f"reference_log.{place}": "tests/unit/store/test_reference_log.py explores it, as above" for place in [
        "append folder", "append create", "append names", "append truncate", "append write", "append sync",
        "refresh sync",
    ]},
}  # fmt: skip
"""Places no workload comes to, and why that is right."""


def call_sites() -> set[str]:
    """``module.function kind`` of every call that changes the disk."""
    found = set()
    for path in Path(waypost.store.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and path.name != "disk.py":
                calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
                kinds = [KINDS[call.func.attr] for call in calls if _changes_the_disk(call.func)]
                found |= {f"{path.stem}.{function.name} {kind}" for kind in kinds}
    return found


def _changes_the_disk(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in KINDS:
        return False
    owner = called.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name in ("disk", "_disk")


def in_the_middle(recording: Recording) -> list[int]:
    """Some places where a commit, or a new segment, is written and not synced."""
    operations = [entry for entry in recording.log.entries if isinstance(entry, Operation)]
    unsafe = {"commit._write write": 10, "segment.create create": 5}
    sites = [operation.site for operation in operations]
    return [
        at + 1
        for site, wanted in unsafe.items()
        for at in [at for at, found in enumerate(sites) if found == site][:wanted]
        if len(recording.groups) == 1
    ]


def sites_of(recording: Recording) -> set[str]:
    return {entry.site for entry in recording.log.entries if isinstance(entry, Operation)}


def reached_with(seed: int) -> set[str]:
    """What one run of each scene comes to, and openings of what it leaves in the middle."""
    reached: set[str] = set()
    for name, scene in SCENES.items():
        recording = record(name, scene.workload, seed=seed, fails=scene.fails())
        reached |= sites_of(recording)
        for operation in in_the_middle(recording):
            beginning = left_by(recording, operation, seed + operation)
            reached |= sites_of(record("recovering", recovering, beginning=beginning))
    return reached


def test_every_place_that_changes_the_disk_is_reached():
    """Threads meet differently in each run, so a few are made until nothing is missed."""
    missed, seed = call_sites(), 0
    while not missed <= set(NOT_REACHED) and seed < 12:
        missed -= reached_with(seed)
        seed += 1
    assert missed == set(NOT_REACHED)
