"""Ask a project's system to perform a verb, whether it runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from waypost.cli.option import Place, Which


class Asker(Protocol):
    """Who performs the verbs of the control channel (``waypost.flow.process.client.Client``)."""

    @property
    def running(self) -> bool: ...

    async def ask(self, verb: str, **params: Any) -> Any: ...


def make_client(project: Path, environment: str) -> Asker:
    """The client of a project folder."""
    from waypost.flow.process.client import Client

    return Client(project.resolve(), environment)


def ask(place: Place, verb: str, **params: Any) -> Any:
    """The result of a verb as plain data. What is empty is not sent."""
    import asyncio

    client = make_client(place.project, place.environment)
    return asyncio.run(
        client.ask(verb, **{name: value for name, value in params.items() if value not in (None, "", [])})
    )


def exchanged(place: Place, **params: Any) -> Iterator[dict[str, Any]]:
    """Everything that was exchanged with partners, oldest first, page after page; see the verb ``exchanges``."""
    after: Any = None
    while True:
        page = ask(place, "exchanges", **params, after=after)
        yield from page["exchanges"]
        after = page["next"]
        if after is None:
            return


def query(which: Which) -> dict[str, Any]:
    """The parameters of a query. Raises ``UsageError`` for more than one key or a state there is not."""
    from waypost.core.errors import UsageError, near
    from waypost.store.record import State, message_state

    known = {message_state([state]) for state in State} | {message_state([])}
    if which.state and which.state not in known:
        remedy = near(which.state, known) or f"known: {', '.join(sorted(known))}"
        raise UsageError(f"--state {which.state!r}", expected="a state of a message", remedy=remedy)

    keys = which.key or []
    if len(keys) > 1:
        found = f"--key is given {len(keys)} times"
        raise UsageError(found, expected="one business key", remedy="narrow the search with --flow or --since")
    params = {name: value for name, value in vars(which).items() if value and name != "key"}
    return {**params, "key": keys[0]} if keys else params
