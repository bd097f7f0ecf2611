"""Names made from messages and read back: safe whatever the message holds, the same at every try."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waypost.connectors.file_look import Glob, readable_name
from waypost.connectors.file_name import (
    MAX_NAME_BYTES,
    NamePattern,
    NameTemplate,
    extension_of,
    namesakes,
    pattern_faults,
    printable_name,
    safe_name,
    safe_value,
    template_faults,
    temporary_name,
)
from waypost.core.component import Outbound
from waypost.core.errors import ConfigurationRefused, DataError
from waypost.testing.connector_kit import outbound

ANY_TEXT = st.text(st.characters(), max_size=300)


def template(text: str, **more: Any) -> NameTemplate:
    return NameTemplate(text, flow="orders", target="erp", **more)


def message(**changes: Any) -> Outbound:
    return outbound(1, b"{}", **{"received_at": 1_767_225_599_000_000, "content_type": "application/json", **changes})


@pytest.mark.parametrize(
    ("text", "changes", "name"),
    [
        ("{id}{extension}", {}, "01900000-0000-7000-8000-000000000001.json"),
        ("{key}.txt", {"ordering_key": "4711"}, "4711.txt"),
        ("{keys.po}-{flow}.edi", {"keys": {"po": "A/1"}}, "A%2F1-orders.edi"),
        ("{date}.csv", {}, "20251231.csv"),
        ("{date:%Y-%m-%dT%H%M}.csv", {}, "2025-12-31T2359.csv"),
        ("{counter}.x", {"sequence": 7}, "7.x"),
        ("{counter:06d}.x", {"sequence": 7}, "000007.x"),
        ("{target}{extension}", {"content_type": "text/xml; charset=utf-8"}, "erp.xml"),
        ("{keys.po}", {"keys": {"po": "CON"}}, "%43ON"),
        ("{keys.po}", {"keys": {"po": ".ssh"}}, "%2Essh"),
        ("{keys.po}", {"keys": {"po": "a. "}}, "a.%20"),
        ("{keys.po}", {"keys": {"po": "../../etc/cron.d/x"}}, "%2E.%2F..%2Fetc%2Fcron.d%2Fx"),
        ("plain", {}, "plain"),
    ],
)
def test_names_made_by_a_template(text: str, changes: Any, name: str) -> None:
    assert list(template_faults(text)) == []
    assert template(text).name_of(message(**changes)) == name


def test_the_date_is_that_of_the_zone_and_of_the_first_try() -> None:
    made = template("{date}", zone="Asia/Tokyo")
    assert made.name_of(message()) == made.name_of(message(attempt=5)) == "20260101"


def test_names_shared_by_many_messages_change_with_the_day_and_the_type() -> None:
    made = template("{date}{extension}", lines=True)
    names = [
        made.name_of(message(received_at=at, content_type=kind))
        for at in (1_767_225_599_000_000, 1_767_225_600_000_000)
        for kind in ("application/json", "text/csv")
    ]
    assert names == ["20251231.ndjson", "20251231.csv", "20260101.ndjson", "20260101.csv"]


@pytest.mark.parametrize(
    ("text", "changes", "error", "said"),
    [
        ("{key}", {}, DataError, "no ordering key"),
        ("{keys.po}", {"keys": {"so": "1"}}, DataError, "no key 'po'; expected one of its keys: so"),
        ("{keys.po}", {"keys": {"po": ""}}, DataError, "no key 'po'"),
        ("{counter}", {"sequence": 0}, ConfigurationRefused, "has no number"),
    ],
)
def test_a_message_that_lacks_what_the_name_needs_is_refused(text: str, changes: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        template(text).name_of(message(**changes))


@pytest.mark.parametrize("text", ["", "{idd}", "{keys.}", "{id", "id}", "a/{id}", "{counter:x}", "{}", "x\0"])
def test_a_template_that_cannot_work_is_a_fault(text: str) -> None:
    assert list(template_faults(text))


@given(ANY_TEXT)
@example("\ud800")  # half a surrogate pair, as JSON may hold it
def test_no_value_leaves_its_folder_or_looks_like_a_temporary_file(value: str) -> None:
    name = safe_name(safe_value(value))
    raw = name.encode()
    assert 0 < len(raw) <= MAX_NAME_BYTES
    assert os.path.basename(name) == name and name not in (".", "..")
    assert not name.startswith(".") and name[-1] not in ". "
    assert not set(name) & set('\0\n/\\:*?"<>|')
    assert len(temporary_name(name, "key").encode()) <= 255
    assert not readable_name(temporary_name(name, "key"))


@given(ANY_TEXT, ANY_TEXT)
def test_different_values_make_different_names(one: str, other: str) -> None:
    assert (safe_name(safe_value(one)) == safe_name(safe_value(other))) == (one == other)


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text("xyz0189", min_size=1, max_size=5), min_size=2))
def test_keys_written_into_a_name_are_read_back(keys: dict[str, str]) -> None:
    name = template("{keys.a}_{keys.b}.edi").name_of(message(keys=keys))
    assert NamePattern("{a}_{b}.edi").keys_of(name) == keys


@pytest.mark.parametrize(
    ("pattern", "name", "keys"),
    [
        ("{partner}_{po}.edi", "acme_4711.edi", {"partner": "acme", "po": "4711"}),
        ("{partner}_{po}.edi", "acme_west_4711.edi", {"partner": "acme", "po": "west_4711"}),
        ("{partner}-*.csv", "acme-20260101.csv", {"partner": "acme"}),
        ("{partner}_{po}.edi", "acme.edi", {}),
        ("a.b{x}", "aXb1", {}),
    ],
)
def test_keys_read_from_a_name(pattern: str, name: str, keys: dict[str, str]) -> None:
    assert list(pattern_faults(pattern)) == []
    assert NamePattern(pattern).keys_of(name) == keys


@pytest.mark.parametrize("pattern", ["plain", "{Po}", "{a}{a}", "{}", "{a.b}"])
def test_a_pattern_that_cannot_work_is_a_fault(pattern: str) -> None:
    assert list(pattern_faults(pattern))


@pytest.mark.parametrize(
    ("pattern", "folder", "fits", "fits_not"),
    [
        ("in/*.edi", "in", ["a.edi", "*.edi"], ["a.edix", "x/a.edi", "aXedi"]),
        ("/data/in/a?.[ct]sv", "/data/in", ["a1.csv", "ab.tsv"], ["a.csv", "a12.csv", "a1.xsv"]),
        ("in/[!a]*", "in", ["b", "bc"], ["a", "ab"]),
        ("in/*/new/*.x", "in", ["acme/new/1.x"], ["new/1.x", "acme/old/1.x", "a/b/new/1.x"]),
        ("in/**/*.x", "in", ["1.x", "a/1.x", "a/b/1.x"], ["a/1.y"]),
        ("in/one.txt", "in", ["one.txt"], ["two.txt", "oneXtxt"]),
        ("*.txt", ".", ["a.txt"], ["a/b.txt"]),
        ("in/a+(b)*", "in", ["a+(b)c"], ["aab"]),
    ],
)
def test_globs(pattern: str, folder: str, fits: list[str], fits_not: list[str]) -> None:
    glob = Glob(pattern)
    assert glob.folder == folder
    assert [name for name in fits if not glob.matches(name)] == []
    assert [name for name in fits_not if glob.matches(name)] == []


def test_a_glob_enters_only_folders_that_can_hold_a_match() -> None:
    assert [name for name in ("acme", "acme/new", "acme/old", "acme/new/x") if Glob("in/*/new/*.x").enters(name)] == [
        "acme", "acme/new",
    ]  # fmt: skip
    assert Glob("in/**/*.x").enters("a/b/c") and not Glob("in/*.x").enters("a")


@pytest.mark.parametrize("name", [".a.edi", "a.edi.tmp", "a.EDI.PART", "a.filepart", ".a.edi.0f.tmp"])
def test_unfinished_files_are_known_by_their_names(name: str) -> None:
    assert not readable_name(name)


def test_a_name_that_is_not_utf8_can_be_stored() -> None:
    assert printable_name(os.fsdecode(b"gr\xfc\xdfe.csv")) == "gr\\xfc\\xdfe.csv"
    assert printable_name("grüße.csv") == "grüße.csv"


def test_small_things() -> None:
    assert extension_of("image/unheard-of") == ".bin"
    assert namesakes("/done/a", "m") == ["/done/a", "/done/a~m", "/done/a~m-2", "/done/a~m-3"]
