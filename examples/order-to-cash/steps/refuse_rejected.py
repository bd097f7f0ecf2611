"""A transaction set that the acknowledgement rejects is a dead letter that says what is wrong with it."""

from waypost.core.errors import DataError


def process(body):
    if body["accepted"]:
        return body
    found = "; ".join(
        f"segment {error['position']} {error['segment']} element {error['element']}: {error['found']}, "
        f"expected {error['expected']}"
        for error in body["errors"]
    )
    raise DataError(
        f"transaction set {body['transaction']['control_number']} is rejected: {found}",
        expected="a purchase order by the rules of X12",
        remedy="the partner sends it again, corrected; the 997 tells it what is wrong",
        code="x12-rejected",
    )
