"""Redacts EDI contents on their way: plausible values in place of what may name a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, Secret
from waypost.core.traits import StepTraits
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.redact.policy import KEEPABLE
from waypost.formats.edi.redact.redactor import Redactor
from waypost.formats.edi.schema.load import library

_SHORTEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactOptions:
    secret: Annotated[Secret, Option("What replaced values follow from; the same secret replaces alike everywhere.",
                                     example="${redaction_secret}")]  # fmt: skip
    keep: Annotated[tuple[str, ...], Option(f"What is left as it is: {', '.join(KEEPABLE)}.",
                                            example=["diagnoses"])] = ()  # fmt: skip

    def faults(self) -> Iterator[OptionFault]:
        for word in self.keep:
            if word not in KEEPABLE:
                yield OptionFault("keep", f"{word!r} can't be kept", f"one of {', '.join(KEEPABLE)}")
        text = self.secret.reveal()
        if len(text) < _SHORTEST and not text.startswith("${"):
            yield OptionFault("secret", f"a secret of {len(text)} characters", f"at least {_SHORTEST}")


@registry.register("step", "redact", options=RedactOptions, traits=StepTraits(), shorthand="secret",
                   example="{secret: '${redaction_secret}', keep: [diagnoses]}")  # fmt: skip
class Redact:
    """Make an EDI content one that may be shown: its structure stays, what may name a person is replaced.

    The body is the content itself, bytes or text: put the step into a flow without a format. Names, addresses,
    numbers, dates and texts become plausible others, as `docs/reference/edi-redaction.md` lists them; amounts, codes
    and counts stay. Under one secret the same value becomes the same other one in every file. What no schema knows is
    masked whole. A content without an interchange is a data error.
    """

    def __init__(self, options: RedactOptions, grants: Grants) -> None:
        self._secret, self._keep = options.secret.reveal().encode(), options.keep
        self._where = f"step {grants.name or 'redact'}"
        self._schemas = Schemas(library())

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._redacted(message) for message in batch]

    def _redacted(self, message: Message) -> Result:
        body = message.body
        if not isinstance(body, bytes | str):
            return Failed(DataError(f"the message is a {type(body).__name__}", where=self._where, code="redact",
                                    expected="bytes or text", remedy="leave out the flow's format"))  # fmt: skip
        content = body.encode() if isinstance(body, str) else body
        redactor = Redactor(self._secret, self._schemas, self._keep)
        try:
            made = b"".join(redactor.content([content]))
        except DataError as error:
            return Failed(error)
        if redactor.interchanges == 0:
            return Failed(DataError("no interchange", where=self._where, expected="X12, EDIFACT or TRADACOMS",
                                    remedy="send such contents another way", code="redact"))  # fmt: skip
        return message.with_body(made.decode("utf-8", "replace") if isinstance(body, str) else made)
