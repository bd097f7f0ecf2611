"""Named parameters and positions: whatever the text holds, values stay values and order stays order."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.connectors.sql_position import position_of, values_of
from waypost.connectors.sql_sqlite_value import bindable, plain
from waypost.connectors.sql_statement import MOST_ITEMS, NamedQuery, quoted
from waypost.core.errors import ConfigurationRefused, DataError


@pytest.mark.parametrize(
    ("text", "names", "why"),
    [
        ("SELECT :a, :b", {"a", "b"}, "plain"),
        ("SELECT ':a', \":b\", 'it''s :c', :d", {"d"}, "texts and quoted identifiers"),
        ("SELECT 1 -- :a\n, :b /* :c */", {"b"}, "comments"),
        ("SELECT now()::date, :a::int", {"a"}, "casts"),
        ("SELECT $$ :a $$, $x$ :b $x$, :c", {"c"}, "dollar quotes"),
        ("SELECT a[1:2], '12:30'", set(), "slices and times"),
    ],
)
def test_parameters_are_found_where_they_are_parameters(text: str, names: set[str], why: str) -> None:
    assert NamedQuery.of(text).names == names, why


def test_each_use_of_a_parameter_is_a_place_of_its_own() -> None:
    query = NamedQuery.of("SELECT :a + :b WHERE x IN (:c) OR y IN :c OR z = :a;")
    assert query.bind({"a": 1, "b": 2, "c": [3, 4]}, "$") == (
        "SELECT $1 + $2 WHERE x IN ($3, $4) OR y IN ($5, $6) OR z = $7", (1, 2, 3, 4, 3, 4, 1),
    )  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), st.text() | st.lists(st.text(), max_size=3), min_size=3))
def test_no_value_becomes_text_of_the_statement(parameters: dict[str, str | list[str]]) -> None:
    sql, values = NamedQuery.of("SELECT 1 WHERE x = :a OR y IN (:b) OR z IN :c").bind(parameters, "?")
    assert set(sql) <= set("SELECT 1WHERE xyz=?234567890ORIN(),UL")
    assert sql.count("?") == len(values)


@pytest.mark.parametrize("skus", [[0] * (MOST_ITEMS + 1)])
def test_a_list_has_a_bound(skus: list[int]) -> None:
    with pytest.raises(DataError, match="items"):
        NamedQuery.of("SELECT 1 WHERE x IN (:skus)").bind({"skus": skus}, "?")


@pytest.mark.parametrize("name", ['a"b', "a b", "", "1a", "a;b", "a.b.c", "a\0", "a" * 64, "a.", "-"])
def test_what_is_no_identifier_is_never_quoted(name: str) -> None:
    with pytest.raises(ConfigurationRefused, match="no name"):
        quoted(name)


# ── positions ────────────────────────────────────────────────────────────────────────────────────────────────────

_WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]))
_PAIRS = st.tuples(st.integers(-(2**63), 2**63 - 1), _WORDS)


@given(_PAIRS, _PAIRS)
def test_positions_rise_as_numbers_and_texts_do(first: tuple[int, str], second: tuple[int, str]) -> None:
    one, two = (position_of(pair, ["int8", "text"]) for pair in (first, second))
    assert (one < two) == (first < second)
    assert values_of(one) == first


@given(st.tuples(_WORDS, _WORDS), st.tuples(_WORDS, _WORDS))
def test_a_text_that_begins_another_comes_first(first: tuple[str, str], second: tuple[str, str]) -> None:
    one, two = (position_of(pair, ["text", "text"]) for pair in (first, second))
    assert (one < two) == (first < second)


@given(st.datetimes(), st.datetimes())
def test_positions_rise_as_moments_do(first: datetime.datetime, second: datetime.datetime) -> None:
    one, two = (position_of([moment.isoformat()], ["timestamp"]) for moment in (first, second))
    assert (one < two) == (first < second)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(2**63, "numeric"), (Decimal("1.5"), "numeric"), (True, "bool"), ("a\x1fb", "text"), (None, "text"),
     ("infinity", "timestamp"), ("0044-03-15T00:00:00 BC", "timestamp"), ("12026-01-01T00:00:00", "timestamp")],
)  # fmt: skip
def test_what_has_no_order_of_ours_is_refused(value: object, kind: str) -> None:
    with pytest.raises(ConfigurationRefused, match="cannot be ordered"):
        position_of([value], [kind])


# ── values of SQLite ─────────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from(["TEXT", "NUMERIC(12,2)", "REAL", "INT", ""])
)
def test_a_decimal_is_kept_exactly_or_refused(value: Decimal, declared: str) -> None:
    try:
        bound = bindable(value, declared)
    except DataError as error:
        assert error.code == "inexact" and declared not in ("TEXT", "")
    else:
        read = plain(bound, declared)
        assert Decimal(read) == value


@given(st.integers(-(2**70), 2**70), st.sampled_from(["TEXT", "NUMERIC", "REAL", "BIGINT", ""]))
def test_a_whole_number_is_kept_exactly_or_refused(value: int, declared: str) -> None:
    try:
        bound = bindable(value, declared)
    except DataError as error:
        assert error.code == "inexact" and declared not in ("TEXT", "")
    else:
        assert int(float(bound) if declared == "REAL" else bound) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="no number"):
        bindable(value, "NUMERIC")
