"""The batcher keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "batcher")}


class TestBatcher(BoundaryConformance):
    step, options = "batcher", "{count: 3, after: 5s, into: orders}"
    script = ([{"n": 1}, {"n": 2}], [{"n": 3}, {"n": 4}], 6, {"n": 5}, 6)
    expected = ({"orders": [{"n": 1}, {"n": 2}, {"n": 3}]}, {"orders": [{"n": 4}]}, {"orders": [{"n": 5}]})
    in_order = True


class TestBatcherByBytes(BoundaryConformance):
    step, options = "batcher", "{bytes: 100, correlate: of, after: 5s}"
    script = ([{"n": "1", "of": "A"}, {"n": "2", "of": "A"}, {"n": "3" * 90, "of": "A"}, {"n": "4", "of": "B"}], 6)
    expected = (
        [{"n": "1", "of": "A"}, {"n": "2", "of": "A"}],
        [{"n": "3" * 90, "of": "A"}],
        [{"n": "4", "of": "B"}],
    )
