"""A program of the project, in any language, asked over its standard input and output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Request, Result, Split
from waypost.core.errors import ContractError, DataError, Fault
from waypost.core.grants import Grants
from waypost.core.message import Message, id_text
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, OptionFault, ProjectPath, Size
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.steps.program_pool import ProgramPool, ProgramSettings

_DROPPED = Dropped("the program answered nothing")
_SECONDS, _MEMORY, _ANSWER = Duration(30), Size(512 << 20), Size(16 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramOptions:
    command: Annotated[
        tuple[str, ...],
        Option("The program and its arguments; found by its whole path or in /usr/local/bin, /usr/bin and /bin.",
               example=["/usr/bin/node", "steps/discount.js"]),
    ]  # fmt: skip
    files: Annotated[
        tuple[ProjectPath, ...],
        Option("Files of the project the program is given, below its working directory.", example=["steps/price.pl"]),
    ] = ()
    frames: Annotated[
        Literal["lines", "lengths"], Option("A frame is a line of JSON, or four bytes of length and JSON.")
    ] = "lines"
    processes: Annotated[int, Option("How many of it run at once, in each worker.", minimum=1, maximum=64)] = 1
    seconds: Annotated[Duration, Option("What one answer may take; the process is killed then.", minimum=0.01)] = (
        _SECONDS
    )
    memory_bytes: Annotated[Size, Option("What a process may hold; it is killed beyond that.", minimum=1 << 20)] = (
        _MEMORY
    )
    answer_bytes: Annotated[Size, Option("The largest answer; the process is killed beyond that.", minimum=64)] = (
        _ANSWER
    )
    environment: Annotated[
        dict[str, str], Option("Variables it is given; of the worker's own it has none.", example={"MODE": "strict"})
    ] = field(default_factory=dict)
    network: Annotated[bool, Option("Whether it may use the network, where the kernel can keep it from that.")] = False

    def faults(self) -> Iterator[OptionFault]:
        if not self.command or not self.command[0]:
            yield OptionFault("command", "nothing to run", "a program and its arguments")


@registry.register(
    "step", "program", options=ProgramOptions, traits=StepTraits(asks="program", splits=True), shorthand="command",
    example="{command: [/usr/bin/python3, steps/price.py], files: [steps/price.py]}",
)  # fmt: skip
class Program:
    """Ask a program, in any language, what becomes of each message.

    It reads frames from its standard input and writes one answer for each, in order. A frame is a line of JSON, or four
    bytes of length (big-endian) and JSON: `{"id": …, "received_at": …, "headers": {…}, "body": …}`. The answer has one
    of `body`, the new body; `bodies`, to make each a message; `drop`, a reason to end the message; `error`, why it is
    refused: a dead letter. `class` beside `error` may be `transient`: the message is asked about again later.

    What it does is an effect: each answer is recorded, and showing or replaying the message asks it nothing. A program
    that ends, hangs, holds too much or breaks the protocol is killed with all it started and started anew, and the
    message is asked about again later (a crash), or parks (the other three). What it writes to standard error is in
    the text of that failure, up to 2,000 characters.

    It runs in an empty directory of its own with the files named, and with the environment named. It may read the
    system and write its directory; where the kernel can (Landlock), it may read and write nothing else of the disk and
    has no network. It sees other processes of the same user, as any program does: run nobody's code you would not run
    yourself.
    """

    def __init__(self, options: ProgramOptions, grants: Grants) -> None:
        self._name = grants.name or "program"
        self._where = f"step {self._name}: {options.command[0]}"
        self._settings = ProgramSettings(
            command=options.command, frames=options.frames, processes=options.processes, seconds=options.seconds,
            memory_bytes=options.memory_bytes, answer_bytes=options.answer_bytes, network=options.network,
            environment=dict(options.environment), files=_files(options, grants), where=self._where,
        )  # fmt: skip

    def requester(self) -> ProgramPool:
        """What asks the program; its processes start with the first question."""
        return ProgramPool(self._settings)

    def request(self, batch: Sequence[Message]) -> Sequence[Request | Failed | None]:
        return [
            Request(parameters={
                "id": id_text(message.id) if len(message.id) == 16 else "", "received_at": message.received_at,
                "headers": dict(message.headers), "body": message.body,
            }) if not isinstance(message.body, bytes)
            else Failed(DataError("the message is bytes", where=self._where, expected="a document or a text",
                                  remedy="give the flow a format", code="program"))
            for message in batch
        ]  # fmt: skip

    def process_answered(self, batch: Sequence[Message], answers: Sequence[Any]) -> Sequence[Result]:
        return [self._become(message, answer) for message, answer in zip(batch, answers, strict=True)]

    def _become(self, message: Message, answer: Any) -> Result:
        if not isinstance(answer, dict):
            return _DROPPED
        if "error" in answer:
            return Failed(ContractError(str(answer["error"])[:1000], where=self._where))
        if "drop" in answer:
            return Dropped(str(answer["drop"])[:500] or "the program ended it")
        if isinstance(answer.get("bodies"), list):
            return Split(tuple(message.derive(self._name, at, body) for at, body in enumerate(answer["bodies"])))
        return message.with_body(answer.get("body"))

    @staticmethod
    def lint(
        options: ProgramOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Whether the program is there; nothing of it is run."""
        settings = ProgramSettings(command=options.command)
        if settings.executable():
            return []
        found = f"there is no program {options.command[0]!r}"
        return [file.fault((*path, "command"), "program", found, "a whole path, or a name in /usr/bin", "install it")]


def _files(options: ProgramOptions, grants: Grants) -> dict[str, bytes]:
    if not options.files:
        return {}
    from waypost.steps.file import reader

    read = reader(grants)
    return {str(name): read(name) for name in options.files}
