"""The nursery of a system under torture: ``python -m waypost.testing.ledger.nursery SUPERVISOR``."""

from __future__ import annotations

import sys

from waypost.flow.process.nursery import tend
from waypost.testing.ledger.prepare import prepare

if __name__ == "__main__":
    prepare(itself=False)
    tend(int(sys.argv[1]))
