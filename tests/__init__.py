"""The tests: CONTRIBUTING.md says where a new one goes."""
