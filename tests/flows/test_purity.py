"""A flow whose steps remember something is found out."""

from __future__ import annotations

from tests.flows.system import COPY, System
from waypost.core.message import Message, id_at
from waypost.flow.batch.effects import RecordedEffects, would_ask
from waypost.testing.cases.purity import impurities

MESSAGES = [Message(id_at(1 << 100, n), {"k": "a", "n": n}, 1) for n in range(5)]


async def _impurities(tmp_path, step):
    flow = COPY.replace("targets:", "steps: [{python: steps/s.py}]\ntargets:")
    files = {"flows/copy.yaml": flow, "steps/s.py": "def process(body):\n    return body\n"}
    system = await System(tmp_path, files).start(sources=False)
    compiled = system.engine.versions.flow(system.engine.project.version, "copy")
    compiled.steps[0].step._function = step
    found = await impurities(compiled, MESSAGES, RecordedEffects({}, would_ask))
    await system.stop()
    return found


async def test_a_pure_flow_has_no_impurities(tmp_path):
    assert await _impurities(tmp_path, lambda body: {**body, "v": 1}) == []


async def test_a_step_that_counts_is_found(tmp_path):
    seen = []

    def count(body):
        seen.append(1)
        return {**body, "v": len(seen)}

    found = await _impurities(tmp_path, count)
    assert found[0].startswith("message 0, target out, output 0: other bytes when processed reversed")
    assert any("processed alone" in text for text in found)
