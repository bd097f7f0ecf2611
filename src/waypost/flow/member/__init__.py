"""What is known of a message at a boundary: its form in the journal, and where in the flow it begins."""
