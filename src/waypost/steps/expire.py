"""Message Expiration: a message whose time is over goes no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Request, Result, Routed
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.steps.envelope import metadata_faults
from waypost.steps.metadata import compile_with_metadata, value_of
from waypost.steps.target_name import unknown_targets

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireOptions:
    after_seconds: Annotated[
        Duration | None, Option("How long a message is good for; counted from `since`.", minimum=0, example="2h")
    ] = None
    since: Annotated[
        Expression | None,
        Option("The moment the time runs from; by default when the message was received.", example="ordered_at"),
    ] = None
    until: Annotated[
        Expression | None,
        Option("The moment itself, where the message says it; without one it does not expire.",
               example="message.headers['expires']"),
    ] = None  # fmt: skip
    expired: Annotated[Literal["drop", "fail"], Option("What an expired message becomes: ended, or a dead letter.")] = (
        "drop"
    )
    to: Annotated[tuple[str, ...], Option("Targets that get expired messages instead.")] = ()

    def faults(self) -> Iterator[OptionFault]:
        if (self.after_seconds is None) == (self.until is None):
            found = "neither `after_seconds` nor `until`" if self.until is None else "both `after_seconds` and `until`"
            yield OptionFault("until", found, "one of the two")
        if self.since is not None and self.after_seconds is None:
            yield OptionFault("since", "found no `after_seconds`", "how long the message is good for")


@registry.register(
    "step",
    "expire",
    options=ExpireOptions,
    traits=StepTraits(asks="clock", names_targets=True, diverts=True),
    shorthand="after_seconds",
    example="{after_seconds: 2h, since: ordered_at, expired: fail}",
)
class Expire:
    """End a message, or make it a dead letter, once its time is over.

    The clock is read when the message comes to this step, and the reading is recorded: a restart looks at it again,
    showing and replaying with recorded effects decide as it was decided then. Moments are texts in ISO 8601 (UTC where
    they name no zone) or seconds since 1970; `message` in the expressions is what `envelope` tells of it. A message
    that waits behind this step for a target that is away does not expire any more: put the step into the flow behind a
    channel where that matters.
    """

    def __init__(self, options: ExpireOptions, grants: Grants) -> None:
        self._options = options
        text = options.since if options.until is None else options.until
        self._moment = None if text is None else compile_with_metadata(text)
        self._good_for = timedelta(seconds=options.after_seconds or 0)

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [self._question(message) for message in batch]

    def _question(self, message: Message) -> Request | Failed | None:
        try:
            ends = self._ends(message)
        except DataError as error:
            return Failed(error)
        return None if ends is None else Request(parameters={"clock": "now"})

    def _ends(self, message: Message) -> datetime | None:
        """When the message expires; None: never."""
        if self._moment is None:
            return _EPOCH + timedelta(microseconds=message.received_at) + self._good_for
        found = value_of(self._moment, message)
        if found is None and self._options.until is not None:
            return None
        where = f"`{self._moment.text}`"
        if found is None:
            raise DataError("the message does not say since when", where=where, expected="a moment", code="expire")
        try:
            return moment_of(found) + self._good_for
        except (ValueError, ArithmeticError, TypeError):
            expected = "a text such as 2026-01-31T12:00:00Z, or seconds since 1970"
            said = f"{found!r} is no moment"[:150]
            raise DataError(said, where=where, expected=expected, code="expire") from None

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._judged(message, now) for message, now in zip(batch, answers, strict=True)]

    def _judged(self, message: Message, now: Any) -> Result:
        ends = self._ends(message)
        if ends is None or now is None or moment_of(now) < ends:
            return message
        text = f"expired at {ends:%Y-%m-%dT%H:%M:%SZ}"
        if self._options.to:
            return Routed(message, self._options.to, text)
        if self._options.expired == "drop":
            return Dropped(text)
        remedy = "where it is wanted all the same, raise the limit and say: retry --current"
        return Failed(DataError(text, where="the message", remedy=remedy, code="expired"))

    @staticmethod
    def lint(
        options: ExpireOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Targets the flow does not have, and expressions that fail with `message` as a name."""
        given = {name: text for name in ("since", "until") if (text := getattr(options, name)) is not None}
        return unknown_targets(file, (*path, "to"), options.to, targets) + metadata_faults(given, file, path)


def moment_of(value: Any) -> datetime:
    """A moment in UTC. Raises ``ValueError``, ``TypeError`` or ``ArithmeticError`` for what is none."""
    if isinstance(value, str):
        parsed = datetime.fromisoformat(value.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("no moment")
    if not 0 <= value <= _LAST_SECOND:
        raise ValueError("no moment between 1970 and 9999")
    numerator, denominator = value.as_integer_ratio()
    return _EPOCH + timedelta(microseconds=numerator * 1_000_000 // denominator)
