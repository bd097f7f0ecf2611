"""An order is priced as a whole or not at all: every article needs a price in the currency of the order."""

from waypost.core.errors import DataError


def process(body):
    priced = {price["sku"] for price in body["prices"] if price["currency"] == body["currency"]}
    missing = sorted({line["sku"] for line in body["lines"]} - priced)
    if not missing:
        return body
    raise DataError(
        f"no price in {body['currency']} for {', '.join(missing)}",
        expected="a price for every article",
        remedy="put it into a price list, then: waypost replay ID --effects fresh",
        code="unpriced",
    )
