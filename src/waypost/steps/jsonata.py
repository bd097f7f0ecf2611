"""Message Translator: an expression of JSONata turns each message into another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from waypost.core.component import Dropped, Failed, Result
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, OptionFault, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.jsonata.error import JsonataError
from waypost.mapping.jsonata.expression import Jsonata
from waypost.mapping.jsonata.value import NOTHING
from waypost.steps.file import reader

_NOTHING = Dropped("the expression gave nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonataOptions:
    file: Annotated[ProjectPath | None, Option("The file that holds the expression.", example="maps/order.jsonata")] = (
        None
    )
    text: Annotated[str | None, Option("The expression itself, in place of a file.", example="{'id': number}")] = None

    def faults(self) -> list[OptionFault]:
        if (self.file is None) == (self.text is None):
            return [OptionFault("file", "both `file` and `text`, or none of them", "one of the two")]
        return []


@registry.register(
    "step",
    "jsonata",
    options=JsonataOptions,
    traits=StepTraits(),
    shorthand="file",
    example="{text: '{\"id\": number}'}",
)
class JsonataStep:
    """Translate the message by an expression of JSONata.

    Numbers that are computed with are doubles, as the language has them; a decimal of the message that is passed on as
    it is stays exact. ``$now()`` and ``$millis()`` give when the message was received, ``$random()`` and ``$shuffle()``
    the same for the same message. An expression that gives nothing ends the message. Steps, depth and size are bounded;
    regular expressions are RE2's: no look-around, no back-references.
    """

    def __init__(self, options: JsonataOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        source = options.text if options.file is None else _text(options.file, reader(grants), faults)
        compiled = None if source is None else _compiled(source, options.file or "jsonata", faults)
        if compiled is None or source is None:
            raise ProjectError(faults)
        self._expression, self._source, self._where = compiled, source, str(options.file or "jsonata")

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._translate(message) for message in batch]

    def _translate(self, message: Message) -> Result:
        seed = int.from_bytes(message.id) if isinstance(message.id, bytes) else hash(message.id)
        try:
            body = self._expression.evaluate(message.body, now=message.received_at // 1000, seed=seed)
        except JsonataError as error:
            line = f":{_line(self._source, error.position)}" if error.position >= 0 else ""
            remedy = "correct the message or the expression"
            return Failed(DataError(str(error), where=f"{self._where}{line}", remedy=remedy, code="jsonata"))
        return _NOTHING if body is NOTHING else message.with_body(body)

    @staticmethod
    def lint(
        options: JsonataOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """The first fault of the expression's syntax, with its line."""
        faults: list[Fault] = []
        if options.file is not None:
            source = _text(options.file, read, faults)
            if source is not None:
                _compiled(source, options.file, faults)
        elif options.text is not None:
            try:
                Jsonata(options.text)
            except JsonataError as error:
                faults.append(file.fault((*path, "text"), "jsonata", str(error), "an expression of JSONata"))
        return faults


def _text(name: str, read: Callable[[str], bytes], faults: list[Fault]) -> str | None:
    try:
        return read(name).decode("utf-8")
    except (OSError, LookupError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
    except UnicodeDecodeError as error:
        faults.append(Fault(name, 0, "jsonata", f"byte {error.start} is no UTF-8", "a text in UTF-8"))
    return None


def _compiled(source: str, name: str, faults: list[Fault]) -> Jsonata | None:
    try:
        return Jsonata(source)
    except JsonataError as error:
        faults.append(Fault(name, _line(source, error.position), "jsonata", str(error), "an expression of JSONata"))
        return None


def _line(source: str, position: int) -> int:
    return source.count("\n", 0, max(position, 0)) + 1
