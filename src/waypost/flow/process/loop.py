"""The event loop of a process that moves messages: a quick loop, and a garbage collector that looks less often."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

COLLECT_AFTER = (50_000, 20, 50)
"""``gc.set_threshold``. A batch makes thousands of containers and no cycles, and Python's default, 700, would look
through them a dozen times a batch to find nothing."""


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` for a process that does nothing else."""
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
