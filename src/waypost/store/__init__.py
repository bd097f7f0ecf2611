"""The Message Store: journal, derived state, index."""
