"""Properties of the json format beside the standard library's reader."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.core.errors import DataError
from waypost.testing.format_kit import build_format

FORMAT = build_format("json")
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,4})?\Z")


@given(NUMBER)
def test_a_number_keeps_its_value_to_the_last_digit(text: str) -> None:
    (value,) = FORMAT.decode([text.encode()], b"")
    assert Decimal(value) == Decimal(text)
    (again,) = FORMAT.encode([value])
    assert Decimal(again.decode()) == Decimal(text)


@given(st.text(alphabet='{}[]",:0129eE.-+ntrue\\u falsN', max_size=30))
def test_what_is_json_is_what_the_standard_library_says(text: str) -> None:
    def refuse(word: str) -> Any:
        raise ValueError(word)

    (found,) = FORMAT.decode([text.encode()], b"")
    try:
        expected = json.loads(text, parse_float=Decimal, parse_constant=refuse)
    except ValueError:
        assert isinstance(found, DataError)
    else:
        assert found == expected or (isinstance(found, DataError) and found.code in ("json-text", "json-number"))
