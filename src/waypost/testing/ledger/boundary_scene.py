"""Messages that wait for each other, for their time, for answers: seven flows with every step that combines or holds
back messages.

Each flow appends to a file of its own, which takes a delivery once: what it has twice was made twice.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from waypost.flow.process.client import Client
from waypost.testing.ledger.generator import Generator
from waypost.testing.ledger.judge import sink_faults, wanted_of
from waypost.testing.ledger.office import Office, refused
from waypost.testing.ledger.peer import Peer

GROUP = 5
"""Messages of one group; every so many messages of a key begin a process, and ask for offers."""
HELD_BACK = 0.1
"""How many lines come with a later file: out of turn, or long after those they belong to."""

_FLOW = """\
flow: {name}
description: Tortured.
owner: ledger
source: {{directory: {{path: in/{name}/*.ndjson, poll_seconds: 0.1}}}}
format: {{json: {{lines: true}}}}
keys: {{k: k}}
steps:
{steps}
targets:
  out: {{directory: {{path: out/{name}, append: true}}}}
delivery: {{retry: {{attempts: 1000, first: 100ms, limit: 1s}}{order}}}
"""
_STEPS = {
    "groups": (
        "  - aggregator:\n"
        "      {correlate: g, complete: {count: 5}, produce: map, map: {g: key, n: '[m.n for m in members]'}}"
    ),
    "sequence": "  - resequencer: {sequence: n, correlate: k, start: 0}",
    "slow": (
        "  - throttler: {rate: 500, burst: 20}\n"
        "  - claim_check: {content: pad, keep_seconds: 1d}\n"
        "  - delayer: 200ms\n"
        "  - claim_redeem: {ticket: pad, into: pad}"
    ),
    "batches": "  - batcher: {count: 10, after: 1s, into: items}",
    "pairs": "  - request_reply: {request: kind == 'request', correlate: q, timeout: 1h, early: 1h, into: reply}",
    "processes": (
        "  - process_manager:\n"
        "      correlate: p\n"
        "      calls:\n"
        "        reserve: {connection: office, ask: {path: /reserve, method: POST}, parameters: {id: process}}\n"
        "        release: {connection: office, ask: {path: /release, method: POST}, parameters: {id: process}}\n"
        "        book: {connection: office, ask: {path: /book, method: POST}, parameters: {id: process}}\n"
        "      steps: [{name: reserve, call: reserve, compensate: release}, {name: book, call: book}]"
    ),
    "offers": (
        "  - scatter_gather:\n"
        "      branches:\n"
        "        a: {connection: office, ask: {path: /a, method: POST}, parameters: {id: p}}\n"
        "        b: {connection: office, ask: {path: /b, method: POST}, parameters: {id: p}}\n"
        "      into: offers\n"
        "      timeout: 1h"
    ),
}
FLOWS = tuple(_STEPS)
_ORDERED = ("groups",)
Documents = Iterable[dict[str, Any]]


def write_project(root: Path, port: int) -> None:
    """Make the project's folder."""
    (root / "flows").mkdir(parents=True)
    (root / "waypost.yaml").write_text("name: ledger\n")
    (root / "connections.yaml").write_text(f'office: {{kind: http, address: "http://127.0.0.1:{port}"}}\n')
    for name, steps in _STEPS.items():
        (root / "in" / name).mkdir(parents=True)
        order = ", order_by: k" if name in _ORDERED else ""
        (root / "flows" / f"{name}.yaml").write_text(_FLOW.format(name=name, steps=steps, order=order))


class BoundaryGenerator(Generator):
    """Writes each message to every flow as that flow reads it, some of them late; at the end, groups become whole."""

    def __init__(self, folder: Path, messages: int, per_second: float, seed: int, more: Callable[[], bool]) -> None:
        super().__init__(folder, messages, per_second, seed, more)
        self._keys = max(4, messages // 50)
        self._late: dict[str, list[dict[str, Any]]] = {name: [] for name in FLOWS}
        self._chance = random.Random(seed + 1)

    per_file = 20

    def _write(self, count: int) -> None:
        new = [self._next() for _ in range(count)]
        self._to_flows(new, HELD_BACK)

    def _finish(self) -> None:
        """Make every group whole, and write what was held back."""
        left = [self._next(key) for key, n in self.written.items() for _ in range(-n % (2 * GROUP))]
        self._to_flows(left, 0.0)

    def _next(self, key: str = "") -> dict[str, Any]:
        key = key or f"k{self._random.randrange(self._keys)}"
        number = self.written[key]
        self.written[key] += 1
        return {"k": key, "n": number}

    def _to_flows(self, new: Sequence[dict[str, Any]], held_back: float) -> None:
        self.files += 1
        for name in FLOWS:
            lines = [*self._late[name], *(line for one in new for line in lines_of(name, one["k"], one["n"]))]
            keep = 0 if name in _ORDERED else int(len(lines) * held_back)
            if name not in _ORDERED:
                self._chance.shuffle(lines)
            lines, self._late[name] = lines[keep:], lines[:keep]
            self._put(self._folder / name, lines)

    def _put(self, folder: Path, documents: Documents) -> None:
        path = folder / f"{self.files:06}.ndjson"
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(one) + "\n" for one in documents))
        part.rename(path)


def lines_of(flow: str, key: str, number: int) -> Iterator[dict[str, Any]]:
    """What a flow gets of one message."""
    same = {"k": key, "n": number}
    known = f"{key}-{number}"
    if flow == "groups":
        yield {**same, "g": f"{key}-{number // GROUP}"}
    elif flow == "pairs":
        yield {**same, "kind": "request", "q": known}
        yield {"k": key, "kind": "reply", "q": known, "m": number}
    elif flow in ("processes", "offers"):
        if number % GROUP == 0:
            yield {**same, "p": known}
    else:
        yield {**same, "pad": "x" * 300}


class Boundaries:
    """Implements ``Scene``."""

    def __init__(self, root: Path, messages: int, per_second: float, seed: int, more: Callable[[], bool]) -> None:
        self.root, self.office = root, Office()
        self.peer: Peer = self.office
        self.office.up()
        write_project(root, self.office.port)
        self.office.down()
        self.generator: Generator = BoundaryGenerator(root / "in", messages, per_second, seed, more)

    def arrived(self) -> bool:
        wanted = {name: self._wanted(name) for name in FLOWS}
        return all(len(self._out(name)) >= count for name, count in wanted.items() if name != "batches") and (
            sum(len(one["items"]) for one in self._out("batches")) >= wanted["batches"]
        )

    def _wanted(self, flow: str) -> int:
        counts = self.generator.written.values()
        return sum(-(-count // GROUP) if flow in ("groups", "processes", "offers") else count for count in counts)

    def _out(self, flow: str) -> list[dict[str, Any]]:
        paths = sorted((self.root / "out" / flow).glob("*.ndjson"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines(keepends=True)
                if line.endswith(b"\n")]  # fmt: skip

    async def faults(self, client: Client) -> list[str]:
        written = self.generator.written
        wanted = wanted_of(written)
        faults = await status_faults(client)
        faults += self._groups()
        faults += sink_faults("sequence", [(one["k"], one["n"]) for one in self._out("sequence")], wanted)
        for flow in ("slow", "batches", "pairs"):
            came = [one for line in self._out(flow) for one in (line["items"] if flow == "batches" else [line])]
            faults += once_faults(flow, [(one["k"], one["n"]) for one in came], wanted)
        faults += [
            f"slow: {one['k']} {one['n']} lost its content" for one in self._out("slow") if one["pad"] != "x" * 300
        ]
        faults += [
            f"pairs: {one['q']} has another's reply" for one in self._out("pairs") if one["reply"]["m"] != one["n"]
        ]
        return faults + self._processes() + self._offers()

    def _groups(self) -> list[str]:
        wanted = {key: range(count // GROUP) for key, count in self.generator.written.items()}
        came = [(*one["g"].rsplit("-", 1), one["n"]) for one in self._out("groups")]
        faults = once_faults("groups", [(key, int(number)) for key, number, _ in came], wanted)
        whole = {int(n): list(range(int(n) * GROUP, int(n) * GROUP + GROUP)) for _, n, _ in came}
        return faults + [f"groups: {key} {n} has {members}" for key, n, members in came if members != whole[int(n)]]

    def _processes(self) -> list[str]:
        numbers = {f"{key}-{n}": n for key, count in self.generator.written.items() for n in range(0, count, GROUP)}
        wanted = {key: range(0, count, GROUP) for key, count in self.generator.written.items()}
        out = self._out("processes")
        faults = once_faults("processes", [(one["k"], one["n"]) for one in out], wanted)
        for one in out:
            status = "compensated" if refused(one["n"]) else "completed"
            if one["process"]["status"] != status:
                faults.append(f"processes: {one['p']} is {one['process']['status']}, not {status}")
        undone = {known for known, n in numbers.items() if refused(n)}
        for path, wanted_at in (("/reserve", set(numbers)), ("/release", undone), ("/book", set(numbers) - undone)):
            faults += [f"office: {path} {known} is lost" for known in wanted_at - self.office.of(path)]
            faults += [f"office: {path} {known} was never asked for" for known in self.office.of(path) - wanted_at]
        return faults + [f"office: {known} was asked for again with other words" for known in self.office.changed]

    def _offers(self) -> list[str]:
        wanted = {key: range(0, count, GROUP) for key, count in self.generator.written.items()}
        out = self._out("offers")
        faults = once_faults("offers", [(one["k"], one["n"]) for one in out], wanted)
        for one in out:
            if one["offers"] != {branch: {"of": branch, "id": one["p"]} for branch in ("a", "b")}:
                faults.append(f"offers: {one['p']} has {one['offers']}")
        return faults

    @property
    def repeated(self) -> int:
        return self.office.repeated


def once_faults(name: str, came: Sequence[tuple[str, int]], wanted: Mapping[str, Sequence[int]]) -> list[str]:
    """What is wrong with a sink that wants each (key, number) once, in any order."""
    return sink_faults(name, sorted(came), wanted)


async def status_faults(client: Client) -> list[str]:
    """What the system says is left, or failed."""
    faults: list[str] = []
    for flow in (await client.ask("status"))["flows"]:
        said: Counter[str] = Counter({**flow["deliveries"], "behind": flow["behind"]})
        faults += [f"status: {flow['flow']} has {said[n]} {n}" for n in ("open", "retrying", "dead", "parked", "behind")
                   if said[n]]  # fmt: skip
        faults += [f"status: {flow['flow']}: {one['members']} wait" for one in flow["groups"] if one["members"]]
    return faults
