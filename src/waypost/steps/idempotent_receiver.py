"""Idempotent Receiver: of messages with the same key only the first goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Request, Result
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import compile_expression
from waypost.mapping.lineage_step import Passing, StepLineage
from waypost.steps.correlation import key_text

_MONTH = Duration(30 * 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentReceiverOptions:
    key: Annotated[
        Expression, Option("What makes two messages the same; a list for several fields.", example="[buyer.id, number]")
    ]
    keep_seconds: Annotated[Duration, Option("How long a key is remembered; 0 keeps it for ever.", minimum=0)] = _MONTH
    scope: Annotated[
        str, Option("Where a key counts; flows that name the same scope share it. By default this step alone.")
    ] = ""
    when_original_failed: Annotated[
        Literal["accept", "drop"],
        Option("What a repetition means while its original is a dead letter: the sender tries again, or it ends."),
    ] = "accept"


@registry.register(
    "step",
    "idempotent_receiver",
    options=IdempotentReceiverOptions,
    traits=StepTraits(asks="claim"),
    shorthand="key",
    example="{key: order.number, keep_seconds: 30d}",
)
class IdempotentReceiver:
    """Let a message pass once per key; a repetition ends, linked to its original.

    With several workers each key has one that remembers it, so a repetition is recognised wherever it comes in. That
    costs a commit before the step; none where messages are ordered by the receiver's key, or a part of it, and the
    receiver is the first step.
    """

    def __init__(self, options: IdempotentReceiverOptions, grants: Grants) -> None:
        self._key = compile_expression(options.key)
        self._keep_seconds = int(options.keep_seconds)
        self._scope = options.scope or f"{grants.flow}.{grants.name}"
        self._when_failed = options.when_original_failed

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._claim(key) for key in self._key.of_messages(batch)]

    def _claim(self, key: Any) -> Request | Failed:
        claim = key_text(key, self._key.text)
        if isinstance(claim, DataError):
            return Failed(claim)
        return Request(
            parameters={
                "claim": claim, "scope": self._scope, "keep_seconds": self._keep_seconds,
                "when_original_failed": self._when_failed,
            }
        )  # fmt: skip

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [
            message if answer is None else Dropped("a repetition", duplicate_of=str(answer["original"]))
            for message, answer in zip(batch, answers, strict=True)
        ]

    @staticmethod
    def lineage(options: IdempotentReceiverOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is; its key decides whether it goes on."""
        return Passing([(options.key, f"goes on when {options.key} is new")])

    @staticmethod
    def lint(
        options: IdempotentReceiverOptions, file: YamlFile, path: Path, read: Callable[[str], bytes],
        targets: tuple[str, ...],
    ) -> list[Fault]:  # fmt: skip
        """A key that is the same for every message: all but the first would end."""
        if compile_expression(options.key).paths:
            return []
        text = f"key `{options.key}` looks at nothing of the message: all but the first would be repetitions"
        return [file.fault((*path, "key"), "constant-key", text, "fields of the message, such as order.number")]
