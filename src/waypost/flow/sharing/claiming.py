"""Keys of idempotent receivers claimed across workers: each key has one worker that knows who claimed it first.

A claim is durable there before its answer is used, and asked only for messages that are durable themselves: whoever
holds a key exists, whatever dies in between. Where all messages with the same key come to the same worker anyway, its
own claims are enough, and ride in the commit of the messages.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

import msgspec

from waypost.core.key import slot_of
from waypost.flow.batch.effects import Claim, Claims, Wanted
from waypost.flow.declared.definition import FlowDefinition
from waypost.flow.delivery.placement import owner_of
from waypost.store.protocol import Shard


class Asked(Protocol):
    """Another worker, wherever it runs."""

    def ask(self, verb: str, body: Any, kind: Any) -> asyncio.Future[Any]:
        """The answer to a question, as ``kind``."""
        ...


class Owner(Protocol):
    """The worker that claims, as far as claiming goes."""

    number: int
    workers: int
    shard: Shard
    claims: Claims


def stays_here(flow: FlowDefinition) -> bool:
    """Whether messages with equal keys of a flow's receivers are always in one worker: callers' messages are, and
    those that are ordered by what the receiver, as the first step, looks at. A scope shared by flows is not."""
    receivers = [(at, step.options) for at, step in enumerate(flow.steps) if step.traits.asks == "claim"]
    if any(options.scope for _, options in receivers):
        return False
    if flow.source.traits.replies:
        return True
    order_by = flow.options.delivery.order_by
    order = flow.keys[order_by] if order_by else None
    return all(
        at == 0 and order is not None and not order.header and _canonical(order.path) in _parts(options.key)
        for at, options in receivers
    )


def _parts(key: str) -> list[str]:
    """What a receiver's key is made of: its expression, or the expressions of the list it is."""
    body = ast.parse(key.strip(), mode="eval").body
    return [ast.unparse(part) for part in (body.elts if isinstance(body, ast.List) else [body])]


def _canonical(expression: str) -> str:
    return ast.unparse(ast.parse(expression.strip(), mode="eval").body)


class Claiming:
    """The claims of one worker and the way to those of others."""

    def __init__(self, engine: Owner, peers: Callable[[], Mapping[int, Asked]]) -> None:
        self._shard, self._claims, self._peers = engine.shard, engine.claims, peers
        self._number, self.workers = engine.number, engine.workers

    async def claim(self, questions: Sequence[Sequence[Wanted]], *, revised: bool = False) -> list[list[bytes]]:
        """For each key of each question b'', or who has it: as ``Claims.claim``, but durable on return and across
        workers. ``revised``: the messages are not durable yet, their causes are, and claim for them."""
        asked = [wanted for question in questions for wanted in question]
        if revised:
            asked = [
                msgspec.structs.replace(wanted, message=wanted.message[:-16] + wanted.cause) for wanted in asked
            ]  # fmt: skip
        shares: dict[int, list[int]] = {}
        for at, wanted in enumerate(asked):
            owner = owner_of(slot_of(int.from_bytes(wanted.key[:8], "little")), self.workers)
            shares.setdefault(owner, []).append(at)
        answers = await asyncio.gather(*(self._ask(owner, [asked[i] for i in at]) for owner, at in shares.items()))
        holders = dict(zip(chain(*shares.values()), chain(*answers), strict=True))
        each = iter(range(len(asked)))
        return [[holders[next(each)] for _ in question] for question in questions]

    async def _ask(self, owner: int, asked: list[Wanted]) -> list[bytes]:
        if owner == self._number:
            return await self.take(asked)
        answer: list[bytes] = await self._peers()[owner].ask("claim", asked, list[bytes])
        return answer

    async def take(self, asked: Sequence[Wanted]) -> list[bytes]:
        """Claim keys whose slots this worker owns; per key who has it, b'' = the message it is claimed for. Durable on
        return, and the same when asked again."""
        holders: list[bytes] = []
        claimed: list[Claim] = []
        for wanted in asked:
            holder = self._claims.holder(wanted) if wanted.accepts else b""
            dead = holder != b"" and await self._is_dead(holder[-16:])
            holder, claim = self._claims.decide(wanted, dead_holder=holder if dead else b"", durable=True)
            holders.append(holder)
            if claim is not None:
                claimed.append(claim)
        if claimed:
            try:
                await self._shard.append(self._claims.records(claimed))
            except BaseException:
                self._claims.forget(claimed)
                raise
        return holders

    async def _is_dead(self, message: bytes) -> bool:
        """Whether a message is a dead letter, wherever it is."""
        if self._claims.dead(message):
            return True
        return any(await asyncio.gather(*(peer.ask("is-dead", message, bool) for peer in self._peers().values())))
