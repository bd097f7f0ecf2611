"""Measurements of the product as a user runs it, as ratios to what the machine's disk can do in the same minutes."""
