"""Grammars as data: which segments make up a transaction set, and what their elements may hold."""
