"""What the environment says of a trial, done to a process of the system before anything else happens in it."""

from __future__ import annotations

import os
from pathlib import Path

from waypost.testing.crash.mortal import Mortal, Schedule
from waypost.testing.ledger.plants import PLANTS

SCHEDULE, STORE, PLANT = "WAYPOST_LEDGER_SCHEDULE", "WAYPOST_LEDGER_STORE", "WAYPOST_LEDGER_PLANT"


def prepare(*, itself: bool = True) -> None:
    """Plant a bug in this process and those it forks; make those mortal, and ``itself``."""
    if plant := os.environ.get(PLANT):
        PLANTS[plant]()
    if folder := os.environ.get(SCHEDULE):
        Mortal(Schedule(Path(folder)), os.environ[STORE]).begin(itself=itself)
