"""Real servers, started by the tests on loopback, for tests that must not trust a stand-in."""
