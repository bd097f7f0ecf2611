"""Makes documents of a schema: valid ones, and ones with a planted fault whose code is known."""

from __future__ import annotations

from waypost.formats.edi.generate.interchange import Named, Plan, generate
from waypost.formats.edi.generate.message import Messages
from waypost.formats.edi.generate.mutant import FAULTS, Planted

__all__ = ["FAULTS", "Messages", "Named", "Plan", "Planted", "generate"]
