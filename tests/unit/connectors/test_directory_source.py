"""What the directory source does about links, changing files, namesakes and folders that are not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from waypost.connectors import directory_source
from waypost.connectors.directory_source import PIECE_BYTES, DirectorySource, DirectorySourceOptions
from waypost.connectors.file_look import Disposition
from waypost.core.errors import AuthorisationRefused, DataError, EndpointError, EndpointUnavailable
from waypost.core.event import Events
from waypost.core.grants import Grants
from waypost.testing.connector_kit import CommittedPositions, bodies_of, next_delivery


class Project:
    """A project folder with ``in/``; ``said`` are the events' sentences."""

    def __init__(self, root: Path) -> None:
        self.root, self.inbox, self.positions, self.said = root, root / "in", CommittedPositions(), list[str]()
        self.inbox.mkdir()

    async def source(self, path: str = "in/*.txt", **options: Any) -> DirectorySource:
        events = Events()
        events.subscribe(lambda event: self.said.append(str(event)))
        grants = Grants(root=self.root, flow="f", positions=self.positions, events=events)
        source = DirectorySource(DirectorySourceOptions(path=path, poll_seconds=0.01, **options), grants)
        await source.open()
        return source

    async def accept(self, source: DirectorySource) -> bytes:
        delivery = await next_delivery(source)
        (body,) = await bodies_of(delivery)
        self.positions.commit(delivery)
        await delivery.accept()
        return body

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in sorted(self.root.rglob("*")) if p.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


async def test_an_accepted_file_is_archived_and_a_namesake_beside_it(project: Project) -> None:
    source = await project.source()
    for body in (b"one", b"two", b"two"):
        (project.inbox / "a.txt").write_bytes(body)
        assert await project.accept(source) == body
    names = list(project.files())
    assert sorted(project.files().values()) == [b"one", b"two", b"two"]
    assert names[0] == "in/archive/a.txt" and all(name.startswith("in/archive/a~") for name in names[1:])


async def test_files_go_where_archive_path_says_below_their_folder(project: Project) -> None:
    (project.inbox / "acme").mkdir()
    (project.inbox / "acme" / "a.txt").write_bytes(b"x")
    source = await project.source("in/**/*.txt", archive_path="in/done")
    assert await project.accept(source) == b"x"
    assert project.files() == {"in/done/acme/a.txt": b"x"}
    assert await source.receive() is None, "the archive is not read"


async def test_a_disposal_cut_short_by_a_crash_is_made_up_for(project: Project) -> None:
    (project.inbox / "a.txt").write_bytes(b"x")
    delivery = await next_delivery(await project.source())
    project.positions.commit(delivery)
    archived = project.inbox / "archive" / "a.txt"
    archived.parent.mkdir()
    os.link(project.inbox / "a.txt", archived)  # the crash came between the two halves of the move
    assert await (await project.source()).receive() is None
    assert project.files() == {"in/archive/a.txt": b"x"}


async def test_a_file_replaced_after_it_was_read_is_another_file(project: Project) -> None:
    source = await project.source()
    (project.inbox / "a.txt").write_bytes(b"old")
    delivery = await next_delivery(source)
    project.positions.commit(delivery)
    (project.inbox / "new").write_bytes(b"new")
    (project.inbox / "new").rename(project.inbox / "a.txt")
    await delivery.accept()
    assert await project.accept(source) == b"new"
    assert project.said == ["f: skipped in/a.txt: it changed after it was accepted; it is read as a new file"]


@pytest.mark.parametrize("after", list(Disposition))
async def test_the_same_name_with_other_content_is_read_again(project: Project, after: Disposition) -> None:
    source = await project.source(after=after)
    for body in (b"one", b"other"):
        (project.inbox / "a.txt").write_bytes(body)
        assert await project.accept(source) == body


@pytest.mark.parametrize(("change", "at"), [("grows", 1), ("is cut", 1), ("grows", 0)])
async def test_a_file_that_changes_while_it_is_read_is_refused(project: Project, change: str, at: int) -> None:
    path = project.inbox / "a.txt"
    path.write_bytes(bytes(3 * PIECE_BYTES))
    delivery = await next_delivery(await project.source())
    pieces = 0
    with pytest.raises(EndpointUnavailable, match=r"in/a\.txt: the file changed .* set settle_seconds"):
        async for _ in delivery.read(0):
            pieces += 1
            os.truncate(path, 4 * PIECE_BYTES if change == "grows" else PIECE_BYTES)
    assert pieces == 1


