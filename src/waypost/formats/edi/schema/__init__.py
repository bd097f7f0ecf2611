"""Schemas of EDI messages: read, layered, compiled, and held against what partners send."""

from __future__ import annotations

import re

from waypost.formats.edi.schema.load import Library, library
from waypost.formats.edi.schema.model import Schema, split_place

Grammar = Schema


def load_grammar(version: str, set_id: str, among: Library | None = None) -> Schema | None:
    """The schema of an X12 set in ``version``: that of its guide where there is one, else of its first six characters;
    None when there is none. It is looked for ``among`` those of a project, or those that come along."""
    if not re.fullmatch(r"[0-9]{6}[0-9A-Z]{0,6}", version) or not re.fullmatch(r"[0-9A-Z]{3}", set_id):
        return None
    known = among or library()
    return known.schema(f"x12/{version}/{set_id}") or known.schema(f"x12/{version[:6]}/{set_id}")


__all__ = ["Grammar", "Schema", "load_grammar", "split_place"]
