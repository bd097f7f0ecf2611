"""The engine: project, lint, compile, run, contract."""
