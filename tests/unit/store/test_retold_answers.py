"""A key found in an answer still finds its message after the batch was carried out of its segment."""

from __future__ import annotations

from waypost.store import record as r
from waypost.store.chunk import pack
from waypost.store.derived import CommittedGroup
from waypost.store.index import SearchIndex
from waypost.store.index_removal import IndexRemoval
from waypost.store.protocol import Location, Query, StoredBatch
from waypost.store.retelling import told_again
from waypost.store.search import ShardSearch

STATES = (r.State.DELIVERED, r.State.PARKED)


def test_a_key_of_an_answer_is_found_after_the_segment_of_the_answer_is_gone(tmp_path):
    accepted = r.Accepted(1, "orders", "v1", (1 << 64).to_bytes(16, "big"), 2, 1000, pack([b"a", b"b"]))
    rows = b"".join(r.OUT_ROW.pack(n, 0, 0, r.State.OPEN, bytes(16)) for n in range(2))
    produced = r.Produced(1, ("erp",), rows)
    answered = r.Delivered(r.pack_refs([r.ref_of(1, 0)]), 1001, 1, keys=(("sales_order", 0, "SO-77"),))
    index = SearchIndex(tmp_path / "index.db", b"s" * 32)
    index.apply(group(1, [accepted, produced, answered]))
    index.flush()
    index.apply(group(2, told_again(StoredBatch(accepted, [], [produced]), STATES, [answered])))
    index.flush()
    removal = IndexRemoval(tmp_path / "index.db")
    removal.forget([2])
    removal.close()
    query = Query(key=("sales_order", "so-77"))
    assert [hit.index for hit in ShardSearch(index).hits(query)] == [0]
    index.close()


def group(segment, records):
    return CommittedGroup([(Location(segment, 64, 32 + n), one) for n, one in enumerate(records)], (segment, 999), 900)
