"""``waypost run`` with smaller journal segments, so that rotation and sealing happen within a short measurement:
``python -m benchmarks.short_segments BYTES run DIR …``."""

from __future__ import annotations

import sys
from functools import partial

from waypost.cli.main import main
from waypost.store import embedded

if __name__ == "__main__":
    embedded.Limits = partial(embedded.Limits, segment_bytes=int(sys.argv[1]))  # type: ignore[assignment,misc]
    sys.exit(main(sys.argv[2:]))
