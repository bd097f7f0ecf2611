"""The conformance suite of formats: what every ``Format`` must keep, whatever it reads.

A test module inherits ``FormatConformance``, names the format, gives it options, documents and contents, and gets the
cases its traits imply. Needs pytest and Hypothesis.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waypost.core.component import CONTINUED, Format, Slice
from waypost.core.cutting import cut, cut_end, reads_from
from waypost.core.errors import DataError, Fault
from waypost.core.grants import Grants
from waypost.core.registry import registry
from waypost.core.traits import FormatTraits
from waypost.core.yamlfile import parse_yaml

_LIMIT = 1 << 20
_PIECE = 1 << 18
_GROWTH = _PIECE // 3
"""What a framer may grow by over 16 MiB."""
_quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
Framed = tuple[list[Slice], str]
"""The slices of a content, and the text of the refusal that ended it."""


def build_format(name: str, options: str = "{}", files: Mapping[str, bytes] | None = None) -> Format:
    """The registered format ``name`` with its options in YAML, linted as a flow's would be; ``files`` are those of the
    project by their path."""
    component = registry.find("format", name)
    assert component is not None, f"no format {name!r} is registered"
    faults: list[Fault] = []
    file = parse_yaml(options, "options.yaml", faults)
    parsed = component.spec.parse(file, file.data, (), faults)
    assert not faults, "\n".join(map(str, faults))
    made: Format = component.build(parsed, Grants(root=Path("."), read_file=files.__getitem__ if files else None))
    return made


def frame(
    format_: Format, pieces: Sequence[bytes], *, limit: int = _LIMIT, offset: int = 0, context: bytes = b""
) -> Framed:
    """Everything a framer makes of ``pieces``."""
    framer, slices = format_.framer(limit, offset, context), list[Slice]()
    try:
        for cuts in chain(*(cut(framer, piece) for piece in pieces), cut_end(framer)):
            slices.extend(cuts)
    except DataError as refusal:
        return slices, f"{refusal.code}: {refusal}"
    return slices, ""


def decode_all(format_: Format, slices: Sequence[Slice]) -> list[Any]:
    """The document, or the ``DataError``, of each slice; a slice with a fault is its fault's text."""
    return [s.fault or format_.decode([s.data], s.context)[0] for s in slices]


def _continuing(unit: int, slices: Sequence[Slice]) -> list[Slice]:
    """Slices read on behind one of ``unit``, each with its unit said. A framer that begins within a unit cannot know
    where that began; who reads on does, from the position, as a flow's intake."""
    said: list[Slice] = []
    for one in slices:
        unit = unit if one.unit == CONTINUED else one.unit
        said.append(msgspec.structs.replace(one, unit=unit))
    return said


