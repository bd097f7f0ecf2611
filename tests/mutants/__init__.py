"""Planted mistakes in the compiler of maps, and which of them the tests notice: ``python -m tests.mutants``."""
