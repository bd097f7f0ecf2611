"""A request and its reply in whole flows: out one way, back another, with a death in between."""

from __future__ import annotations

import json

from tests.flows.system import System

PAIRS = """
flow: pairs
description: Requests wait for replies.
owner: ops
source: {channel: conversations}
steps:
  - request_reply: {request: kind == 'request', correlate: q, timeout: 60s, to: late}
  - route: [{to: out}]
targets:
  out: {memory: out}
  late: {memory: late}
"""
ASKING = """
flow: asking
description: Sends requests.
owner: ops
source: {memory: in}
targets:
  partner: {memory: partner}
  conversations: {channel: conversations}
"""
REPLIES = """
flow: replies
description: Gets replies.
owner: ops
source: {memory: replies}
targets:
  conversations: {channel: conversations}
"""
FILES = {"flows/pairs.yaml": PAIRS, "flows/asking.yaml": ASKING, "flows/replies.yaml": REPLIES}


def asked(q: str) -> str:
    return json.dumps({"q": q, "kind": "request"})


async def test_a_reply_finds_its_request_after_the_process_died_between_them(tmp_path):
    system = await System(tmp_path, FILES).start()
    system.put(asked("A"), asked("B"))
    await system.arrived(2, "partner")
    await system.until(lambda: system.engine.boundaries.count == 2)
    await system.kill()
    await system.start()
    system.put('{"q": "A", "stock": 5}', to="replies")
    assert json.loads((await system.arrived(1))[0]) == {"q": "A", "kind": "request", "reply": {"q": "A", "stock": 5}}
    await system.clock.advance(61)
    assert json.loads((await system.arrived(1, "late"))[0]) == {"q": "B", "kind": "request"}
    assert len(system.out()) == 1
    await system.stop()
