"""The interchange acknowledgement of X12: TA1."""

from __future__ import annotations

import re
from typing import Any

from waypost.formats.edi.examine.verdict import Level

_NOTE = re.compile("[0-9]{3}")


def ta1(interchange: Level) -> list[Any]:
    """The TA1 segment that answers an interchange."""
    row = [*interchange.row, *[""] * 17]
    errors = [f for f in interchange.findings if f.severity == "error"]
    notes = [f.x12 for f in errors if _NOTE.fullmatch(f.x12)] or (["022"] if errors else ["000"])
    number = re.sub("[^0-9]", "", row[13])[:9].rjust(9, "0")
    date = row[9].strip() if re.fullmatch("[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])", row[9].strip()) else "000101"
    time = row[10].strip() if re.fullmatch("([01][0-9]|2[0-3])[0-5][0-9]", row[10].strip()) else "0000"
    return ["TA1", number, date, time, "R" if errors else "A", notes[0]]


def wanted(interchange: Level, when: str) -> bool:
    """Whether a TA1 is to be made: as the sender asks in ISA14, and always where the interchange is rejected."""
    if when in ("always", "never"):
        return when == "always"
    asked = (*interchange.row[14:15], "")[0].strip() == "1"
    return not interchange.accepted or (when == "requested" and asked)
