"""Records as a shard would write them, small and predictable, for tests of stores."""

from __future__ import annotations

from waypost.store.chunk import pack
from waypost.store.record import (
    ORDER_ROW,
    OUT_ROW,
    Accepted,
    Delivered,
    DeliveryFailed,
    Produced,
    State,
    pack_refs,
    ref_of,
)


def first_id(seq: int, shard: int = 0) -> bytes:
    """Ids that rise with ``seq``, in blocks."""
    return ((1_700_000_000_000 + seq) << 80 | 7 << 76 | shard << 64 | 2 << 62).to_bytes(16, "big")


def id_of(seq: int, index: int = 0, shard: int = 0) -> bytes:
    """The id of a message of ``accepted``."""
    return (int.from_bytes(first_id(seq, shard), "big") + index).to_bytes(16, "big")


def accepted(seq: int, bodies: list[bytes] | int = 3, *, shard: int = 0, **more: object) -> Accepted:
    """A batch of flow ``orders``; message i of batch s has the key po = ``S<s>-<i>``."""
    if isinstance(bodies, int):
        bodies = [f"body {seq}.{i}".encode() for i in range(bodies)]
    keys = (("po", tuple((f"S{seq}-{i}",) for i in range(len(bodies)))),)
    order = b"".join(ORDER_ROW.pack(1 + i) for i in range(len(bodies)))
    given: dict[str, object] = {"keys": keys, "order": order, "flow": "orders", "at": 1000 + seq, **more}
    return Accepted(
        seq=seq, version="v1", first_id=first_id(seq, shard), count=len(bodies), bodies=pack(bodies),
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


def produced(seq: int, states: list[State] | int = 3, **more: object) -> Produced:
    """One output per message to ``erp``."""
    if isinstance(states, int):
        states = [State.OPEN] * states
    rows = b"".join(OUT_ROW.pack(i, 0, 0, state, bytes(16)) for i, state in enumerate(states))
    return Produced(seq, ("erp",), rows, **more)  # type: ignore[arg-type]


def delivered(seq: int, *rows: int, **more: object) -> Delivered:
    """One send of some outputs, or of the first three."""
    refs = pack_refs([ref_of(seq, row) for row in rows or (0, 1, 2)])
    return Delivered(refs, 5000, 10, **more)  # type: ignore[arg-type]


def failed(seq: int, row: int, state: State, attempt: int = 1) -> DeliveryFailed:
    """One output that was not taken."""
    return DeliveryFailed(ref_of(seq, row), 6000, attempt, state, 7000, "transient", "http-503", "no answer")
