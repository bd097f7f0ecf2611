"""Contracts with trading partners: what is exchanged with them, how, and what proves it."""
