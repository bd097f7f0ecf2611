"""One trial: write messages, kill processes, start again, until enough were killed and everything was sent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import waypost
from waypost.core.errors import WaypostError
from waypost.flow.process.client import Client
from waypost.testing.ledger.trial import family_of
from waypost.testing.numbering import judge
from waypost.testing.numbering.project import line, write_project

LOOK_SECONDS = 0.05
RELEASE_SECONDS = 2.0
AT_START = 0.02
"""How likely a kill that is due hits a system of which not all processes are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to the system."""

    kills: int = 1000
    workers: int = 2
    kill_every: float = 0.2
    """Seconds between two kills, on average."""
    messages_per_kill: int = 10
    supervisor_share: float = 0.05
    """How many of the kills hit the supervisor, and with it everything."""
    seed: int = 1
    timeout_seconds: float = 3600.0


@dataclass(slots=True)
class Result:
    """What came out; no faults is what is wanted."""

    seconds: float = 0.0
    messages: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Trial:
    """A trial in an empty folder."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root, self.plan, self.result = root, plan, Result()
        self._random = random.Random(plan.seed)
        write_project(root)
        self._log = (root / "system.log").open("ab")
        self._system: subprocess.Popen[bytes]

    def run(self) -> Result:
        """Everything; the processes are gone afterwards."""
        begun = time.monotonic()
        self._start()
        try:
            self._torture(begun)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._system.pid, signal.SIGKILL)
            self._system.wait()
            self._log.close()
        self.result.seconds = time.monotonic() - begun
        self.result.faults += judge.faults(self.root / "out", self.result.messages)
        return self.result

    def _start(self) -> None:
        self._system = subprocess.Popen(
            [sys.executable, "-m", "waypost.testing.ledger.system", str(self.root), str(self.plan.workers),
             str(os.getpid())],
            stdout=self._log, stderr=self._log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(waypost.__file__).parents[1])},
        )  # fmt: skip

    def _torture(self, begun: float) -> None:
        next_kill = begun
        while time.monotonic() < begun + self.plan.timeout_seconds:
            time.sleep(LOOK_SECONDS)
            if self._system.poll() is not None:
                if self._system.returncode != -signal.SIGKILL:
                    self.result.faults.append(f"system: ended by itself with exit code {self._system.returncode}")
                    return
                self._start()
            killed = self.result.kills.total()
            if killed >= self.plan.kills:
                if len(list((self.root / "out").glob("*.edi"))) >= self.result.messages:
                    return
                self._release()
                continue
            now = time.monotonic()
            if now < next_kill:
                continue
            family = family_of(self._system.pid)
            if len(family) == self.plan.workers + 2 or self._random.random() < AT_START:
                self._kill(family)
                self._write()
            next_kill = now + self.plan.kill_every * self._random.uniform(0.2, 1.8)
        self.result.faults.append(f"time: not everything was sent in {self.plan.timeout_seconds:.0f} seconds")

    def _release(self) -> None:
        """Let go on what was parked since it was there at three deaths: it is sent in the end, under its numbers."""
        time.sleep(RELEASE_SECONDS)
        with contextlib.suppress(WaypostError, OSError):
            asyncio.run(Client(self.root).ask("retry", state="parked", why="the kills are over"))

    def _write(self) -> None:
        """More messages, in a file that is there at once."""
        first = number = self.result.messages
        part = self.root / f"{number}.part"
        part.write_text("".join(line(n) for n in range(first, first + self.plan.messages_per_kill)))
        self.result.messages += self.plan.messages_per_kill
        part.rename(self.root / "in" / f"{number:06}.ndjson")

    def _kill(self, family: list[int]) -> None:
        """Kill one process of the system, as chance will have it."""
        draw = self._random.random()
        name, victims = "worker", family[2:] or family[:1]
        if draw < self.plan.supervisor_share or len(family) < 3:
            name, victims = "supervisor", family[:1]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._random.choice(victims), signal.SIGKILL)
            self.result.kills[name] += 1
