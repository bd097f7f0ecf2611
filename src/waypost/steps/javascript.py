"""Message Translator: a JavaScript function turns each message into another."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from waypost.core.component import Dropped, Failed, Result, Split
from waypost.core.errors import BugError, ConfigurationRefused, DataError, Fault, ProjectError, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Size
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.steps.companion import Companion
from waypost.steps.file import reader

_DROPPED = Dropped("the function returned nothing")
_SECONDS, _MEMORY = Duration(2), Size(64 << 20)
_PROCESS_BYTES = 96 << 20
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_REFUSED = "WaypostRefusal: "
PRELUDE = """
(function () {
  "use strict";
  const now = globalThis.__now, body = JSON.parse(globalThis.__body), stringify = JSON.stringify;
  let a = globalThis.__seed >>> 0;
  delete globalThis.__now; delete globalThis.__body; delete globalThis.__seed;
  Math.random = function random() {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const Clock = Date;
  function FixedDate(...given) {
    if (!new.target) return new Clock(now).toString();
    return Reflect.construct(Clock, given.length ? given : [now], new.target);
  }
  FixedDate.now = function () { return now; };
  FixedDate.UTC = Clock.UTC; FixedDate.parse = Clock.parse; FixedDate.prototype = Clock.prototype;
  Clock.prototype.constructor = FixedDate;
  globalThis.Date = FixedDate;
  for (const name of ["performance", "WeakRef", "FinalizationRegistry", "Atomics", "SharedArrayBuffer",
                      "queueMicrotask"]) delete globalThis[name];
  globalThis.refuse = function refuse(text) { const e = new Error(String(text)); e.name = "WaypostRefusal"; throw e; };
  function finite(key, value) {
    if (typeof value === "number" && value - value !== 0) throw new RangeError(key + " is " + value);
    return value;
  }
  return function (name) {
    const made = globalThis[name](body, new Clock(now).toISOString());
    if (made && typeof made.then === "function") throw new TypeError(name + " returned a promise");
    return made === undefined || made === null ? null : stringify(made, finite);
  };
})()
"""
"""What a program finds instead of clock and chance: both come from the message alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JavascriptOptions:
    file: Annotated[ProjectPath | None, Option("The file that holds the function.", example="steps/discount.js")] = None
    text: Annotated[
        str | None, Option("The program itself, in place of a file.", example="function process(o) { return o }")
    ] = None
    function: Annotated[str, Option("The name of the function.")] = "process"
    seconds: Annotated[
        Duration, Option("Processor time one message may take; four times that by the clock.", minimum=0.01)
    ] = _SECONDS
    memory_bytes: Annotated[Size, Option("What the program may hold for one message.", minimum=1 << 20)] = _MEMORY

    def faults(self) -> Iterator[OptionFault]:
        if (self.file is None) == (self.text is None):
            yield OptionFault("file", "both `file` and `text`, or none of them", "one of the two")
        if not self.function.isidentifier():
            yield OptionFault("function", f"found {self.function!r}", "a name such as process")


@registry.register(
    "step", "javascript", options=JavascriptOptions, traits=StepTraits(splits=True), shorthand="file",
    example="{text: 'function process(order) { return {id: order.number} }'}", extra="javascript",
)  # fmt: skip
class JavascriptStep:
    """Call a JavaScript function with the body of each message.

    `function process(body, receivedAt)` returns the new body, nothing to end the message, or an array to make each item
    a message. `refuse('why')` makes the message a dead letter; anything else thrown is the function's bug and parks it.

    The program runs in QuickJS, in a process that has given up files, network and new processes. There is no input or
    output of any kind; each message has a realm of its own, so nothing is remembered. The clock stands at the moment
    the message was received, and `Math.random()` gives the same for the same message. A message that takes too long or
    too much memory parks. Numbers are doubles: one with more digits than a double holds is refused; pass it as text.
    """

    def __init__(self, options: JavascriptOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        self._where, self._name = str(options.file or "javascript"), grants.name or "javascript"
        source = options.text if options.file is None else _text(options.file, reader(grants), faults)
        if source is None:
            raise ProjectError(faults)
        self._companion = _companion(options, source, self._where)

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        questions = [self._question(message) for message in batch]
        answers = iter(self._companion.ask([q for q in questions if not isinstance(q, Failed)]))
        return [
            question if isinstance(question, Failed) else self._become(message, next(answers))
            for message, question in zip(batch, questions, strict=True)
        ]

    def _question(self, message: Message) -> Mapping[str, Any] | Failed:
        try:
            body = _encode(_doubles(message.body, "")).decode()
        except (TypeError, ValueError, RecursionError, msgspec.EncodeError) as error:
            return Failed(DataError(f"the message has no form in JSON: {error}"[:300], where=self._where,
                                    expected="a document", code="javascript"))  # fmt: skip
        seed = int.from_bytes(message.id[-4:], "big")
        return {"body": body, "now": float(message.received_at // 1000), "seed": seed}

    def _become(self, message: Message, answer: Mapping[str, Any] | WaypostError) -> Result:
        if isinstance(answer, WaypostError):
            return Failed(answer)
        if "error" in answer:
            return Failed(self._thrown(str(answer["error"])))
        if answer["body"] is None:
            return _DROPPED
        made = _decode(answer["body"])
        if isinstance(made, list):
            return Split(tuple(message.derive(self._name, at, body) for at, body in enumerate(made)))
        return message.with_body(made)

    def _thrown(self, said: str) -> WaypostError:
        text, _, trace = said.strip().partition("\n")
        text = "out of memory" if text == "null" else text
        line = next((part.rpartition("<input>:")[2] for part in trace.splitlines() if "<input>:" in part), "")
        where = f"{self._where}:{line.partition(':')[0]}" if line[:1].isdigit() else self._where
        if text.startswith(_REFUSED):
            return DataError(text.removeprefix(_REFUSED)[:500], where=self._where, code="javascript")
        remedy = "correct the function, or call refuse() where the message is at fault"
        return BugError(text[:500], where=where, remedy=remedy)

    @staticmethod
    def lint(
        options: JavascriptOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What is wrong with the program's syntax; nothing of it is run."""
        faults: list[Fault] = []
        source = options.text if options.file is None else _text(options.file, read, faults)
        if source is None:
            return faults
        companion = _companion(options, source, str(options.file or "javascript"))
        try:
            said = str(companion.start().get("error", ""))
        finally:
            companion.stop()
        if said:
            text, _, trace = said.partition("\n")
            line = trace.rpartition("<input>:")[2].partition(":")[0]
            number = int(line) if line.isdigit() else 0
            where = Fault(str(options.file), number, "javascript", text[:300], "a program in JavaScript")
            faults.append(where if options.file else file.fault((*path, "text"), "javascript", text[:300]))
        return faults


def _companion(options: JavascriptOptions, source: str, where: str) -> Companion:
    if importlib.util.find_spec("quickjs") is None:
        remedy = "pip install 'waypost[javascript]'"
        raise ConfigurationRefused("the javascript step needs python-quickjs-ng", where=where, remedy=remedy)
    setup: Mapping[str, Any] = {
        "program": source, "prelude": PRELUDE, "function": options.function, "memory_bytes": int(options.memory_bytes),
        "seconds": float(options.seconds),
    }  # fmt: skip
    return Companion("javascript", setup, where=where, seconds=float(options.seconds) * 4 + 1,
                     memory_bytes=int(options.memory_bytes) + _PROCESS_BYTES)  # fmt: skip


def _doubles(value: Any, path: str) -> Any:
    """The body, where every number in it is one a double holds. ``ValueError`` names one that is not."""
    if isinstance(value, Mapping):
        return {str(key): _doubles(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_doubles(item, f"{path}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{path.lstrip('.') or 'the message'} is {value}")
    digits = str(abs(value)) if isinstance(value, int) else "".join(map(str, value.as_tuple().digits))
    if len(digits.strip("0")) > 15 and Decimal(repr(float(value))) != Decimal(value):
        raise ValueError(f"{path.lstrip('.')}: {str(value)[:40]} has more digits than a double holds; pass it as text")
    return value


def _text(name: str, read: Callable[[str], bytes], faults: list[Fault]) -> str | None:
    try:
        return read(name).decode("utf-8-sig")
    except (OSError, LookupError, WaypostError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
    except UnicodeDecodeError as error:
        faults.append(Fault(name, 0, "javascript", f"byte {error.start} is no UTF-8", "a text in UTF-8"))
    return None
