"""The function library of the mapping language; importing it fills ``FUNCTIONS``."""

from waypost.mapping.function import code, collection, date, number, text
from waypost.mapping.function.declaration import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Function", "code", "collection", "date", "number", "text"]
