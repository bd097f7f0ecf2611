"""Records are compressed and encrypted one by one, and say how."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.memory import MemoryFolds, accepted, limits, store
from waypost.core.errors import StoreDamaged, StoreError
from waypost.store.chunk import unpack
from waypost.store.codec import RAW, ZSTD, Codec
from waypost.store.record import Accepted


class Xor:
    """A cipher that shows: the first byte is the key it was sealed with."""

    def __init__(self, key: int) -> None:
        self.key = key

    def seal(self, data: bytes) -> bytes:
        return bytes([self.key]) + bytes(b ^ self.key for b in data)

    def open(self, key: int, data: bytes) -> bytes:
        if key != self.key or data[0] != key:
            raise ValueError("no such key")
        return bytes(b ^ key for b in data[1:])


@given(st.binary(max_size=2000), st.booleans(), st.booleans())
def test_what_was_sealed_opens_to_the_same_bytes(data, compress, encrypt):
    codec = Codec(Xor(7) if encrypt else None, compress=compress)
    how, key, sealed = codec.seal(data)
    assert codec.open(how, key, sealed, "here") == data
    assert key == (7 if encrypt else 0)


def test_only_what_gets_smaller_is_compressed():
    codec = Codec(compress=True)
    assert codec.seal(b"a" * 1000)[0] == ZSTD
    assert codec.seal(b"a" * 10)[0] == RAW
    assert codec.seal(bytes(range(256)) * 2)[0] == ZSTD
    assert codec.seal(bytes(range(256)))[0] == RAW


def test_compressed_bytes_that_are_not_whole_are_damage():
    how, key, sealed = Codec(compress=True).seal(b"a" * 1000)
    with pytest.raises(StoreDamaged, match="here: compressed bytes that cannot be read"):
        Codec().open(how, key, sealed[:-3], "here")


def test_a_codec_of_later_is_refused():
    with pytest.raises(StoreError, match="codec 9; expected codec 0 or 1"):
        Codec().open(9, 0, b"", "here")


def test_a_missing_compressor_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(StoreError, match=r"pip install 'waypost\[zstd\]'"):
        Codec(compress=True)


@pytest.mark.parametrize("compress", [False, True])
async def test_a_store_reads_its_records_whatever_they_were_written_with(tmp_path, compress):
    bodies = [b"secret " * 100, b"S" * 300_000]
    shard = await store(tmp_path, codec=Codec(Xor(5), compress=compress)).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq(), bodies)])
    await shard.close()
    for path in [*tmp_path.rglob("*.seg"), *tmp_path.rglob("chunks/*")]:
        assert b"secret" not in path.read_bytes()
    shard = await store(tmp_path, codec=Codec(Xor(5)), limits=limits(cache_bytes=0)).open_shard(0, 1)
    assert unpack((await shard.read_batch(shard.state.batch(1))).accepted.bodies) == bodies
    await shard.close()


async def test_turning_compression_on_leaves_what_is_stored_readable(tmp_path):
    for seq, codec in enumerate([Codec(), Codec(compress=True), Codec()], 1):
        shard = await store(tmp_path, codec=codec, folds=MemoryFolds()).open_shard(0, 1)
        await shard.append([accepted(shard.next_seq(), [b"a" * 5000])])
        assert shard.state.of(Accepted) == [accepted(n, [b"a" * 5000]) for n in range(1, seq + 1)]
        await shard.close()


@pytest.mark.parametrize(
    ("codec", "found"), [(Codec(), "encrypted with key 5"), (Codec(Xor(6)), "encrypted with key 5, which does not")]
)
async def test_a_wrong_or_missing_key_is_told_apart_from_damage(tmp_path, codec, found):
    shard = await store(tmp_path, codec=Codec(Xor(5))).open_shard(0, 1)
    await shard.append([accepted(shard.next_seq())])
    await shard.close()
    with pytest.raises(StoreError, match=found) as refused:
        await store(tmp_path, codec=codec).open_shard(0, 1)
    assert not isinstance(refused.value, StoreDamaged)
    shard = await store(tmp_path, codec=Codec(Xor(5))).open_shard(0, 1)
    await shard.close()
