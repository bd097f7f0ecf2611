"""The partner batcher keeps what every step that combines messages must."""

from typing import ClassVar

from tests.unit.agreements.agreeing import ACME
from waypost.testing.boundary_kit import BoundaryConformance

COVERS = {("step", "partner_batcher")}


def made(*numbers: int) -> dict[str, object]:
    return {"partner": "acme", "interchange": {}, "transactions": [{"n": number} for number in numbers]}


class TestPartnerBatcher(BoundaryConformance):
    step, options = "partner_batcher", "{partner: acme, standard: x12}"
    files: ClassVar = {"partners/acme.yaml": ACME.replace("x12:\n", "x12:\n  send: {batch: {count: 3, after: 5s}}\n")}
    script = ([{"n": 1}, {"n": 2}], [{"n": 3}, {"n": 4}], 6, {"n": 5}, 6)
    expected = (made(1, 2, 3), made(4), made(5))
    in_order = True


class TestPartnerBatcherByBytes(BoundaryConformance):
    step, options = "partner_batcher", "{partner: any, standard: edifact}"
    files: ClassVar = {
        "partners/acme.yaml": ACME.replace("edifact: {", "edifact: {send: {batch: {bytes: 100, after: 5s}}, ")
    }
    script = ([{"n": 1}, {"n": 2}, {"n": "3" * 90}], {"n": 4, "interchange": {"usage": "T", "date": "2026-03-01"}}, 6)
    expected = (
        made(1, 2),
        {"partner": "acme", "interchange": {}, "transactions": [{"n": "3" * 90}]},
        {"partner": "acme", "interchange": {"usage": "T"}, "transactions": [{"n": 4}]},
    )


class TestPartnerBatcherWithoutABatch(BoundaryConformance):
    step, options = "partner_batcher", "{partner: acme, standard: x12}"
    files: ClassVar = {"partners/acme.yaml": ACME}
    script = ([{"n": 1}, {"n": 2, "services": [["TA1"]]}],)
    expected = (made(1), {"n": 2, "services": [["TA1"]], "partner": "acme"})
