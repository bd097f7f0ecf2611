"""What a format needs from outside itself: a library that may be missing, a file of the project."""

from __future__ import annotations

import importlib
from typing import Any

from waypost.core.errors import ConfigurationRefused
from waypost.core.grants import Grants


def library(module: str, extra: str, format_name: str) -> Any:
    """The imported ``module``. ``ConfigurationRefused`` naming the extra where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ConfigurationRefused(
            f"the package {package} is missing", where=f"format {format_name}", remedy=f"pip install 'waypost[{extra}]'"
        ) from None


def project_file(grants: Grants, path: str, format_name: str) -> bytes:
    """The bytes of a file the options name. ``ConfigurationRefused`` outside a project."""
    if grants.read_file is None:
        raise ConfigurationRefused(
            f"the format needs {path!r} and may not read any file", where=f"format {format_name}",
            expected="a project", remedy="run the flow inside a project",
        )  # fmt: skip
    return grants.read_file(path)