def _cut(content: bytes, sizes: Sequence[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(content):
        size = sizes[turn % len(sizes)]
        pieces.append(content[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


def _described(result: Any) -> Any:
    """A result that compares by value."""
    return (result.code, str(result), result.details) if isinstance(result, DataError) else result


class FormatConformance:
    """Inherit, fill in the class variables, and pytest collects the cases."""

    name: ClassVar[str]
    options: ClassVar[str] = "{}"
    files: ClassVar[Mapping[str, bytes]] = {}
    """Files of the project that the options name."""
    documents: ClassVar[st.SearchStrategy[Any]]
    """Documents that can be written and read back."""
    contents: ClassVar[Sequence[bytes]]
    """Sound contents, several records each where the format has them."""
    broken: ClassVar[Sequence[bytes]]
    """Contents that hold something which must be refused."""
    endless: ClassVar[bytes] = b"x" * 1000
    """Repeated after ``endless_start`` without end, it never completes a record."""
    endless_start: ClassVar[bytes] = b""

    def read_back(self, document: Any) -> Any:
        """What a written document is when it is read again; itself, unless reading adds what writing left out."""
        return document

    def stream(self) -> Iterator[bytes]:
        """Sound content without end, in pieces of any size; records of about 1 KB keep the case quick."""
        while True:
            yield from self.contents

    @pytest.fixture
    def format_(self) -> Format:
        return build_format(self.name, self.options, self.files)

    @property
    def traits(self) -> FormatTraits:
        component = registry.find("format", self.name)
        assert component is not None
        faults: list[Fault] = []
        file = parse_yaml(self.options, "options.yaml", faults)
        traits: FormatTraits = component.traits_of(component.spec.parse(file, file.data, (), faults))
        return traits

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def test_what_is_written_is_read_back(self, format_: Format) -> None:
        if not self.traits.writes:
            pytest.skip("this format only reads")

        @_quick
        @given(document=self.documents)
        def holds(document: Any) -> None:
            (data,) = format_.encode([document])
            assert isinstance(data, bytes), data
            slices, refusal = frame(format_, [data])
            assert not refusal
            assert decode_all(format_, slices) == [self.read_back(document)]

        holds()

    def test_equal_documents_give_equal_bytes_in_any_batch(self, format_: Format) -> None:
        if not self.traits.writes:
            pytest.skip("this format only reads")

        @_quick
        @given(documents=st.lists(self.documents, max_size=4))
        def holds(documents: list[Any]) -> None:
            written = list(format_.encode(documents))
            assert written == [format_.encode([d])[0] for d in documents]
            assert list(reversed(written)) == list(format_.encode(documents[::-1]))

        holds()

    def test_another_process_with_another_hash_seed_writes_the_same_bytes(self, format_: Format) -> None:
        if not self.traits.writes:
            pytest.skip("this format only reads")
        here = [_written(format_, content) for content in self.contents]
        program = (
            "import sys; from waypost.testing.format_kit import _written, build_format;"
            f"f = build_format({self.name!r}, {self.options!r}, {dict(self.files)!r});"
            f"print([_written(f, c) for c in {list(self.contents)!r}])"
        )
        environment = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "LC_ALL": "C",
                       "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
        there = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert there.stdout.decode().strip() == str(here)

    def test_what_has_no_form_is_an_error_in_its_place(self, format_: Format) -> None:
        class Strange:
            pass

        (result,) = format_.encode([Strange()])
        self._assert_explained(result)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def test_sound_contents_have_records_and_no_fault(self, format_: Format) -> None:
        for content in self.contents:
            slices, refusal = frame(format_, [content])
            assert slices and not refusal
            faults = [r for s, r in zip(slices, decode_all(format_, slices), strict=True) if s.fault or _failed(r)]
            assert faults == []

    def test_any_bytes_give_slices_and_data_errors_and_nothing_else(self, format_: Format) -> None:
        @_quick
        @given(content=self._any_content())
        def holds(content: bytes) -> None:
            slices, _ = frame(format_, [content])
            self._assert_cut_from(content, slices, exact=not self._rereads(format_))
            for item in slices:
                (result,) = format_.decode([item.data], item.context)
                if _failed(result):
                    self._assert_explained(result)
            format_.decode([content], content[:40])

        holds()

    def test_the_size_of_the_pieces_does_not_matter(self, format_: Format) -> None:
        @_quick
        @given(content=self._any_content(), sizes=st.lists(st.integers(1, 40), min_size=1), limit=st.integers(1, 500))
        def holds(content: bytes, sizes: list[int], limit: int) -> None:
            for bound in (limit, _LIMIT):
                assert frame(format_, _cut(content, sizes), limit=bound) == frame(format_, [content], limit=bound)

        holds()

    def test_reading_resumes_behind_any_record(self, format_: Format) -> None:
        @_quick
        @given(content=self._any_content())
        def holds(content: bytes) -> None:
            slices, refusal = frame(format_, [content])
            assert all(s.unit != CONTINUED for s in slices), "nothing continues where reading began with the content"
            for number, last in enumerate(slices, 1):
                left = content if self._rereads(format_) else content[last.end :]
                rest, ending = frame(format_, [left], offset=last.end, context=last.context)
                assert (_continuing(last.unit, rest), ending) == (slices[number:], refusal)

        holds()

    def test_a_record_does_not_depend_on_its_neighbours(self, format_: Format) -> None:
        for content in (*self.contents, *self.broken):
            slices, _ = frame(format_, [content])
            for context in {s.context for s in slices}:
                batch = [s.data for s in slices if s.context == context] + [content[:50]]
                alone = [_described(format_.decode([data], context)[0]) for data in batch]
                assert [_described(r) for r in format_.decode(batch, context)] == alone
                assert [_described(r) for r in format_.decode(batch[::-1], context)] == alone[::-1]

    def test_what_is_broken_is_refused_with_place_and_code(self, format_: Format) -> None:
        for content in self.broken:
            slices, refusal = frame(format_, [content])
            results = decode_all(format_, slices)
            refused = [r for r in results if _failed(r)]
            assert refused or refusal or any(s.fault for s in slices), content
            for error in refused:
                self._assert_explained(error)

    # ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_record_without_end_is_refused_before_memory_grows(self, format_: Format) -> None:
        framer = format_.framer(_LIMIT)
        tracemalloc.start()
        try:
            with pytest.raises(DataError) as refusal:
                framer.feed(self.endless_start)
                for _ in range(100 * _LIMIT // len(self.endless)):
                    framer.feed(self.endless)
            assert tracemalloc.get_traced_memory()[1] < 4 * _LIMIT
        finally:
            tracemalloc.stop()
        self._assert_explained(refusal.value)
        with pytest.raises(DataError):
            framer.feed(self.contents[0])
        with pytest.raises(DataError):
            framer.finish()

    def test_memory_stays_flat_over_a_long_stream(self, format_: Format) -> None:
        if not self.traits.streams:
            pytest.skip("this format holds a whole content")
        framer, peaks = format_.framer(_LIMIT), list[int]()
        pieces = _gather(self.stream(), _PIECE)
        tracemalloc.start()
        try:
            for number, piece in enumerate(islice(pieces, 16 * (1 << 20) // _PIECE)):
                records = 0
                for slices in cut(framer, piece):
                    records += len(slices)
                    format_.decode([s.data for s in slices[:5]], slices[0].context if slices else b"")
                assert number == 0 or records
                if number % 20 == 19:
                    peaks.append(tracemalloc.get_traced_memory()[1])
                    gc.collect()  # empties the interpreter's free lists, which fill up without being a leak
                    tracemalloc.reset_peak()
        finally:
            tracemalloc.stop()
        # Other things of the interpreter pass by now and then; what grows stays.
        assert sorted(peaks)[-2] < peaks[0] + _GROWTH and peaks[-1] < peaks[0] + _GROWTH, peaks

    # ── the suite's own tools ────────────────────────────────────────────────────────────────────────────────────

    def _any_content(self) -> st.SearchStrategy[bytes]:
        """Sound and broken contents, whole and with bytes changed, in a row, and bytes of no kind."""
        known = st.sampled_from([*self.contents, *self.broken])
        return st.one_of(known, st.lists(known, max_size=3).map(b"".join), _damaged(known), st.binary(max_size=300))

    @staticmethod
    def _rereads(format_: Format) -> bool:
        """Whether places count in what a content unpacks to."""
        return reads_from(format_.framer(_LIMIT), 1) == 0

    @staticmethod
    def _assert_cut_from(content: bytes, slices: Sequence[Slice], *, exact: bool) -> None:
        for item in slices:
            assert 0 <= item.start < item.end
            assert not exact or content[item.start : item.end] == item.data
        for before, after in pairwise(slices):
            assert before.end <= after.start

    @staticmethod
    def _assert_explained(error: Any) -> None:
        assert isinstance(error, DataError), f"{error!r} is no DataError"
        assert error.where and error.found, f"no place in {error}"
        assert error.code != "data", f"no code of its own: {error}"
        assert len(str(error)) < 2000


def _failed(result: Any) -> bool:
    return isinstance(result, DataError)


def _written(format_: Format, content: bytes) -> list[Any]:
    documents = [d for d in decode_all(format_, frame(format_, [content])[0]) if not _failed(d)]
    return [d if isinstance(d, bytes) else str(d) for d in format_.encode(documents)]


def _damaged(contents: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A content with a few places overwritten, dropped or doubled."""
    edit = st.tuples(st.floats(0, 1), st.integers(0, 4), st.binary(max_size=3))

    def apply(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
        for where, drop, put in edits:
            at = int(where * len(content))
            content = content[:at] + put + content[at + drop :]
        return content

    return st.builds(apply, contents, st.lists(edit, min_size=1, max_size=4))


def _gather(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of about ``size``."""
    held: list[bytes] = []
    held_bytes = 0
    for piece in pieces:
        held.append(piece)
        held_bytes += len(piece)
        if held_bytes >= size:
            yield b"".join(held)
            held, held_bytes = [], 0
