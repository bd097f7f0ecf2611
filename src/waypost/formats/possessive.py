"""Possessive repetition of groups in patterns, where Python's is sound: up to 3.11.4 it may match too much."""

import sys

GROUPS = b"+" if sys.version_info >= (3, 11, 5) else b""
"""Behind ``*`` of a group; a pattern must mean the same without it, which only costs more when nothing matches."""
