"""One trial: start, kill, start again, until everything has arrived; then judge."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import waypost
from waypost.core.errors import EndpointUnavailable
from waypost.flow.process.client import Client
from waypost.testing.crash.mortal import Schedule
from waypost.testing.ledger import judge, prepare
from waypost.testing.ledger.boundary_scene import Boundaries
from waypost.testing.ledger.scene import FanOut, Scene

LOOK_SECONDS = 0.1
AT_START = 0.2
"""How likely a kill that is due hits a system of which not all processes are there: were it 1, one that takes longer to
start than ``kill_every`` would never get up."""
STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to the system. ``workers`` are the numbers of workers it is started with, one after the other, the
    next one after each death of the supervisor."""

    scene: str = "fan-out"
    """What is tortured, one of ``SCENES``."""
    messages: int = 100_000
    workers: Sequence[int] = (2,)
    kill_every: float = 1.0
    """Seconds between two kills; 0: none."""
    seed: int = 1
    least_kills: int = 0
    """Messages are written until there were so many."""
    most_kills: int = 0
    """After so many there are no more; 0: they go on until everything has arrived."""
    supervisor_share: float = 0.25
    """How many of the kills hit the supervisor; as many as a tenth hit the nursery, the others a worker."""
    die_at: Sequence[int] = ()
    """The changes of the disk at which processes of the system die, one process after the other, besides the kills."""
    plant: str = ""
    """A bug to put into the engine, one of ``PLANTS``."""
    per_second: float = 5000.0
    peer_down_seconds: float = 5.0
    timeout_seconds: float = 900.0


@dataclass(slots=True)
class Result:
    """What came out; no faults is what is wanted."""

    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    """How many processes died by themselves, by the call site of the change."""
    messages: int = 0
    starts: list[int] = field(default_factory=list)
    repeated_at_peer: int = 0
    faults: list[str] = field(default_factory=list)


SCENES: Mapping[str, Callable[..., Scene]] = {"fan-out": FanOut, "boundaries": Boundaries}


