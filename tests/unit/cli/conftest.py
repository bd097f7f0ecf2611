"""Fixtures of the command line's tests."""

from tests.unit.cli.commanding import system, waypost

__all__ = ["system", "waypost"]
