"""Patterns of XSD 1.1 run in time linear in the text, by the engine of jsonschema-rs; Python's goes back and forth."""

from __future__ import annotations

import re
from typing import Any

_WHOLE = re.compile(r"\^\(\?:(.*)\)\$\(\?!\\n\\Z\)", re.DOTALL)
"""How xmlschema writes a pattern for Python: the whole text must fit."""
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_CLASSES = {
    r"\d": r"\p{Nd}", r"\D": r"\P{Nd}", r"\w": r"[^\p{P}\p{Z}\p{C}]", r"\W": r"[\p{P}\p{Z}\p{C}]",
    r"\s": r"[ \t\n\r]", r"\S": r"[^ \t\n\r]",
}  # fmt: skip
"""What XML Schema (part 2, appendix G) means by them; the engine means other things. xmlschema leaves them outside of
brackets only."""


class Linear:
    """A pattern, asked as xmlschema asks one of Python's; ``ValueError`` where the engine has no room for it."""

    def __init__(self, pattern: str) -> None:
        import jsonschema_rs

        inner = _WHOLE.fullmatch(pattern)
        if inner is None:
            raise ValueError(pattern)
        text = _ESCAPE.sub(lambda found: _CLASSES.get(found[0], found[0]), inner[1])
        self._fits = jsonschema_rs.validator_for({"pattern": f"^(?:{text})$"}).is_valid

    def match(self, text: str) -> bool | None:
        return True if self._fits(text) else None


def make_linear(schema: Any) -> list[str]:
    """Give every pattern of a schema of xmlschema the linear engine; those that it has none for."""
    from xmlschema.validators.facets import XsdPatternFacets

    left: list[str] = []
    for component in schema.iter_components():
        facets = getattr(component, "patterns", None)
        if not isinstance(facets, XsdPatternFacets):
            continue
        for at, (pattern, written) in enumerate(zip(facets.patterns, facets.regexps, strict=True)):
            if not isinstance(pattern, Linear):
                try:
                    facets.patterns[at] = Linear(pattern.pattern)
                except ValueError:
                    left.append(written)
    return left
