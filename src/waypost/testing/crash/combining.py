"""A scene of the explorer with a real engine in it, whose flow combines messages; and what must hold of every journal a
crash may leave.

Who waits is said by the members' own records, what a group remembers by its state, what it released by a third, and
what came of it by a fourth. Whatever a crash leaves, all four tell the same.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from waypost.core.message import id_at
from waypost.flow.batch.load import bodies_of
from waypost.flow.boundary.group import hash_of_state, key_of_state, unpacked
from waypost.flow.member import envelope
from waypost.store import record as r
from waypost.store.record import AnyRecord, State, ref_of, unpack_refs
from waypost.testing.boundary_system import BoundarySystem
from waypost.testing.crash.platter import Image
from waypost.testing.crash.recording import Recording, Stage

JOINED = "joined"
FLOW = """\
flow: kit
description: Messages are put in order, collected, and held back.
owner: ops
source: {memory: in}
format: json
steps:
  - resequencer: {sequence: n, correlate: k, start: 0, gap: 30s, late: release}
  - aggregator: {correlate: k, complete: {count: 3, after: 60s}, into: all}
  - delayer: 5s
targets:
  out: {memory: out}
"""


async def combining(stage: Stage) -> None:
    """Messages wait for each other and for their time; the process ends in good order and begins again."""
    chance = stage.chance(11)
    with tempfile.TemporaryDirectory() as folder:
        system = BoundarySystem(Path(folder), {"flows/kit.yaml": FLOW}, clock=stage.clock, shard=stage.open)
        numbers: Counter[str] = Counter()
        for _ in range(3):
            await system.start()
            for _ in range(4):
                bodies = []
                for _ in range(chance.randint(1, 4)):
                    key = chance.choice("ab")
                    skip = chance.random() < 0.2
                    bodies.append(msgspec.json.encode({"k": key, "n": numbers[key] + skip}))
                    numbers[key] += 1 + skip
                chance.shuffle(bodies)
                await system.put(*bodies)
                await system.advance(chance.choice((0.5, 6, 31)))
            await system.stop()


def groups_are_whole(recording: Recording, counts: Mapping[int, int], image: Image) -> str:
    """The journal that is left says the same of every group, whichever of its records is asked."""
    key = tuple(sorted(counts.items()))
    if key not in recording.judged:
        groups = [group for shard, count in key for group in recording.groups[shard][:count]]
        recording.judged[key] = next(_contradictions([one for group in groups for _, one in group.records]), "")
    return recording.judged[key]


def _contradictions(records: Sequence[AnyRecord]) -> Iterator[str]:
    members: dict[int, tuple[str, str]] = {}
    names: dict[bytes, int] = {}
    accepted: set[bytes] = set()
    said: dict[tuple[str, str], int] = {}
    joined = 0
    released: Counter[bytes] = Counter()
    for one in records:
        if isinstance(one, r.Accepted) and one.origin in (envelope.MEMBER, envelope.RELEASED):
            first = int.from_bytes(one.first_id, "big")
            accepted.update(id_at(first, index) for index in range(one.count))
            if one.origin == envelope.MEMBER:
                step = one.stage.removeprefix(envelope.AT)
                for index, raw in enumerate(bodies_of(one.bodies, one.count)):
                    members[ref_of(one.seq, index)] = step, envelope.opened(raw).key
                    names[id_at(first, index)] = ref_of(one.seq, index)
        elif isinstance(one, r.Delivered):
            for ref in unpack_refs(one.refs):
                members.pop(ref, None)
            joined += len(unpack_refs(one.refs)) if one.statuses == (JOINED,) else 0
        elif isinstance(one, r.DeliveryFailed) and one.state is not State.RETRYING:
            members.pop(one.ref, None)
        elif isinstance(one, r.StepState) and hash_of_state(one.key) is not None:
            kept = unpacked(one.value).count if one.value else 0
            said[one.step, key_of_state(one.key)] = kept
        elif isinstance(one, r.Released):
            released.update(one.members)
            if missing := [made for made in one.messages if made not in accepted]:
                yield f"group {one.key!r} was released as {len(missing)} messages that are not there"
    waiting = Counter(members.values())
    for group in {*said, *waiting}:
        if waiting[group] != said.get(group, 0):
            yield f"group {group[1]!r} of {group[0]} remembers {said.get(group, 0)} members, and {waiting[group]} wait"
    if joined != len(names):
        yield f"{joined} messages are said to have joined groups, and {len(names)} have"
    if again := [one for one, count in released.items() if count > 1]:
        yield f"{len(again)} members were released more than once"
    if gone := [one for one in released if names.get(one) in members]:
        yield f"{len(gone)} members wait though they were released"
