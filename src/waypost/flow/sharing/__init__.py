"""Several workers as one system: who owns which keys, and how they hand one another what is theirs."""
