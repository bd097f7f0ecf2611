"""The Python that maps become, as people read it in ``waypost map show --python``.

``python -m tests.golden.maps.written`` writes it anew; read the difference before you commit it: each line that got
longer costs every message something, each name is read by somebody.
"""

from __future__ import annotations

from pathlib import Path

from tests.unit.mapping.test_ways import TABLE, load
from waypost.mapping.writer import Writer

FILE = Path(__file__).parent / "ways.txt"


def written() -> str:
    """The source of each map of ``ways.yaml``: what it becomes for all messages, and for complete ones."""
    parts = []
    for name, fields in TABLE["whole"].items():
        bundle = load(fields).bundle
        for strict in (False, True):
            uses = dict.fromkeys(bundle.uses, lambda body, now, work: {})
            source = Writer(bundle.document, bundle.tables, uses, strict=strict).emitter.source
            parts.append(f"#### {name}{', complete' if strict else ''}\n{source}")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
