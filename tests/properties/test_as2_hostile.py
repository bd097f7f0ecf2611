"""Whatever comes in as an AS2 message or receipt, the answer is its content or an ``As2Error``."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from waypost.as2.limits import LIMITS
from waypost.as2.mime import canonical_pieces, parse_entity, split_parts, write_multipart
from waypost.core.content import Content
from waypost.testing.as2_fuzz import mutant, read_all, run, sound_messages

SOUND = sound_messages()


def test_sound_messages_are_taken() -> None:
    assert all(read_all(request) >= 2 for request in SOUND), "else the mutants of them prove nothing"


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_no_damage_leads_to_another_exception(seed: int) -> None:
    read_all(mutant(random.Random(seed), SOUND))


@settings(deadline=None)
@given(st.sampled_from(SOUND), st.binary(max_size=300))
def test_no_body_leads_to_another_exception(request: bytes, body: bytes) -> None:
    head, _, _ = request.partition(b"\r\n\r\n")
    read_all(head + b"\r\n\r\n" + body)


def test_a_run_counts_what_it_tried() -> None:
    done = run(0.2, seed=5)
    assert done.defect is None and done.executions > 0 and done.slowest_seconds > 0


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_the_parts_of_a_multipart_come_out_byte_by_byte(parts: list[bytes]) -> None:
    boundary, body = write_multipart(map(Content.of, parts))
    head = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode()
    entity = parse_entity(Content.joined([Content.of(head), body]), LIMITS)
    assert [part.whole() for part in split_parts(entity, LIMITS)] == parts


@given(st.lists(st.binary(max_size=5).map(lambda data: data.translate(bytes(b"\r\na"[n % 3] for n in range(256))))))
def test_the_canonical_form_is_the_same_however_content_is_cut_and_changes_no_more(pieces: list[bytes]) -> None:
    made = b"".join(canonical_pieces(pieces))
    assert made == re.sub(rb"(?<!\r)\n", b"\r\n", b"".join(pieces)) == b"".join(canonical_pieces([made]))
