"""Dates and periods of EDIFACT messages, which are written as a code beside them says (elements 2380 and 2379).

A code that is not in the table takes any value. Between the two dates of a period a hyphen may be left out, as many
partners do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import parse_yaml

DATED = "C507"
"""The composite with a date (component 2) and the code of its format (component 3)."""
DAY = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?<=[02468][048])0229|(?<=[13579][26])0229)"
)
"""Month and day behind a year, the last day of February in leap years alone."""
_DAY_FIRST = "(?:(?:0[1-9]|[12][0-9])(?:0[1-9]|1[0-2])|30(?:0[13-9]|1[0-2])|31(?:0[13578]|1[02]))"
_MONTH_FIRST = (
    "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|[12][0-9]))"
)
_TOKENS = (
    ("CCYYMMDD", f"[0-9]{{4}}{DAY}"), ("YYMMDD", f"[0-9]{{2}}{DAY}"), ("DDMMYY", f"{_DAY_FIRST}[0-9]{{2}}"),
    ("MMDDYY", f"{_MONTH_FIRST}[0-9]{{2}}"), ("MMDD", _MONTH_FIRST), ("zhhmm", "[+-](?:0[0-9]|1[0-4])[0-5][0-9]"),
    ("DDD", "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])"), ("DD", "(?:0[1-9]|[12][0-9]|3[01])"),
    ("ZZZ", "[A-Z]{3}"), ("MM", "(?:0[1-9]|1[0-2])"), ("WW", "(?:0[1-9]|[1-4][0-9]|5[0-3])"),
    ("hh", "(?:[01][0-9]|2[0-4])"), ("mm", "[0-5][0-9]"), ("ss", "[0-5][0-9]"), ("CC", "[0-9]{2}"),
    ("YY", "[0-9]{2}"), ("S", "[12]"), ("Q", "[1-4]"), ("D", "[1-7]"), ("n", "[0-9]{1,15}"), ("-", "-?"),
)  # fmt: skip


@lru_cache(maxsize=1)
def date_formats() -> Mapping[str, tuple[str, str]]:
    """By code, how the format is written in words, and its pattern."""
    faults: list[Fault] = []
    name = "date_formats.yaml"
    made = parse_yaml((files(__package__) / name).read_text("utf-8"), name, faults)
    if faults:
        raise ProjectError(faults)
    forms: Mapping[str, str] = made.data["formats"]
    return {code: (form, _pattern(form)) for code, form in forms.items()}


def _pattern(form: str) -> str:
    made, left = "", form
    while left:
        token, pattern = next((token, pattern) for token, pattern in _TOKENS if left.startswith(token))
        made, left = made + pattern, left[len(token) :]
    return made


def written_as(element: str, component: str) -> str:
    """Looks ahead at a composite: its date is as its format says, or the format is none that is known."""
    end = f"(?=[{element}{component}]|\\Z)"
    first, known = f"[^{element}{component}]*+", "|".join(date_formats())
    each = "|".join(f"{pattern}{component}{code}" for code, (_, pattern) in sorted(date_formats().items(), key=_usual))
    return f"(?={first}(?:{component}(?:{each}){end}|(?!{component}{first[:-2]}+{component}(?:{known}){end})))"


def _usual(item: tuple[str, tuple[str, str]]) -> tuple[bool, str]:
    return item[0] not in ("102", "203"), item[0]


def wrong_date(value: str, code: str) -> str:
    """How a date should be written; '' where it is written so, or as nobody knows."""
    form, pattern = date_formats().get(code, ("", ""))
    return form if value and form and not re.fullmatch(pattern, value) else ""
