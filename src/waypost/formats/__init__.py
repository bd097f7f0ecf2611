"""One format a module: bytes to document and back."""
