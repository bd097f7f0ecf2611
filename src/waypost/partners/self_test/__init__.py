"""The self-test: partners try their files and hear what we would answer; nothing of it enters a flow or the store."""
