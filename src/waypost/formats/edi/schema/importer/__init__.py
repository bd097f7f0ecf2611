"""Turns what people already have, directories and schemas of other products, into schema files of our own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from waypost.formats.edi.schema.importer.biztalk import read_biztalk
from waypost.formats.edi.schema.importer.files import Imported
from waypost.formats.edi.schema.importer.pyx12_map import read_pyx12
from waypost.formats.edi.schema.importer.sef import read_sef
from waypost.formats.edi.schema.importer.staedi import read_staedi
from waypost.formats.edi.schema.importer.untdid import read_directory

KINDS: Mapping[str, Callable[[bytes, str], list[Imported]]] = {
    "untdid": read_directory, "biztalk": read_biztalk, "sef": read_sef, "pyx12": read_pyx12, "staedi": read_staedi,
}  # fmt: skip
"""What reads each kind of file, given its bytes and name."""
