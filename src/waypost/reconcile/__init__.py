"""Comparisons and expectations: what should have come, what came, and what is left open."""
