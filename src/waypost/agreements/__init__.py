"""Trading partners as data: who they are, what was agreed with them, and which agreement an interchange falls under."""
