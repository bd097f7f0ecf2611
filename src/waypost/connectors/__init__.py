"""One system a module."""
