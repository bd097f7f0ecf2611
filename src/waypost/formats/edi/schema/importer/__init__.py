"""Turns what people already have, directories and schemas of other products, into schema files of our own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from waypost.formats.edi.schema.importer.files import Imported
from waypost.formats.edi.schema.importer.pyx12 import read_map
from waypost.formats.edi.schema.importer.staedi import read_schema
from waypost.formats.edi.schema.importer.untdid import read_directory

KINDS: Mapping[str, Callable[[bytes, str], list[Imported]]] = {
    "untdid": read_directory, "pyx12": read_map, "staedi": read_schema,
}  # fmt: skip
"""What reads each kind of file, given its bytes and name."""
