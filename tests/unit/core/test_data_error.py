"""Data errors carry a code of their own and machine-readable details."""

from __future__ import annotations

import pickle

from waypost.core.errors import DataError


def test_a_data_error_without_a_code_says_data() -> None:
    assert DataError("found").code == "data"


def test_a_data_error_names_its_own_code_and_details_and_survives_pickling() -> None:
    error = DataError("odd", where="byte 3", code="json-syntax", details=[{"offset": 3}])
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.details, str(copy)) == ("json-syntax", ({"offset": 3},), "byte 3: odd")
    assert DataError.code == "data"
