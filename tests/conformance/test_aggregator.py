"""The aggregator keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "aggregator")}


class TestAggregator(BoundaryConformance):
    step, options = "aggregator", "{correlate: order, complete: {count: 3, after: 60s}, into: lines}"
    script = (
        [{"order": "A", "id": 1}, {"order": "B", "id": 2}, {"order": "A", "id": 3}],
        {"order": "A", "id": 4},
        30,
        {"order": "B", "id": 5},
        40,
    )
    expected = (
        {"lines": [{"order": "A", "id": 1}, {"order": "A", "id": 3}, {"order": "A", "id": 4}]},
        {"lines": [{"order": "B", "id": 2}, {"order": "B", "id": 5}]},
    )


class TestAggregatorByWhatMessagesSay(BoundaryConformance):
    step = "aggregator"
    options = (
        "{correlate: order, complete: {expected: of, idle: 10s}, produce: map, sort: id, unique: id, late: drop, "
        "map: {order: key, ids: '[m.id for m in members]'}}"
    )
    script = (
        [{"order": "A", "id": 2}, {"order": "A", "id": 2}, {"order": "A", "id": 1, "of": 2}, {"order": "A", "id": 9}],
        {"order": "B", "id": 1, "of": 3},
        5,
        {"order": "B", "id": 3},
        11,
    )
    expected = ({"order": "A", "ids": [1, 2]}, {"order": "B", "ids": [1, 3]})
