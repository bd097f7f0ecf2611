"""Loads the outside library a format needs, or says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from waypost.core.errors import ConfigurationRefused


def library(module: str, extra: str, format_name: str) -> Any:
    """The imported ``module``. ``ConfigurationRefused`` naming the extra where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ConfigurationRefused(
            f"the package {package} is missing", where=f"format {format_name}", remedy=f"pip install 'waypost[{extra}]'"
        ) from None
