"""One circuit per connection: after failures in a row nothing is sent there for a while, then one probe at a time."""

from __future__ import annotations

from waypost.core.clock import Clock, Random
from waypost.core.event import CircuitClosed, CircuitOpened, Events

THRESHOLD = 5
"""Failures in a row that open a circuit."""


def backoff(attempt: int, first: float, limit: float, random: Random) -> float:
    """Seconds to wait after failure number ``attempt`` (1 …): doubling from ``first`` to ``limit``, then spread over
    the upper half so that many waiters do not come back at once."""
    full = min(limit, first * 2 ** min(attempt - 1, 30))
    return random.uniform(full / 2, full)


class Circuit:
    """Closed: everything passes. Open: nothing until ``opens_at``. Half open: one probe. Failures while it is not
    closed are the endpoint's, not the message's: they use up no attempts."""

    def __init__(
        self, name: str, clock: Clock, random: Random, events: Events, first: float = 1.0, limit: float = 60.0
    ):
        self.name, self._clock, self._random, self._events = name, clock, random, events
        self._first, self._limit = first, limit
        self.failures = 0
        self.openings = 0
        self.opens_at = 0.0
        self.cause = ""
        self.probing = False

    @property
    def closed(self) -> bool:
        return self.openings == 0

    def wait_seconds(self) -> float:
        """0 when something may be sent now; else how long to wait. A probe under way makes others wait for it."""
        if self.closed:
            return 0.0
        if self.probing:
            return 0.05
        return max(0.0, self.opens_at - self._clock.monotonic())

    def begin(self) -> bool:
        """A send begins; True when it is the probe of a circuit that is not closed: nothing else passes meanwhile."""
        self.probing = not self.closed
        return self.probing

    def end_probe(self) -> None:
        """The probe is over, whatever it said; without a word about the endpoint the next send is the probe."""
        self.probing = False

    def succeeded(self) -> None:
        self.probing = False
        if not self.closed:
            self._events.emit(CircuitClosed(connection=self.name))
        self.failures = self.openings = 0
        self.cause = ""

    def failed(self, cause: str, *, at_once: bool = False) -> bool:
        """Note a failure; True when the circuit was closed, so that it counts as the message's attempt. Only the probe
        makes an open circuit wait longer: what else fails then had begun before it opened."""
        probed, self.probing = self.probing, False
        self.failures += 1
        self.cause = cause
        was_closed = self.closed
        if probed or (was_closed and (at_once or self.failures >= THRESHOLD)):
            self.openings += 1
            seconds = backoff(self.openings, self._first, self._limit, self._random)
            self.opens_at = self._clock.monotonic() + seconds
            if was_closed:
                self._events.emit(
                    CircuitOpened(connection=self.name, failures=self.failures, seconds=seconds, cause=cause)
                )
        return was_closed

    def close(self) -> None:
        """A person says it works again: try at once."""
        self.opens_at = 0.0
        self.probing = False
