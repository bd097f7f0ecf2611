"""What the schemas that come along find: sound documents of each kind, and the same made wrong in one place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.formats.edi_mutants import FAULTS, Bench, Mutant, Tally, tally
from tests.unit.formats.edi_orders import report_on
from tests.unit.formats.edi_samples import SAMPLES, Sample

ROUNDS = 6


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sound_document_is_accepted_without_a_word(sample: Sample) -> None:
    report = report_on(sample.content())
    assert report.accepted and report.errors == []
    assert all(counted.schema.partition("/")[2].startswith(sample.version) for counted in report.sets.values())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_what_is_made_wrong_in_one_place_is_found_named_and_said_once(sample: Sample) -> None:
    whole = Tally()
    for fault in FAULTS:
        whole.add(tally(sample, fault, ROUNDS))
    assert whole.made >= ROUNDS * (len(FAULTS) - 3)
    assert whole.found >= 0.99 * whole.made
    assert whole.right >= 0.90 * whole.made
    assert whole.errors <= 1.1 * whole.found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_kind_of_fault_is_found_and_named(fault: Callable[[Bench], Mutant | None]) -> None:
    whole = Tally()
    for sample in SAMPLES:
        whole.add(tally(sample, fault, ROUNDS))
    assert whole.made >= ROUNDS * 5
    assert whole.found >= 0.99 * whole.made
    assert whole.right >= 0.88 * whole.made
