"""Subscribers to events: what is logged, counted and traced."""
