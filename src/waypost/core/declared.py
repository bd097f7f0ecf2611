"""Where the parts of Waypost are declared, read from the source of the packages that hold them.

A part is imported when it is first asked for: a worker has in memory what its project uses, and a command starts
without the rest.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PACKAGES = ("waypost.formats", "waypost.steps", "waypost.connectors")


@cache
def declarations(pattern: str) -> Mapping[tuple[str, ...], str]:
    """The modules in whose source a pattern is found, by its groups; nothing but the three packages is imported."""
    found, wanted = dict[tuple[str, ...], str](), re.compile(pattern)
    for package in PACKAGES:
        for folder in map(Path, importlib.import_module(package).__path__):
            for file in sorted(folder.rglob("*.py")):
                name = ".".join((package, *file.relative_to(folder).with_suffix("").parts))
                for match in wanted.finditer(file.read_text("utf-8")):
                    found[match.groups()] = name
    return found
