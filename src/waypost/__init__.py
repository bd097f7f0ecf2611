"""Waypost: integrations that can be proved, found, explained and replayed."""

__version__ = "0.1.0.dev0"
