"""Simulators of outside systems, for demonstrations and flow tests: they say what they are and keep what they got."""
