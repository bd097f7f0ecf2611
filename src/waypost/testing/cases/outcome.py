"""What came out of a case, and where that is not what was expected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.core.errors import WaypostError
from waypost.core.finding import FIELDS, Finding, is_finding
from waypost.flow.batch.compiled import Processed, failure_state
from waypost.flow.batch.load import Decoded
from waypost.store.record import NO_TARGET, State
from waypost.testing.cases.declared import ErrorOptions, ExpectOptions
from waypost.testing.cases.match import Check, mismatches, shown


@dataclass(slots=True)
class Came:
    """What came out: per target the documents and their bytes, failures with their places, how many were filtered, and
    the document that a map made."""

    targets: dict[str, list[tuple[Any, bytes]]] = field(default_factory=dict)
    errors: list[tuple[str, WaypostError]] = field(default_factory=list)
    filtered: int = 0
    output: Any = None
    notes: list[tuple[str, Finding]] = field(default_factory=list)
    """What steps found in messages that went on."""
    waiting: dict[str, int] = field(default_factory=dict)
    """How many messages wait at the end, by step."""

    def findings(self) -> Iterator[dict[str, str]]:
        """What steps found, errors before notes, each with its step."""
        for place, error in self.errors:
            for detail in getattr(error, "details", ()):
                if is_finding(detail):
                    yield {"step": place, **{name: str(detail.get(name, "")) for name in FIELDS}}
        for step, one in self.notes:
            yield {"step": step, **one.data()}

    def digest(self) -> str:
        """What came out, in few characters: equal where it is the same."""
        parts: list[Any] = [sorted(self.targets), self.filtered, [(place, str(error)) for place, error in self.errors]]
        parts += [[body for _, body in self.targets[name]] for name in sorted(self.targets)]
        parts += [(step, str(one)) for step, one in self.notes]
        return hashlib.blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()

    def add(self, names: Sequence[str], decoded: Decoded, processed: Processed) -> None:
        """What one batch came to; ``names`` are the flow's targets by number."""
        self.errors += [(place, error) for _, place, error in decoded.refused]
        self.errors += [(trouble.place, trouble.error) for trouble in processed.troubles]
        self.notes += [(note.step, one) for note in processed.notes for one in note.findings]
        for out in processed.outs:
            if out.state is State.OPEN and out.message is not None:
                self.targets.setdefault(names[out.target], []).append((out.message.body, out.body))
            elif out.target == NO_TARGET and out.state is State.FILTERED:
                self.filtered += 1


def digest_of(came: Sequence[Came]) -> str:
    """What came out at all moments, in few characters."""
    return " ".join(one.digest() for one in came)


def differences(expect: ExpectOptions, came: Came, check: Check) -> Iterator[str]:
    """Where ``came`` is not what the case says; ``check`` holds a document against a schema of the project."""
    for name in dict.fromkeys([*expect.targets, *came.targets]):
        wanted, got = expect.targets.get(name, ()), came.targets.get(name, [])
        for i in range(max(len(wanted), len(got))):
            yield from _compare(f"{name}[{i}]", wanted[i : i + 1], got[i : i + 1], check)
    if expect.output is not None or came.output is not None:
        for path, text in mismatches(expect.output, came.output, check):
            yield f"output {path}: {text}"
    if came.filtered != expect.filtered:
        yield f"filtered: expected {expect.filtered}, found {came.filtered}"
    if expect.waiting is not None:
        for name in sorted({*expect.waiting, *came.waiting}):
            count, found = expect.waiting.get(name, 0), came.waiting.get(name, 0)
            if count != found:
                yield f"waiting: expected {count} at {name}, found {found}"
    yield from _errors(expect, came)
    yield from _notes(expect.warnings, came)


def _errors(expect: ExpectOptions, came: Came) -> Iterator[str]:
    left = list(came.errors)
    for wanted in expect.errors:
        match = next((e for e in left if _fits(wanted, *e)), None)
        if match is None:
            yield f"errors: expected {_wanted(wanted)}, which did not happen"
        else:
            left.remove(match)
    for place, error in left:
        yield f"errors: not expected at {place}: {error} [{error.code}, {_state(error)}]"


def _notes(wanted: Sequence[ErrorOptions] | None, came: Came) -> Iterator[str]:
    """Notes that were wanted and not made, and others, where a case names its notes."""
    if wanted is None:
        return
    left = list(came.notes)
    for one in wanted:
        match = next((n for n in left if _noted(one, *n)), None)
        if match is None:
            yield f"warnings: expected {_wanted(one)}, which was not noted"
        else:
            left.remove(match)
    for step, noted in left:
        yield f"warnings: not expected at {step}: {noted} [{noted.rule}]"


def _noted(wanted: ErrorOptions, step: str, one: Finding) -> bool:
    return wanted.place in ("", step) and wanted.code in ("", one.rule) and wanted.text in str(one)


def _compare(place: str, wanted: Sequence[Any], got: Sequence[tuple[Any, bytes]], check: Check) -> Iterator[str]:
    if not got:
        yield f"{place}: expected {shown(wanted[0])}, found nothing"
    elif not wanted:
        yield f"{place}: not expected: {shown(got[0][0])}"
    elif isinstance(wanted[0], str):
        text = _text(got[0][1])
        if text.rstrip("\n") != wanted[0].rstrip("\n"):
            yield f"{place}: expected {wanted[0]!r}, found {text!r}"
    else:
        of_bytes = isinstance(wanted[0], Mapping) and list(wanted[0]) == ["$regex"]
        document = _text(got[0][1]) if of_bytes else got[0][0]
        for path, text in mismatches(wanted[0], document, check):
            yield f"{place} {path}: {text}"


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _fits(wanted: ErrorOptions, place: str, error: WaypostError) -> bool:
    known = wanted.place in ("", place) and wanted.code in ("", error.code) and wanted.text in str(error)
    return known and wanted.state in ("", _state(error))


def _state(error: WaypostError) -> str:
    """What becomes of a message that fails so."""
    return failure_state(error.error_class).name.lower()


def _wanted(wanted: ErrorOptions) -> str:
    said = [f"{name} {getattr(wanted, name)!r}" for name in ("place", "code", "text", "state") if getattr(wanted, name)]
    return "an error" + (" with " + ", ".join(said) if said else "")