async def test_content_at_fault_is_set_aside_and_not_offered_again(project: Project) -> None:
    (project.inbox / "a.txt").write_bytes(b"bad")
    source = await project.source()
    await (await next_delivery(source)).reject(DataError("a record is too long"))
    assert await source.receive() is None
    assert project.files() == {"in/rejected/a.txt": b"bad"}


async def test_links_pipes_folders_and_unfinished_files_are_not_read(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (project.inbox / "link.txt").symlink_to(tmp_path / "secret.txt")
    (project.inbox / "folder.txt").mkdir()
    os.mkfifo(project.inbox / "pipe.txt")
    for name in (".hidden.txt", "half.txt.part", "other.csv"):
        (project.inbox / name).write_bytes(b"x")
    source = await project.source()
    assert await source.receive() is None
    assert await source.receive() is None
    assert project.said == ["f: skipped link.txt: it is a symbolic link; put the file itself there"]


async def test_a_file_swapped_for_a_link_after_the_look_is_not_followed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    source = await project.source()
    path = project.inbox / "a.txt"
    path.write_bytes(b"x")
    (seen,) = await source.look()
    path.unlink()
    path.symlink_to(tmp_path / "secret.txt")
    with pytest.raises(EndpointError, match="symbolic links"):
        await source.fetch(seen)


async def test_headers_name_the_file_and_the_keys_in_its_name(project: Project) -> None:
    (project.inbox / "acme_4711.txt").write_bytes(b"x")
    source = await project.source(keys_from_name="{partner}_{po}.txt")
    delivery = await next_delivery(source)
    assert delivery.arrival is not None
    assert delivery.arrival.headers == {
        "file.name": "acme_4711.txt", "file.partner": "acme", "file.po": "4711",
    }  # fmt: skip
    assert delivery.arrival.name == "in/acme_4711.txt" and delivery.arrival.size == 1
    assert delivery.arrival.content_type == "text/plain"


async def test_a_name_that_is_not_utf8_is_read_and_archived(project: Project) -> None:
    (project.inbox / os.fsdecode(b"gr\xfc.txt")).write_bytes(b"x")
    source = await project.source()
    delivery = await next_delivery(source)
    assert delivery.arrival is not None and delivery.arrival.name == "in/gr\\xfc.txt"
    await delivery.accept()
    assert os.listdir(os.fsencode(project.inbox / "archive")) == [b"gr\xfc.txt"]


@pytest.mark.parametrize(
    ("cause", "error", "said"),
    [
        (errno.EACCES, AuthorisationRefused, r"cannot read: permission denied; give user '.+' the permission"),
        (errno.EIO, EndpointUnavailable, r"cannot read: input/output error; check the disk"),
        (errno.ENOENT, EndpointUnavailable, r"cannot read: no such file or directory; create the folder"),
    ],
)
async def test_a_folder_that_cannot_be_read_is_named_with_the_remedy(
    project: Project, monkeypatch: pytest.MonkeyPatch, cause: int, error: type[Exception], said: str
) -> None:
    source = await project.source()

    def refuse(path: object) -> None:
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(directory_source.os, "scandir", refuse)
    with pytest.raises(error, match=said):
        await source.receive()


async def test_a_move_to_another_disk_copies_then_removes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    source = await project.source()
    for body in (b"one", b"two"):
        (project.inbox / "a.txt").write_bytes(body)
        assert await project.accept(source) == body
    assert sorted(project.files().values()) == [b"one", b"two"]
    assert not (project.inbox / "a.txt").exists()


async def test_a_file_system_without_hard_links_moves_by_rename(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    source = await project.source()
    for body in (b"one", b"two"):
        (project.inbox / "a.txt").write_bytes(body)
        assert await project.accept(source) == body
    assert sorted(project.files().values()) == [b"one", b"two"]


@pytest.mark.parametrize("options", [{"path": "in/"}, {"path": ""}, {"path": "in/*", "keys_from_name": "{A}"}])
def test_options_that_cannot_work_are_faults(options: Any) -> None:
    assert list(DirectorySourceOptions(**options).faults())
