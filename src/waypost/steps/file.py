"""How steps read files of the project: through the grant alone, with a clear refusal where there is none."""

from __future__ import annotations

from collections.abc import Callable

from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import Grants


def reader(grants: Grants) -> Callable[[str], bytes]:
    """The grant to read project files. ``ConfigurationRefused`` where none is given."""
    if grants.read_file is None:
        raise ConfigurationRefused(
            "the step needs a file and may not read any", where=f"flow {grants.flow} step {grants.name}",
            expected="a project", remedy="run the step inside a project",
        )  # fmt: skip
    return grants.read_file
