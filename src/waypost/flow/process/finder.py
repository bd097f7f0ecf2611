"""Finds messages for who asks, beside the event loop: at full load a turn of the loop takes longer than a search may.

Threads of their own wait at a socket, look into index and journal, and answer. They change nothing.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from waypost.core.errors import EndpointUnavailable, UsageError, WaypostError
from waypost.core.message import id_text
from waypost.flow.batch.effects import pack_answer
from waypost.flow.declared.merge import merged
from waypost.flow.history.explain import message_row, time_text
from waypost.flow.history.queries import query_of
from waypost.flow.sharing.wire import Ask, Reply, failed, receive, send, short_path
from waypost.store.protocol import Reader
from waypost.store.turn import turns

THREADS = 3
PATIENCE_SECONDS = 5.0
"""How long an asker may take over its question and over taking the answer."""
if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

_asks = msgspec.msgpack.Decoder(Ask)


class Finder:
    """Answers the verbs in ``client.FINDING`` at a socket only its owner may open."""

    def __init__(self, path: Path, engines: Callable[[], Sequence[Engine]]) -> None:
        """``engines`` says, each time, in whose shards to look."""
        self._path, self._engines = path, engines
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stopping = False

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        with short_path(self._path) as short:
            self._socket.bind(short)
        self._path.chmod(0o600)
        self._socket.listen(64)
        for number in range(THREADS):
            threading.Thread(target=self._serve, name=f"waypost-finder-{number}", daemon=True).start()

    def stop(self) -> None:
        """Answer no more. A question being answered is answered still, or its asker sees the connection end."""
        self._stopping = True
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if self._stopping:
                    return
                continue
            with connection, contextlib.suppress(OSError, EOFError, msgspec.MsgspecError, EndpointUnavailable):
                connection.settimeout(PATIENCE_SECONDS)
                ask = _asks.decode(receive(connection))
                with turns.hurried():
                    send(connection, self._reply(ask))

    def _reply(self, ask: Ask) -> Reply:
        try:
            params = msgspec.msgpack.decode(ask.body)
            parts = [find(engine, ask.verb, params) for engine in self._engines()]
            return Reply(ask.number, pack_answer(merged(ask.verb, parts, params)))
        except WaypostError as error:
            return failed(ask.number, error)
        except Exception as error:  # noqa: BLE001 - the asker must hear of it, and the thread go on
            return Reply(ask.number, b"", f"internal error: {type(error).__name__}: {error}")


def find(engine: Engine, verb: str, params: Mapping[str, Any]) -> Any:
    """What ``verb`` finds, what was committed before included. Blocks."""
    if verb not in _VERBS:
        raise UsageError(f"no verb {verb!r} here", expected=" or ".join(_VERBS))
    engine.shard.wait_findable()
    return _VERBS[verb](engine.reader, params, engine.clock.now())


def messages(reader: Reader, params: Mapping[str, Any], now: int) -> Any:
    """A page of messages, newest first."""
    found = reader.find(query_of(params, now))
    limit = int(params.get("limit") or 50)
    return {
        "messages": [message_row(f) for f in found],
        "next": id_text(found[-1].message) if len(found) >= limit else None,
    }


def dead(reader: Reader, params: Mapping[str, Any], now: int) -> Any:
    """Failure groups."""
    groups = reader.groups(query_of(params, now))
    return {
        "groups": [
            {"flow": flow, "place": place, "text": text, "count": n, "first": time_text(first), "last": time_text(last)}
            for flow, place, text, n, first, last in groups
        ]
    }


_VERBS: Mapping[str, Callable[[Reader, Mapping[str, Any], int], Any]] = {"messages": messages, "dead": dead}
