"""Send HL7 v2 messages over MLLP; delivered is what the other side acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from waypost.connectors.mllp_connection import MllpConnection
from waypost.connectors.mllp_frame import Header, framed, verdict_of
from waypost.core.component import Outbound, Outcome
from waypost.core.errors import ConfigurationRefused, ContractError, DataError, EndpointTimeout, EndpointUnavailable
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.spec import ConnectionRef, Option
from waypost.core.traits import TargetTraits

_KEPT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpTargetOptions:
    connection: Annotated[ConnectionRef, Option("The system, as named in connections.yaml.", kinds=("mllp",))]
    retry: Annotated[
        tuple[Literal["AE", "AR", "CE", "CR"], ...],
        Option("Acknowledgements after which the message is sent again; others that refuse it end its way."),
    ] = ("AR", "CR")


@registry.register(
    "target", "mllp", options=MllpTargetOptions, traits=TargetTraits(concurrency=1, answers=True),
    shorthand="connection", example="{connection: ehr}",
)  # fmt: skip
class MllpTarget:
    """Send each message and wait for its acknowledgement.

    AA and CA deliver it. AE and CE refuse it for its own sake; AR and CR say that the system cannot take it now, so
    that it is sent again. An answer that repeats another control id than MSH-10 leaves the delivery in doubt; one that
    an application gives later, after CA, is passed over. A message whose MSH-15 or MSH-16 ask for no answer is refused.
    """

    def __init__(self, options: MllpTargetOptions, grants: Grants) -> None:
        found = grants.connections.get(options.connection)
        if found is None or not isinstance(found.pool, MllpConnection):
            raise ConfigurationRefused(
                f"connection {str(options.connection)!r} is not one over MLLP", where=grants.name or "mllp",
                expected="a connection of kind mllp in connections.yaml",
            )  # fmt: skip
        self._pool, self._retry = found.pool, options.retry

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        """The connection is closed by its owner."""

    async def send(self, batch: Sequence[Outbound]) -> Sequence[Outcome]:
        return [await self._send(message) for message in batch]

    async def _send(self, message: Outbound) -> Outcome:
        address = self._pool.address
        header = Header.of(message.body)
        try:
            if not header.control_id:
                raise DataError("no control id", where="MSH-10", expected="an HL7 message that has one",
                                remedy="set it in a map", code="mllp-message")  # fmt: skip
            if not header.answers_success:
                raise DataError("a message that asks for no answer to what is taken", where="MSH-15 and MSH-16",
                                expected="both empty, or AL: delivered is what was acknowledged",
                                remedy="set MSH-15 to AL in a map", code="mllp-message")  # fmt: skip
            answer = await self._pool.exchange(framed(message.body))
        except (DataError, EndpointUnavailable, EndpointTimeout) as error:
            return Outcome.failed(error, address=address)
        verdict = verdict_of(answer)
        kept = answer[:_KEPT_BYTES]
        if verdict is None or verdict.control_id != header.control_id:
            await self._pool.close()
            found = "an answer without MSA" if verdict is None else f"an answer to {verdict.control_id[:40]!r}"
            doubt = EndpointTimeout(found, where=address, expected=f"an acknowledgement of {header.control_id[:40]!r}",
                                    remedy="ask there whether it arrived")  # fmt: skip
            return Outcome.failed(doubt, address=address, answer=kept)
        if verdict.code in ("AA", "CA"):
            return Outcome(delivered=True, address=address, status=verdict.code, answer=kept)
        said = f"acknowledged {verdict.code or 'with no code'}: {verdict.text or 'nothing more was said'}"
        if verdict.code in self._retry:
            again = EndpointUnavailable(said, where=address, expected="AA or CA", remedy="it is sent again")
            return Outcome.failed(again, address=address, status=verdict.code, answer=kept)
        refused = ContractError(said, where=address, expected="AA or CA", remedy="correct it and replay")
        return Outcome.failed(refused, address=address, status=verdict.code, answer=kept)
