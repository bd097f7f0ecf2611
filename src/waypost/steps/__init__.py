"""One Enterprise Integration Pattern a module."""
