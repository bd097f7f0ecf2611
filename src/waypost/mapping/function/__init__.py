"""The function library of the mapping language; importing it fills ``FUNCTIONS``."""

from waypost.mapping.function import (
    amount,
    code,
    collection,
    date,
    identifier,
    number,
    reference,
    table,
    text,
    wording,
    zone,
)
from waypost.mapping.function.declaration import FUNCTIONS, Function, is_light

__all__ = [
    "FUNCTIONS",
    "Function",
    "amount",
    "code",
    "collection",
    "date",
    "identifier",
    "is_light",
    "number",
    "reference",
    "table",
    "text",
    "wording",
    "zone",
]  # fmt: skip
