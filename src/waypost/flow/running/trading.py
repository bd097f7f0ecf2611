"""What the flows of a worker exchange with partners: who trades, and the ledger of it beside the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from waypost.core.errors import BugError, WaypostError
from waypost.core.stamping import StampingFormat
from waypost.flow.batch.compiled import CompiledFlow
from waypost.store.derived import Watermark
from waypost.store.exchange_db import ExchangeDatabase
from waypost.store.exchange_feed import ExchangeFeed, LookedAtExchanges
from waypost.store.looking import LookedAtShard
from waypost.store.shard import EmbeddedShard

PATIENCE_SECONDS = 2.0
"""How long a question waits for what is committed to be in the ledger."""
LEDGER = "ledger of exchanges"


class Books(Protocol):
    """Who answers for what is waited for from partners, and owed to them."""

    async def answer(self, params: Mapping[str, Any]) -> dict[str, Any]: ...


class Trading:
    """Says of contents what they are in the books (``store.exchange.Trade``), and has them entered."""

    def __init__(self, shard: Any, clock: Any, trouble: dict[str, str]) -> None:
        self._shard, self._clock, self._trouble = shard, clock, trouble
        self._forms: Mapping[str, tuple[StampingFormat | None, Mapping[str, StampingFormat]]] = {}
        self._held: ExchangeFeed | LookedAtExchanges | None = None

    def take(self, flows: Iterable[CompiledFlow], keep_seconds: float) -> None:
        """The flows from now on; the ledger is kept from when some of them trade."""
        forms = {}
        for flow in flows:
            inward = trading_format(flow.format)
            outward = {target.name: form for target in flow.targets if (form := trading_format(target.format))}
            if inward is not None or outward:
                forms[flow.name] = (inward, outward)
        self._forms = forms
        if forms and self._held is None:
            self._held = self._opened(keep_seconds)

    def _opened(self, keep_seconds: float) -> ExchangeFeed | LookedAtExchanges | None:
        if isinstance(self._shard, EmbeddedShard):
            feed = ExchangeFeed(self._shard, Path(self._shard.folder.path), self, self._clock, keep_seconds)
            loop = asyncio.get_running_loop()

            def report(fault: Exception) -> None:
                loop.call_soon_threadsafe(self._told, fault)

            feed.report = report
            feed.start()
            return feed
        if isinstance(self._shard, LookedAtShard):
            return LookedAtExchanges(self._shard, self)
        return None

    def _told(self, fault: Exception) -> None:
        self._trouble[LEDGER] = f"{fault}; it goes on after a restart"

    @property
    def watermark(self) -> Watermark | None:
        """Everything of the journal before it is in the ledger; None where there is none."""
        return self._held.watermark if isinstance(self._held, ExchangeFeed) else None

    async def settle(self) -> None:
        """Return once what is committed is in the ledger, or after some time."""
        if self._held is not None:
            await asyncio.to_thread(self._held.wait, PATIENCE_SECONDS)

    @contextmanager
    def asked(self) -> Iterator[ExchangeDatabase | None]:
        """The ledger, for a question in a thread; None where nothing trades."""
        if self._held is None:
            yield None
            return
        with self._held.asking:
            yield self._held.reader

    @property
    def ledger(self) -> ExchangeDatabase | None:
        """What a system at rest has, for who alone asks."""
        return self._held.reader if self._held is not None else None

    async def close(self, *, abandon: bool = False) -> None:
        """After the shard was closed: take in the rest and let the ledger go."""
        held, self._held = self._held, None
        if isinstance(held, ExchangeFeed):
            await asyncio.to_thread(lambda: held.stop(abandon=abandon))
        elif held is not None:
            held.stop()

    # Trade

    def trades(self, flow: str) -> bool:
        return flow in self._forms

    def received(self, flow: str, content: bytes) -> Mapping[str, Any] | None:
        inward = self._forms[flow][0]
        return _said(inward, content, sent=False) if inward is not None else None

    def sent(self, flow: str, target: str, content: bytes) -> Mapping[str, Any] | None:
        form = self._forms.get(flow, (None, {}))[1].get(target)
        return _said(form, content, sent=True) if form is not None else None


def trading_format(form: Any) -> StampingFormat | None:
    """A format that is used under agreements; None for another."""
    return form if isinstance(form, StampingFormat) and form.stamps else None


def _said(form: StampingFormat, content: bytes, *, sent: bool) -> Mapping[str, Any] | None:
    try:
        return form.exchange(content, sent=sent)
    except BugError:
        raise
    except WaypostError:  # what cannot be read is no exchange; the flow says what is wrong with it
        return None
