"""Expressions and map documents: pure, no input or output."""
