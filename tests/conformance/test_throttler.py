"""The throttler keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "throttler")}


class TestThrottler(BoundaryConformance):
    step, options = "throttler", "{rate: 1, per: 5s, burst: 2}"
    script = ([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}], 6, {"n": 5}, 12)
    expected = ({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 5})
    in_order = True


class TestThrottlerPerKey(BoundaryConformance):
    step, options = "throttler", "{rate: 2, per: 10s, correlate: of}"
    script = ([{"n": 1, "of": "A"}, {"n": 2, "of": "A"}, {"n": 1, "of": "B"}], 6, {"n": 3, "of": "A"}, 6)
    expected = ({"n": 1, "of": "A"}, {"n": 2, "of": "A"}, {"n": 1, "of": "B"}, {"n": 3, "of": "A"})
