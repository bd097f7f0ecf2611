"""A map document with what it needs to run: its lookups and the maps it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost.mapping.document import MapDocument


@dataclass(frozen=True, slots=True)
class Bundle:
    """``tables`` by the name of the lookup, or of reference data behind its mark, ``uses`` by the file of the map."""

    document: MapDocument
    tables: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, Bundle] = field(default_factory=dict)
