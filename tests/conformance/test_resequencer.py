"""The resequencer keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "resequencer")}


class TestResequencer(BoundaryConformance):
    step, options = "resequencer", "{sequence: n, gap: 10s}"
    script = (
        [{"n": 2, "id": "b"}, {"n": 1, "id": "a"}],
        {"n": 4, "id": "d"},
        {"n": 3, "id": "c"},
        {"n": 6},
        11,
        {"n": 7},
    )
    expected = ({"n": 1, "id": "a"}, {"n": 2, "id": "b"}, {"n": 3, "id": "c"}, {"n": 4, "id": "d"}, {"n": 6}, {"n": 7})
    in_order = True


class TestResequencerPerKey(BoundaryConformance):
    step, options = "resequencer", "{sequence: n, correlate: of, start: 0, late: drop, gap: 5s, on_gap: fail}"
    script = (
        [{"n": 1, "of": "A"}, {"n": 0, "of": "B"}, {"n": 0, "of": "A"}, {"n": 0, "of": "A"}],
        {"n": 2, "of": "B"},
        6,
    )
    expected = ({"n": 0, "of": "B"}, {"n": 0, "of": "A"}, {"n": 1, "of": "A"})
