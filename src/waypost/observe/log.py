"""What happens while a system runs, a line each."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from waypost.core.event import Event


class EventLog:
    """A subscriber that writes each event as its sentence, or as one line of JSON. ``quiet`` leaves out what nobody
    must act on; ``worker`` says which of several processes speaks. A stream nobody reads any more ends the log, never
    the system."""

    def __init__(self, stream: TextIO, form: str = "text", quiet: bool = False, worker: int | None = None) -> None:
        self._stream, self._form, self._quiet, self._worker = stream, form, quiet, worker
        self._broken = False

    def __call__(self, event: Event) -> None:
        if self._broken or (self._quiet and event.level == "info"):
            return
        line = json_line(event, self._worker) if self._form == "json" else text_line(event, self._worker)
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._broken = True


def text_line(event: Event, worker: int | None = None) -> str:
    """``12:03:07 warning lost erp: connection refused``; one line whatever the event's texts hold."""
    level = "" if event.level == "info" else f"{event.level} "
    who = "" if worker is None else f"worker {worker}: "
    return f"{datetime.now(UTC):%H:%M:%S} {level}{who}{' '.join(str(event).split())}"


def json_line(event: Event, worker: int | None = None) -> str:
    """The event's time, name, level, sentence and fields."""
    head: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if worker is not None:
        head["worker"] = worker
    said = {"event": type(event).__name__, "level": str(event.level), "text": str(event)}
    return json.dumps(head | said | dataclasses.asdict(event), default=str, ensure_ascii=False)
