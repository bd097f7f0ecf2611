"""What comes from the one declaration: plain data, JSON Schema, text, reference pages and starters."""
