"""Whether a whole flow is pure: the bytes of each output depend on its message alone, not on its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from waypost.core.message import Message
from waypost.flow.batch.compiled import CompiledFlow, EffectSource
from waypost.store.record import State

Outputs = Mapping[tuple[int, str, int], bytes]
"""(message index, target, ordinal) → the bytes that would leave; failures and filters have no bytes."""


async def impurities(flow: CompiledFlow, messages: Sequence[Message], effects: EffectSource) -> list[str]:
    """Where a batch of all messages, the same reversed, and each message alone give other bytes; none for a pure flow.
    ``effects`` must answer the same question in the same way every time."""
    numbered = list(enumerate(messages))
    together = await _outputs(flow, numbered, effects)
    reversed_ = await _outputs(flow, numbered[::-1], effects)
    alone: dict[tuple[int, str, int], bytes] = {}
    for entry in numbered:
        alone.update(await _outputs(flow, [entry], effects))
    return [*_differing("reversed", together, reversed_), *_differing("alone", together, alone)]


async def _outputs(flow: CompiledFlow, batch: Sequence[tuple[int, Message]], effects: EffectSource) -> Outputs:
    processed = await flow.process([i for i, _ in batch], [m for _, m in batch], effects, b"")
    return {
        (out.index, flow.target_names[out.target], out.ordinal): out.body
        for out in processed.outs
        if out.state is State.OPEN
    }


def _differing(how: str, was: Outputs, now: Outputs) -> list[str]:
    return [
        f"message {index}, target {target}, output {ordinal}: other bytes when processed {how}; "
        "find the step that remembers or looks at other messages"
        for index, target, ordinal in sorted({*was, *now})
        if was.get((index, target, ordinal)) != now.get((index, target, ordinal))
    ]
