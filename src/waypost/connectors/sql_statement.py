"""SQL text around bound values: quoted identifiers, and ``:name`` parameters turned into numbered places.

Values never become text of a statement. A list is spread over as many places as it has items (``sku IN (:skus)``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waypost.core.errors import ConfigurationRefused, DataError, near

MOST_ITEMS = 10_000

_IDENTIFIER = re.compile(r"[^\W\d][\w$]{0,62}")
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'            # a text
      | "(?:[^"]|"")*"            # a quoted identifier
      | --[^\n]*                  # a comment to the end of the line
      | /\*.*?\*/                 # a comment
      | (\$[A-Za-z_]*\$).*?\1     # PostgreSQL's dollar-quoted text
      | ::                        # PostgreSQL's cast
      | :([A-Za-z_]\w*)           # a parameter
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_IN = re.compile(r"\bNOT\s+IN\s*\(?\s*$", re.IGNORECASE)


def is_identifier(name: str) -> bool:
    """Whether a name of a table or column is one we quote: letters, digits, ``_`` and ``$``."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_table(name: str) -> bool:
    """Whether ``table`` or ``schema.table``."""
    return 1 <= len(name.split(".")) <= 2 and all(map(is_identifier, name.split(".")))


def quoted(name: str) -> str:
    """A table or column for a statement. ``ConfigurationRefused`` for what is no identifier.

    >>> quoted("sales.orders")
    '"sales"."orders"'
    """
    if not is_table(name):
        raise ConfigurationRefused(f"{name!r} is no name of a table or column", expected="letters, digits and _")
    return ".".join(f'"{part}"' for part in name.split("."))


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query with ``:name`` parameters, cut once. ``parts`` alternates text and parameter names."""

    parts: tuple[str, ...]

    @staticmethod
    def of(text: str) -> NamedQuery:
        parts: list[str] = []
        start = 0
        for match in _TOKEN.finditer(text):
            if match[2]:
                parts += [text[start : match.start()], match[2]]
                start = match.end()
        return NamedQuery((*parts, text[start:].rstrip().rstrip(";")))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.parts[1::2])

    def bind(self, parameters: Mapping[str, Any], mark: str) -> tuple[str, tuple[Any, ...]]:
        """The statement with places ``{mark}1``, ``{mark}2`` … and the values for them. ``DataError`` for a parameter
        that is missing, too long a list, or an empty list after NOT IN (which would match nothing, not everything)."""
        made: list[str] = []
        values: list[Any] = []
        for text, name in zip(self.parts[::2], (*self.parts[1::2], ""), strict=True):
            made.append(text)
            if name:
                made.append(self._places(name, _given(name, parameters), values, mark, text))
        return "".join(made), tuple(values)

    def _places(self, name: str, value: Any, values: list[Any], mark: str, before: str) -> str:
        if not isinstance(value, list | tuple):
            values.append(value)
            return f"{mark}{len(values)}"
        if len(value) > MOST_ITEMS:
            raise DataError(
                f"parameter {name!r} has {len(value)} items", where="query", expected=f"at most {MOST_ITEMS}"
            )
        if not value and _NOT_IN.search(before):
            raise DataError(f"parameter {name!r} is an empty list after NOT IN", where="query", expected="an item")
        first = len(values) + 1
        values.extend(value)
        places = ", ".join(f"{mark}{n}" for n in range(first, len(values) + 1)) or "NULL"
        return places if before.rstrip().endswith("(") else f"({places})"


def _given(name: str, parameters: Mapping[str, Any]) -> Any:
    if name not in parameters:
        raise DataError(
            f"parameter {name!r} is missing", where="query", expected=f"a value for :{name}",
            remedy=near(name, parameters), code="parameter-missing",
        )  # fmt: skip
    return parameters[name]
