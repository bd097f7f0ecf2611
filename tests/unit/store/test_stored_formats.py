"""Stores written by every released format open, and hold what was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.golden.stores.written import LARGE_BODY, RECORDS, records_of
from tests.unit.store.memory import limits, store
from waypost.store.chunk import unpack
from waypost.store.record import FORMAT_VERSION, AnyRecord, Closed, Opened

STORES = Path(__file__).parent.parent.parent / "golden" / "stores"
FORMATS = sorted(path.name for path in STORES.iterdir() if path.name.isdigit())


def test_there_is_a_stored_store_of_the_current_format():
    assert str(FORMAT_VERSION) in FORMATS


@pytest.mark.parametrize("version", FORMATS)
async def test_a_store_of_an_old_format_opens_with_all_it_holds(tmp_path, version):
    folder = tmp_path / "store"
    shutil.copytree(STORES / version, folder)
    shard = await store(folder, limits=limits(cache_bytes=0)).open_shard(0, 1)
    found = [record for _, record in shard.state.records if not isinstance(record, Opened | Closed)]
    expected = [record for records in records_of(int(version)) for record in records]
    assert found[:-1] == expected[:-1]
    assert [type(record) for record in found] == [type(record) for record in expected]
    assert len(shard.journal.segments()) > 3
    assert unpack((await shard.read_batch(shard.state.batch(2))).accepted.bodies) == [LARGE_BODY]
    await shard.close()


def test_every_kind_of_record_is_in_the_stored_store():
    kinds = {type(record) for records in RECORDS for record in records} | {Opened, Closed}
    assert kinds == set(AnyRecord.__args__)
