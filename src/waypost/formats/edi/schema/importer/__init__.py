"""Turns what people already have, directories and schemas of other products, into schema files of our own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from waypost.formats.edi.schema.importer.files import Imported
from waypost.formats.edi.schema.importer.untdid import read_directory

KINDS: Mapping[str, Callable[[bytes, str], list[Imported]]] = {"untdid": read_directory}
"""What reads each kind of file, given its bytes and name."""
