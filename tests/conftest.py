"""What every test may use: the real servers of ``tests/peers``."""

pytest_plugins = ["tests.peers.plugin", "pytester"]
