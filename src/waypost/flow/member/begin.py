"""Where in a flow messages begin that do not come from its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Begin(msgspec.Struct, frozen=True):
    """Where messages that come from a boundary begin: ``step`` is its name, ``within`` says that they wait there, else
    they go on after it. ``routed``: the targets of those, by index, that pass no later steps."""

    step: str
    within: bool
    routed: Mapping[int, Sequence[str]] = {}
