"""The request_reply step keeps what every step that combines messages must."""

from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "request_reply")}


class TestRequestReply(BoundaryConformance):
    step = "request_reply"
    options = (
        "{request: kind == 'request', correlate: q, timeout: 60s, early: 20s, into: answer.reply, on_timeout: drop, "
        "late: drop}"
    )
    script = (
        [{"id": 1, "q": "A", "kind": "request"}, {"id": 2, "q": "B", "kind": "request"}],
        {"id": 3, "q": "A", "stock": 5},
        30,
        [{"id": 4, "q": "C", "stock": 7}, {"id": 5, "q": "A", "stock": 6}],
        {"id": 6, "q": "C", "kind": "request"},
        40,
    )
    expected = (
        {"id": 1, "q": "A", "kind": "request", "answer": {"reply": {"id": 3, "q": "A", "stock": 5}}},
        {"id": 6, "q": "C", "kind": "request", "answer": {"reply": {"id": 4, "q": "C", "stock": 7}}},
    )
