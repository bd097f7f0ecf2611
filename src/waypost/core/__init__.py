"""The vocabulary every other package is written in; it imports nothing else of Waypost."""
