"""The system under torture, a process: ``python -m waypost.testing.ledger.system PROJECT WORKERS PARENT``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from waypost.core.errors import WaypostError
from waypost.core.event import Event
from waypost.flow.process import supervisor
from waypost.flow.process.worker import RunOptions, die_with_parent
from waypost.testing.ledger.prepare import prepare


def main(root: str, workers: str, parent: str) -> int:
    """Run until told to stop, or ``parent`` dies; what happens is told on standard error."""

    def say(event: Event | str) -> None:
        sys.stderr.write(f"{event}\n")

    die_with_parent(int(parent))
    supervisor.NURSERY = "waypost.testing.ledger.nursery"
    prepare()
    try:
        return asyncio.run(supervisor.run(Path(root), "dev", RunOptions(workers=int(workers)), say))
    except WaypostError as error:
        say(f"refused: {error}")
        return 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
