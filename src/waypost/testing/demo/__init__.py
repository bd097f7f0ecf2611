"""The demonstration: the example order-to-cash run with simulated outside systems and judged by their own ledgers."""

from waypost.testing.demo.run import main

__all__ = ["main"]
