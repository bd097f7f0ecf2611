"""JSONata: an expression of the language compiled to Python closures, pure and bounded."""