class Trial:
    """A trial in an empty folder."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root, self.plan = root, plan
        self.result = Result()
        self._random = random.Random(plan.seed)
        made = SCENES[plan.scene]
        self._scene: Scene = made(root, plan.messages, plan.per_second, plan.seed, self._unfinished)
        self._generator = self._scene.generator
        self._schedule = Schedule(root / "schedule")
        self._schedule.write(plan.die_at)
        self._log = (root / "system.log").open("ab")
        self._system: subprocess.Popen[bytes]

    def run(self) -> Result:
        """Everything; the processes are gone afterwards."""
        begun = time.monotonic()
        self._start()
        self._generator.start()
        try:
            arrived = self._torture(begun)
            self.result.seconds = time.monotonic() - begun
            if not arrived:
                self.result.faults.append(f"time: not everything arrived in {self.plan.timeout_seconds:.0f} seconds")
            self._generator.stop()
            self._schedule.disarm()
            self._judge()
        finally:
            self._end()
        return self.result

    def _start(self) -> None:
        workers = self.plan.workers[len(self.result.starts) % len(self.plan.workers)]
        self.result.starts.append(workers)
        self._system = subprocess.Popen(
            [sys.executable, "-m", "waypost.testing.ledger.system", str(self.root), str(workers), str(os.getpid())],
            stdout=self._log, stderr=self._log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(waypost.__file__).parents[1]), **self._environment()},
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        """What ``prepare`` reads."""
        mortal = {prepare.SCHEDULE: str(self._schedule.folder), prepare.STORE: str(self.root / ".waypost")}
        return {prepare.PLANT: self.plan.plant, **(mortal if self.plan.die_at else {})}

    def _torture(self, begun: float) -> bool:
        next_kill = begun + (self.plan.kill_every or math.inf)
        while time.monotonic() < begun + self.plan.timeout_seconds:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if now > begun + self.plan.peer_down_seconds:
                self._scene.peer.up()
            if self._system.poll() is not None:
                if self._system.returncode != -signal.SIGKILL:
                    self.result.faults.append(f"system: ended by itself with exit code {self._system.returncode}")
                    return True
                self._start()
            if self._generator.done and self._scene.arrived():
                return True
            enough = 0 < self.plan.most_kills <= self.result.kills.total()
            if now < next_kill or enough:
                continue
            family = family_of(self._system.pid)
            if self._all_there(family) or self._random.random() < AT_START:
                self._kill(family)
            next_kill = now + self.plan.kill_every * self._random.uniform(0.5, 1.5)
        return False

    def _unfinished(self) -> bool:
        """Whether there is torture left for which messages are wanted."""
        return self._schedule.left > 0 or self.result.kills.total() < self.plan.least_kills

    def _all_there(self, family: Sequence[int]) -> bool:
        """Whether every process of the system was born: supervisor, nursery and workers, or the only one, that
        answers."""
        workers = self.result.starts[-1]
        return len(family) == workers + 2 or (workers == 1 and Client(self.root).running)

    def _kill(self, family: Sequence[int]) -> None:
        """Kill one process of the system, as chance will have it."""
        draw = self._random.random()
        name, victims = "worker", family[2:] or family[:1]
        if draw < self.plan.supervisor_share or len(family) < 3:
            name, victims = "supervisor", family[:1]
        elif draw < self.plan.supervisor_share + 0.1:
            name, victims = "nursery", family[1:2]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._random.choice(victims), signal.SIGKILL)
            self.result.kills[name] += 1

    def _judge(self) -> None:
        faults = self.result.faults
        if self._system.poll() is not None:
            self._start()
        client = Client(self.root)
        faults += _until_settled(client, self._system)
        faults += asyncio.run(self._scene.faults(client))
        self.result.repeated_at_peer = self._scene.repeated
        self.result.messages = sum(self._generator.written.values())
        self.result.deaths = self._schedule.deaths()
        self._system.send_signal(signal.SIGTERM)
        try:
            if (code := self._system.wait(STOP_SECONDS)) != 0:
                faults.append(f"stop: exit code {code}")
        except subprocess.TimeoutExpired:
            faults.append(f"stop: still there {STOP_SECONDS:.0f} seconds after SIGTERM")
        faults += judge.left_behind(self.root)

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._system.pid, signal.SIGKILL)
        self._system.wait()
        self._generator.stop()
        self._scene.peer.close()
        self._log.close()


def _until_settled(client: Client, system: subprocess.Popen[bytes]) -> list[str]:
    """Wait until the system answers and says that nothing is left to do."""
    moving = "nothing"
    for _ in range(600):
        time.sleep(LOOK_SECONDS)
        if system.poll() is not None:
            return [f"system: ended with exit code {system.returncode}"]
        if not client.running:
            continue
        try:
            flows = asyncio.run(client.ask("status"))["flows"]
            files = asyncio.run(client.ask("files", limit=100_000))["files"]
        except EndpointUnavailable:
            continue
        left = [row["name"] for row in files if not row["ended_at"]]
        counts = {name: sum(flow["deliveries"][name] for flow in flows) for name in ("open", "retrying")}
        moving = f"{counts['open']} open, {counts['retrying']} retrying, {len(left)} files not ended"
        if not (any(counts.values()) or any(flow["behind"] for flow in flows) or left):
            return []
    return [f"system: does not come to rest: {moving}"]


def family_of(pid: int) -> list[int]:
    """A process, its children, and theirs."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    family = [pid]
    for member in family:
        family += sorted(parents.get(member, []))
    return family


def tried(root: Path, plan: Plan) -> Result:
    """The result of a plan in ``root``, which is removed when nothing was wrong."""
    root.mkdir(parents=True)
    result = Trial(root, plan).run()
    if not result.faults:
        shutil.rmtree(root)
    return result
