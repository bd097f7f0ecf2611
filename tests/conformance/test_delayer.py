"""The delayer keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "delayer")}


class TestDelayer(BoundaryConformance):
    step, options = "delayer", "{seconds: 10s}"
    script = ([{"n": 1}, {"n": 2}], 4, {"n": 3}, 7, 7)
    expected = ({"n": 1}, {"n": 2}, {"n": 3})


class TestDelayerInTheOrderOfAKey(BoundaryConformance):
    step, options = "delayer", "{until: at}"
    targets = "delivery: {order_by: id}"
    script = (
        [
            {"id": "A", "n": 1, "at": "2023-11-14T22:13:30Z"}, {"id": "A", "n": 2, "at": "2023-11-14T22:13:22+00:00"},
            {"id": "A", "n": 3, "at": "2023-11-14T22:13:50"}, {"id": "B", "n": 1, "at": "2023-11-14"},
        ],
        5,
        10,
        30,
    )  # fmt: skip
    expected = (
        {"id": "B", "n": 1, "at": "2023-11-14"},
        {"id": "A", "n": 1, "at": "2023-11-14T22:13:30Z"},
        {"id": "A", "n": 2, "at": "2023-11-14T22:13:22+00:00"},
        {"id": "A", "n": 3, "at": "2023-11-14T22:13:50"},
    )
    in_order = True
