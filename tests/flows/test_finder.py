"""Messages are found beside the event loop, through a socket of its own."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from tests.flows.system import System
from tests.flows.test_engine import record
from waypost.flow.process import finder as finder_module
from waypost.flow.process.finder import Finder
from waypost.flow.sharing.wire import Ask, Reply, pack, receive, send


def ask(path: Path, verb: str, **params: object) -> Reply:
    """Asked without giving the event loop a turn."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        send(connection, Ask(1, verb, pack(params)))
        return msgspec.msgpack.decode(receive(connection), type=Reply)


async def test_a_message_is_found_while_the_event_loop_is_busy(tmp_path: Path) -> None:
    system = await System(tmp_path).start()
    system.put(record("a", 1))
    await system.arrived(1)
    finder = Finder(tmp_path / "finder.sock", lambda: [system.engine])
    finder.start()
    for _ in range(2 * finder_module.THREADS):
        found = msgspec.msgpack.decode(ask(tmp_path / "finder.sock", "messages", key="k=a").body)
        assert [row["keys"] for row in found["messages"]] == [{"k": ["a"]}]
    assert msgspec.msgpack.decode(ask(tmp_path / "finder.sock", "dead").body) == {"groups": []}
    finder.stop()
    assert not (tmp_path / "finder.sock").exists()
    await system.stop()


async def test_a_question_that_cannot_be_answered_is_told_and_the_next_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = await System(tmp_path).start()
    finder = Finder(tmp_path / "finder.sock", lambda: [system.engine])
    finder.start()
    assert "no verb 'stop' here" in ask(tmp_path / "finder.sock", "stop").error
    assert "'soon' is no time" in ask(tmp_path / "finder.sock", "messages", since="soon").error
    with monkeypatch.context() as broken:
        broken.setattr(system.engine, "reader", None)
        assert "internal error: AttributeError" in ask(tmp_path / "finder.sock", "messages").error
    for garbage in (b"", b"\1\0\0\0x", b"\xff\xff\xff\xff"):
        for _ in range(finder_module.THREADS):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
                stranger.connect(str(tmp_path / "finder.sock"))
                stranger.sendall(garbage)
    assert ask(tmp_path / "finder.sock", "messages").error == ""
    assert (tmp_path / "finder.sock").stat().st_mode & 0o777 == 0o600
    finder.stop()
    await system.stop()
