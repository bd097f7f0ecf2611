"""The segments of envelopes, of each standard: ``x12.yaml``, ``edifact.yaml`` and ``tradacoms.yaml``."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import parse_yaml
from waypost.formats.edi.schema.message import read_dictionary
from waypost.formats.edi.schema.notation import Dictionary


@lru_cache(maxsize=4)
def envelope_segments(standard: str) -> Dictionary:
    """The dictionary of a standard's envelopes."""
    faults: list[Fault] = []
    name = f"{standard}.yaml"
    made = read_dictionary([parse_yaml((files(__name__) / name).read_text("utf-8"), name, faults)], faults)
    if faults:
        raise ProjectError(faults)
    return made
