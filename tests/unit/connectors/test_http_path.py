"""A value put into a path stays in its place."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.connectors.http_path import PathTemplate
from waypost.core.errors import DataError


def fill(template: str, value: str | None) -> str:
    return PathTemplate(template).fill(lambda name: value)


@given(st.text(min_size=1).filter(lambda t: t not in (".", "..")))
def test_any_value_is_one_segment_that_decodes_to_itself(value: str) -> None:
    path = fill("/orders/{keys.po}/lines", value)
    _, first, second, third = path.split("/")
    assert (first, third) == ("orders", "lines")
    assert path.isascii() and not set("?#\r\n \\") & set(path)
    assert unquote(second) == value.encode("utf-8", "replace").decode()


def test_a_value_in_the_query_cannot_add_another() -> None:
    assert fill("/orders?po={keys.po}", "1&admin=yes#x") == "/orders?po=1%26admin%3Dyes%23x"


@pytest.mark.parametrize("value", [None, "", ".", ".."])
def test_a_value_that_would_mean_another_path_is_a_data_error(value: str | None) -> None:
    with pytest.raises(DataError, match=r"\{keys.po\}"):
        fill("/orders/{keys.po}", value)


@pytest.mark.parametrize(
    "path",
    [
        "orders",
        "//evil.example/x",
        "/a/../b",
        "/a b",
        "/a\r\nx",
        "/a#b",
        "/{keys.po",
        "/{}",
        "/{0}",
        "/ä",
        "/{unknown}",
    ],
)
def test_a_malformed_path_is_a_fault(path: str) -> None:
    assert {f.option for f in PathTemplate(path).faults("path", lambda n: n == "keys.po")} == {"path"}


def test_a_sound_path_has_no_faults() -> None:
    assert list(PathTemplate("/orders/{keys.po}?view=full&x=%20").faults("path", lambda n: n == "keys.po")) == []
