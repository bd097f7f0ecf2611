"""What every test may use: the real servers of ``tests/peers``; and the same Hypothesis examples on every CI run."""

import os

from hypothesis import settings

pytest_plugins = ["tests.peers.plugin", "pytester"]

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
