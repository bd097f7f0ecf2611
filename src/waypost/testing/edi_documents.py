"""EDI documents for property tests: Hypothesis strategies of whole interchanges that follow a schema.

``interchanges("x12/004010/850")`` are valid by that schema; ``almost_valid`` have one planted fault and say which.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import assume
from hypothesis import strategies as st

from waypost.formats.edi.generate import FAULTS, Plan, Planted, generate
from waypost.formats.edi.generate.message import CannotMake
from waypost.formats.edi.schema.load import library
from waypost.formats.edi.schema.model import Schema


def schema_called(name: str, folders: tuple[Path, ...] = ()) -> Schema:
    """The schema called ``name``. Raises ``ValueError`` where there is none."""
    schema = library(*folders).schema(name)
    if schema is None:
        raise ValueError(f"no schema {name!r}")
    return schema


@st.composite
def interchanges(draw: st.DrawFn, name: str, *, most: int = 3, folders: tuple[Path, ...] = ()) -> bytes:
    """Interchanges of one to ``most`` messages that the schema accepts; smaller ones first."""
    plan = Plan(seed=draw(st.integers(0, 2**32)), count=draw(st.integers(1, most)),
                density=draw(st.sampled_from([0.0, 0.1, 0.3])), lines=draw(st.integers(1, 5)))  # fmt: skip
    return b"".join(generate(schema_called(name, folders), plan))


@st.composite
def almost_valid(
    draw: st.DrawFn, name: str, *, kinds: tuple[str, ...] = FAULTS, folders: tuple[Path, ...] = ()
) -> tuple[bytes, Planted]:
    """An interchange of one message with one fault, and what an acknowledgement has to say of it."""
    plan = Plan(seed=draw(st.integers(0, 2**32)), faults=1, kind=draw(st.sampled_from(kinds)))
    try:
        content = b"".join(generate(schema_called(name, folders), plan))
    except CannotMake:
        assume(False)
        raise
    return content, plan.planted[0]
