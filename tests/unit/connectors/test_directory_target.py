"""What the directory target does about taken names, full disks, days that end and options that cannot work."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors.directory_target import OPEN_FILES, DirectoryTarget, DirectoryTargetOptions
from waypost.connectors.file_name import WhenExists
from waypost.core.component import Outbound
from waypost.core.errors import EndpointUnavailable, ErrorClass
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.traits import Repetition
from waypost.testing.connector_kit import again, outbound


async def target(root: Path, **options: Any) -> DirectoryTarget:
    made = DirectoryTarget(DirectoryTargetOptions(path="out", **options), Grants(root=root, flow="orders", name="erp"))
    await made.open()
    return made


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "out").iterdir())}


def keyed(number: int, key: str, body: bytes) -> Outbound:
    return outbound(number, body, ordering_key=key)


async def test_without_a_name_each_message_has_its_own_file_by_id_and_type(tmp_path: Path) -> None:
    made = await target(tmp_path)
    (outcome,) = await made.send([outbound(1, b"{}", content_type="application/json")])
    assert files(tmp_path) == {"01900000-0000-7000-8000-000000000001.json": b"{}"}
    assert outcome.address == str(tmp_path / "out" / "01900000-0000-7000-8000-000000000001.json")


async def test_appended_without_a_name_the_file_is_called_like_the_flow(tmp_path: Path) -> None:
    made = await target(tmp_path, append=True)
    outcomes = await made.send([outbound(n, b"{}", content_type="application/json") for n in (1, 2)])
    await made.close()
    assert files(tmp_path)["orders.ndjson"] == b"{}\n{}\n"
    assert [outcome.address[-3:] for outcome in outcomes] == ["n@0", "n@3"]
    assert [outcome.status for outcome in outcomes] == ["appended"] * 2


async def test_a_repetition_says_that_it_was_recognised(tmp_path: Path) -> None:
    made = await target(tmp_path, append=True)
    await made.send([outbound(1, b"x")])
    (outcome,) = await made.send([again(outbound(1, b"x"))])
    await made.close()
    assert (outcome.delivered, outcome.status) == (True, "recognised")


async def test_a_name_another_message_has_is_refused_and_nothing_lost(tmp_path: Path) -> None:
    made = await target(tmp_path, name="{key}.txt")
    outcomes = await made.send([keyed(1, "a", b"first"), keyed(2, "a", b"other"), keyed(3, "b", b"third")])
    assert files(tmp_path) == {"a.txt": b"first", "b.txt": b"third"}
    assert [outcome.delivered for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error_class is ErrorClass.CONTRACT
    assert outcomes[1].error.endswith("put {id} into 'name', or set when_exists: replace")


async def test_when_exists_replace_keeps_the_last_message_of_a_name(tmp_path: Path) -> None:
    made = await target(tmp_path, name="{key}.txt", when_exists=WhenExists.REPLACE)
    outcomes = await made.send([keyed(1, "a", b"first"), keyed(2, "a", b"last")])
    assert all(outcome.delivered for outcome in outcomes)
    assert files(tmp_path) == {"a.txt": b"last"}


async def test_a_batch_over_midnight_lands_in_two_files_in_order(tmp_path: Path) -> None:
    made = await target(tmp_path, append=True, name="{date}.txt")
    midnight = 1_767_225_600_000_000
    batch = [outbound(n, b"%d" % n, received_at=midnight + (n - 2) * 1_000_000) for n in range(4)]
    await made.send(batch)
    await made.send([again(message) for message in batch])
    await made.close()
    written = {name: body for name, body in files(tmp_path).items() if name[0] != "."}
    assert written == {"20251231.txt": b"0\n1\n", "20260101.txt": b"2\n3\n"}


async def test_more_appended_files_than_are_kept_open_all_get_their_lines(tmp_path: Path) -> None:
    made = await target(tmp_path, append=True, name="{key}.txt")
    for turn in range(2):
        await made.send([keyed(100 * turn + n, f"{n:03d}", b"line %d" % turn) for n in range(OPEN_FILES + 5)])
    await made.close()
    written = [body for name, body in files(tmp_path).items() if name[0] != "."]
    assert written == [b"line 0\nline 1\n"] * (OPEN_FILES + 5)


@pytest.mark.parametrize("broken", ["write", "fdatasync", "rename"])
async def test_a_full_disk_leaves_no_half_file_and_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    made = await target(tmp_path)

    def refuse(*args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, broken, refuse)
        with pytest.raises(EndpointUnavailable, match="no space left on device; free space on this disk"):
            await made.send([outbound(1, b"one"), outbound(2, b"two")])
    assert files(tmp_path) == {}
    await made.send([again(outbound(1, b"one"))])
    assert list(files(tmp_path).values()) == [b"one"]


async def test_a_counter_names_files_by_the_number_of_the_delivery(tmp_path: Path) -> None:
    made = await target(tmp_path, name="{counter:04d}.txt")
    await made.send([outbound(1, b"x", sequence=41)])
    (outcome,) = await made.send([outbound(2, b"x", sequence=0)])
    assert list(files(tmp_path)) == ["0041.txt"]
    assert outcome.error_class is ErrorClass.CONFIGURATION


@pytest.mark.parametrize(
    ("options", "repetition", "numbered"),
    [
        ({}, Repetition.SAME_PLACE, False),
        ({"append": True}, Repetition.RECOGNISED, False),
        ({"name": "{counter}"}, Repetition.SAME_PLACE, True),
    ],
)
def test_traits_follow_from_the_options(options: Any, repetition: Repetition, numbered: bool) -> None:
    component = registry.find("target", "directory")
    assert component is not None
    traits = component.traits_of(DirectoryTargetOptions(path="out", **options))
    assert (traits.repetition, traits.numbered, traits.needs_intent) == (repetition, numbered, False)


@pytest.mark.parametrize("options", [{"path": ""}, {"path": "o", "name": "{x}"}, {"path": "o", "zone": "Moon"}])
def test_options_that_cannot_work_are_faults(options: Any) -> None:
    assert list(DirectoryTargetOptions(**options).faults())
