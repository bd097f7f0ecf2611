"""A Python function of the project as a step."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from waypost.core.component import Dropped, Failed, Result, Split
from waypost.core.errors import BugError, Fault, MessageError, ProjectError, near
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.lineage_step import Opaque, Passing, StepLineage
from waypost.steps.file import reader
from waypost.steps.purity import Source, read_source
from waypost.steps.python_types import type_faults

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DROPPED = Dropped("the function returned nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonOptions:
    file: Annotated[ProjectPath, Option("The file that holds the function.", example="steps/discount.py")]
    function: Annotated[str, Option("The name of the function.")] = "process"
    given: Annotated[
        ProjectPath | None, Option("JSON Schema of the body; the type of `body` must agree.", example="schemas/a.yaml")
    ] = None
    made: Annotated[
        ProjectPath | None, Option("JSON Schema of the result; its type must agree.", example="schemas/b.yaml")
    ] = None


@registry.register(
    "step",
    "python",
    options=PythonOptions,
    traits=StepTraits(splits=True),
    shorthand="file",
    example="{file: steps/discount.py, function: process}",
)
class PythonStep:
    """Call a Python function with the body of each message.

    ``def process(body)`` returns the new body, None to end the message, or a list to make each item a message. It must
    not change ``body``, and must give the same result for the same body at any time: it is run again to show or replay
    a message. ``def process(body, received_at)`` is given when the message was received, in place of a clock. A
    ``DataError`` it raises makes the message a dead letter, anything else is its bug and parks the message.

    With `given` or `made` the function states its types (`def process(body: Order) -> SalesOrder`, each a `TypedDict`
    of the file), and these are held against the schemas before anything runs. `waypost test` runs the cases of such
    flows in a second process with another hash seed; what comes out otherwise fails the case.

    The file is trusted code: it is not confined. A check of its text refuses the usual ways to reach a clock, chance,
    the disk, the network or state that outlives a message (``steps/purity.py`` lists them); it is an aid, no fence.
    """

    def __init__(self, options: PythonOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        source = _checked(options, reader(grants), faults)
        if source is None or faults:
            raise ProjectError(faults)
        self._function, self._file = _load(source, options, faults), str(options.file)
        if faults:
            raise ProjectError(faults)
        self._timed, self._name = source.parameters(options.function) == 2, grants.name or "python"

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._call(message) for message in batch]

    def _call(self, message: Message) -> Result:
        try:
            if self._timed:
                made = self._function(message.body, _EPOCH + timedelta(microseconds=message.received_at))
            else:
                made = self._function(message.body)
        except MessageError as error:
            return Failed(error)
        except Exception as error:  # noqa: BLE001 - whatever the project's code raises is that code's bug
            return Failed(self._bug(error))
        if made is None:
            return _DROPPED
        if _holds_a_set(made):
            found, remedy = "the function returned a set, which has no order", "return sorted(…), or a list"
            return Failed(BugError(found, where=self._file, remedy=remedy))
        if isinstance(made, list):
            return Split(tuple(message.derive(self._name, at, body) for at, body in enumerate(made)))
        return message.with_body(made)

    def _bug(self, error: Exception) -> BugError:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == self._file]
        where = f"{self._file}:{lines[-1]}" if lines else self._file
        remedy = "correct the function, or raise DataError where the message is at fault"
        return BugError(f"{type(error).__name__}: {str(error)[:500]}", where=where, remedy=remedy)

    @staticmethod
    def lint(
        options: PythonOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What the file's text shows; nothing of it is run."""
        faults: list[Fault] = []
        _checked(options, read, faults)
        return faults

    @staticmethod
    def lineage(options: PythonOptions, read: Callable[[str], bytes]) -> StepLineage:
        """A function that plainly returns its body passes it; no other is looked into."""
        source, text = _checked(options, read, []), f"{options.file}:{options.function}"
        if source is not None and source.passes_its_body(options.function):
            return Passing(note=f"returned as it is by {text}, which may refuse it")
        return Opaque(f"python {text}, of all its input", options.file)


def _holds_a_set(made: Any) -> bool:
    """Whether there is a set in a document: it would be written in an order that differs from process to process."""
    waiting, seen = [made], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, set | frozenset):
            return True
        if isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return False


def _checked(options: PythonOptions, read: Callable[[str], bytes], faults: list[Fault]) -> Source | None:
    try:
        data = read(options.file)
    except (OSError, LookupError):
        faults.append(Fault(options.file, 0, "file", "there is no such file in the project"))
        return None
    source = read_source(options.file, data, faults)
    if source is None:
        return None
    count = source.parameters(options.function)
    if count is None:
        known = near(options.function, source.functions) or f"functions: {', '.join(source.functions) or 'none'}"
        faults.append(Fault(options.file, 0, "python", f"no function {options.function!r}", "", known))
    elif count not in (1, 2):
        text = f"{options.function} takes {count} parameters"
        line = source.functions[options.function].lineno
        faults.append(Fault(options.file, line, "python", text, "process(body) or process(body, received_at)"))
    made, given = str(options.made or ""), str(options.given or "")
    if count in (1, 2) and (given or made):
        faults.extend(type_faults(source, options.file, options.function, given, made, read))
    return source


def _load(source: Source, options: PythonOptions, faults: list[Fault]) -> Callable[..., Any]:
    """Run the file once in a namespace of its own."""
    space: dict[str, Any] = {"__name__": "waypost_project_step", "__file__": options.file}
    try:
        exec(compile(source.tree, options.file, "exec", dont_inherit=True), space)
    except Exception as error:  # noqa: BLE001 - the file is the project's; what it raises is reported as its fault
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == options.file]
        text = f"{type(error).__name__}: {str(error)[:300]}"
        faults.append(Fault(options.file, (lines or [0])[-1] or 0, "python", text, "a file that can be loaded"))
    function: Callable[..., Any] = space.get(options.function, lambda body: body)
    return function
