"""What is wrong with a document, the same shape whoever found it: a schema, a layout, a guide, a rule.

>>> one = Finding("lines[1].unit", "enum", 'found "ea"', "one of EA, KG", '"ea"', 'write "EA"')
>>> str(one)
'lines[1].unit: found "ea"; expected one of EA, KG; write "EA"'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from waypost.core.errors import DataError

MOST_FINDINGS = 500
"""The findings of one document that are listed."""
_SHOWN = 20
_LONGEST = 100
_encode = msgspec.json.Encoder(decimal_format="number").encode
_INDEX = re.compile(r"\[\d+\]")


class Severity(StrEnum):
    """How heavy a finding is: an error ends the message, the others are noted and it goes on."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``path`` says where in the document ('' the whole), ``rule`` what it broke, ``found`` what is
    there, ``expected`` what should be; ``value`` is the value as JSON, cut, or what stands for one that may not be
    shown; ``repair`` a suggestion, '' where there is none."""

    path: str
    rule: str
    found: str
    expected: str = ""
    value: str = ""
    repair: str = ""
    severity: Severity = Severity.ERROR

    def data(self) -> dict[str, str]:
        """The finding as plain JSON data."""
        return {name: str(getattr(self, name)) for name in FIELDS}

    def __str__(self) -> str:
        return told(self.data())


FIELDS = ("path", "rule", "found", "expected", "value", "repair", "severity")


def told(finding: Mapping[str, Any]) -> str:
    """A finding's data as one sentence."""
    expected, repair = finding.get("expected"), finding.get("repair")
    said = [str(finding.get("found", "")), f"expected {expected}" if expected else "", str(repair or "")]
    return f"{finding.get('path') or 'the message'}: {'; '.join(part for part in said if part)}"


def is_finding(detail: Mapping[str, Any]) -> bool:
    """Whether a detail of an error has the shape of a finding."""
    return {"path", "rule", "found"} <= detail.keys()


def shown(value: Any, *, masked: bool = False) -> str:
    """A value in few characters: a plain one as JSON, cut; of another, or one that may not be seen, what it is.

    >>> shown("ea"), shown("078-05-1120", masked=True), shown([1, 2])
    ('"ea"', 'a text of 11 (not shown)', 'a list of 2')
    """
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if masked and value is not None:
        return f"{_kind(value)} (not shown)"
    if isinstance(value, float | Decimal | int) and not isinstance(value, bool):
        text = str(value)
    else:
        try:
            text = _encode(value[: _LONGEST * 2] if isinstance(value, str) else value).decode()
        except (TypeError, ValueError, msgspec.EncodeError):
            text = _kind(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _kind(value: Any) -> str:
    if isinstance(value, str | bytes):
        return f"a text of {len(value)}" if isinstance(value, str) else f"{len(value)} bytes"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float | Decimal) else f"a {type(value).__name__}"


def path_text(parts: Iterable[str | int]) -> str:
    """A path as expressions write it.

    >>> path_text(["lines", 1, "unit"])
    'lines[1].unit'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def covered(path: str, places: Iterable[str]) -> bool:
    """Whether a path, indices aside, is one of ``places`` or lies inside one.

    >>> covered("lines[1].buyer.name", ["lines.buyer"]), covered("lines[1].sku", ["lines.buyer"])
    (True, False)
    """
    plain = _INDEX.sub("", path)
    return any(not place or plain == place or plain.startswith(f"{place}.") for place in places)


def plain_path(path: str) -> str:
    """A path without its indices."""
    return _INDEX.sub("", path.replace("[]", ""))


def refusal(findings: Sequence[Finding], *, where: str, code: str) -> DataError:
    """Everything found in one document as one error; its details are the findings, the text tells the first of them."""
    bad = [one for one in findings if one.severity is Severity.ERROR]
    told_first = [str(one) for one in bad[:_SHOWN]]
    more = len(bad) - len(told_first)
    rest = f"; and {more} more" if more > 0 else ""
    if len(findings) >= MOST_FINDINGS:
        rest += f"; more than {MOST_FINDINGS} are not looked for"
    text = f"the message does not fit: {'; '.join(told_first)}{rest}"
    return DataError(text, where=where, code=code, details=[one.data() for one in findings[:MOST_FINDINGS]])


def hidden(one: Finding) -> Finding:
    """The same without anything of the value."""
    return Finding(one.path, one.rule, "a value that is not shown", one.expected, "not shown", "", one.severity)
