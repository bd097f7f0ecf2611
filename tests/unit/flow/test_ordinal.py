"""Ordinals of outputs: by place, kept, told apart, and bounded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from waypost.core.errors import BugError
from waypost.flow.batch.compiled import Out, Processed
from waypost.flow.batch.load import Decoded, produced_record
from waypost.flow.batch.ordinal import MOST, MOST_ROWS, nothing_known, number, question_number, recorded_numbers
from waypost.store.record import NO_TARGET, OUT_ROW, Produced, State

ERP, LOG = 0, 1


def out(path: tuple[int, ...], target: int = ERP, index: int = 0) -> Out:
    return Out(index, target, 0, State.OPEN if target != NO_TARGET else State.DEAD, path=path)


def numbered(*outs: Out, known: object = None) -> list[int]:
    assert number(outs, known or nothing_known()) == {}  # type: ignore[arg-type]
    return [made.ordinal for made in outs]


def produced(*outs: Out, paths: bool = True) -> Produced:
    rows = b"".join(OUT_ROW.pack(o.index, o.target, o.ordinal, o.state, o.digest) for o in outs)
    return Produced(1, ("erp", "log"), rows, paths=tuple(o.path for o in outs) if paths else ())


@pytest.mark.parametrize(
    ("outs", "expected"),
    [
        ([out(()), out((), LOG)], [0, 0]),  # one message to two targets
        ([out((0,)), out((1,), LOG), out((2,))], [0, 1, 2]),  # whatever target a sibling went to
        ([out((0,), NO_TARGET), out((1,))], [0, 1]),  # a child that failed takes up its number
        ([out((2,)), out((0,)), out((1,))], [2, 0, 1]),  # in whatever order they arrive
        ([out((0, 0)), out((0, 1)), out((1, 0))], [0, 1, 2]),  # split twice
        ([out(()), out(()), out((), LOG)], [0, 1, 0]),  # a copy and its message to one target
        ([out((0,)), out((0,)), out((1,))], [0, 1, 2]),  # the same of a child
        ([out((0,)), out((0,), index=1)], [0, 0]),  # each message counts for itself
    ],
)
def test_the_ordinal_is_the_rank_of_the_place(outs: list[Out], expected: list[int]) -> None:
    assert numbered(*outs) == expected


def test_what_has_a_number_keeps_it_and_the_rest_comes_after() -> None:
    first = [out((0,), NO_TARGET), out((1, 0)), out((1, 1))]
    numbered(*first)
    again = [out((0, 0)), out((0, 1)), out((1, 0)), out((1, 1))]
    known = recorded_numbers([produced(*first)])
    assert numbered(*again, known=known) == [3, 4, 1, 2]
    later = [out((0, 0)), out((0, 1)), out((1, 0)), out((1, 1))]
    both = recorded_numbers([produced(*first), produced(*again)])
    assert numbered(*later, known=both) == [3, 4, 1, 2]


def test_numbers_of_a_message_of_which_nothing_went_out_bind_nobody() -> None:
    failed = out((), NO_TARGET)
    known = recorded_numbers([produced(failed, out((0,), index=1))])
    assert numbered(out((0,)), out((1,)), known=known) == [0, 1]


def test_a_store_without_paths_counts_as_outputs_came() -> None:
    """A routed split: both children were number 0 of their targets, and their keys have said so ever since."""
    known = recorded_numbers([produced(out((0,)), out((1,), LOG), paths=False)])
    assert known == {0: None}
    assert numbered(out((0,)), out((1,), LOG), out((2,)), known=known) == [0, 0, 1]


def test_more_parts_than_a_number_can_count_are_refused() -> None:
    outs = [out((place,)) for place in range(MOST + 2)]
    assert number(outs, {}) == {0: "found more than 65536 parts of one message"}
    assert number(outs[:-1], {}) == {}
    assert outs[MOST].ordinal == MOST


def test_more_outputs_than_a_batch_has_rows_for_are_refused_message_by_message() -> None:
    outs = [out((place,), index=index) for index in range(3) for place in range(4)]
    refused = number(outs, {}, room=9)
    assert list(refused) == [2]
    assert "accepted together" in refused[2]


def test_a_full_batch_takes_no_further_outputs() -> None:
    """Rows beyond would be taken for those of the next batch."""
    flow: Any = SimpleNamespace(name="orders", target_names=("erp",), targets=())
    decoded = Decoded(0, 0, [], [], [], [], {})
    assert produced_record(flow, decoded, Processed([out(())]), 1, MOST_ROWS - 1).first_row == MOST_ROWS - 1
    with pytest.raises(BugError, match="batch 1 has no room for more outputs; replay the message"):
        produced_record(flow, decoded, Processed([out(())]), 1, MOST_ROWS)


def test_no_two_children_ask_the_same_question_number() -> None:
    paths = [(), *((n,) for n in range(1, 50)), *((n, m) for n in range(20) for m in range(20)), (0, 0, 0)]
    numbers = [question_number(path) for path in paths]
    assert len(set(numbers)) == len(paths)
    assert max(numbers) < 1 << 63
    assert question_number((7,)) == 7
