"""Message Translator: a stylesheet of XSLT 1.0 or 3.0 turns each XML message into another text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError, Fault, ProjectError, WaypostError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Duration, Option, ProjectPath, Size
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.steps.file import reader
from waypost.steps.inner_format import format_faults, inner_format, text_of
from waypost.steps.xml_project import library, message_tree, parser, project_tree
from waypost.steps.xslt3 import Stylesheet, Xslt3

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_REMEDY = "correct the stylesheet or the message"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS, _MEMORY = Duration(10), Size(512 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class XsltOptions:
    file: Annotated[ProjectPath, Option("The stylesheet.", example="maps/order.xsl")]
    parameters: Annotated[dict[str, str], Option("Its parameters, each a text.", example={"buyer": "acme"})] = field(
        default_factory=dict
    )
    version: Annotated[
        Literal["1.0", "3.0"], Option("The language: 1.0 by libxslt, or 3.0 by Saxon, which needs the extra `xslt3`.")
    ] = "1.0"
    document: Annotated[
        Any, Option("How a document is written to be translated; a text is taken as it is.", advanced=True)
    ] = "xml"
    seconds: Annotated[
        Duration, Option("What one message may take in 3.0; the process is killed then, and started anew.", minimum=0.1)
    ] = _SECONDS
    memory_bytes: Annotated[
        Size, Option("What the process of 3.0 may hold; it is killed beyond that.", minimum=128 << 20)
    ] = _MEMORY


@registry.register(
    "step", "xslt", options=XsltOptions, traits=StepTraits(), shorthand="file", example="maps/order.xsl", extra="xml"
)
class Xslt:
    """Translate the message, XML as text, bytes or a document, by a stylesheet; the result is text, or bytes of bytes.

    Includes, imports and, in 3.0, documents named as literals are read from the project's files and from nowhere else.
    Other files, extensions that read or write, the network and entities declared in the message are refused. The
    parameter `received-at` is when the message was received.

    3.0 runs in a process of its own, which has given up files, network and new processes; a message that takes too long
    or too much memory parks, and the process is started anew. What differs from run to run is refused beforehand:
    clocks, chance, the environment. The process holds some 70 MB and takes about half a millisecond a message.
    """

    def __init__(self, options: XsltOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        self._file = str(options.file)
        self._run = _engine(options, reader(grants), faults)
        if self._run is None or faults:
            raise ProjectError(faults)
        self._document = inner_format(options.document, grants)

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        assert self._run is not None
        texts = [self._text(message) for message in batch]
        going = [(t, m.received_at) for t, m in zip(texts, batch, strict=True) if isinstance(t, bytes)]
        made = iter(self._run(going))
        return [
            self._result(message, next(made) if isinstance(text, bytes) else text)
            for message, text in zip(batch, texts, strict=True)
        ]

    def _text(self, message: Message) -> bytes | WaypostError:
        data = text_of(message.body, self._document)
        if isinstance(data, DataError):
            found = f"the message is a {type(message.body).__name__}, not XML: {data.found}"
            return DataError(found, where=self._file, expected="XML, or a document of it", code="xslt")
        return data

    def _result(self, message: Message, made: bytes | WaypostError) -> Result:
        if isinstance(made, WaypostError):
            return Failed(made)
        try:
            return message.with_body(made if isinstance(message.body, bytes) else made.decode())
        except UnicodeDecodeError as error:
            found = f"the result is no UTF-8 at byte {error.start}"
            return Failed(DataError(found, where=self._file, expected="an output in UTF-8", code="xslt"))

    @staticmethod
    def lint(
        options: XsltOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What is wrong with the stylesheet or one it includes, with its line."""
        faults = format_faults(options.document, file, (*path, "document"))
        engine = _engine(options, read, faults)
        if isinstance(engine, _Three) and not faults and (said := engine.engine.fault()):
            faults.append(Fault(options.file, 0, "xslt", said, "a stylesheet of XSLT 3.0"))
        return faults


Documents = Sequence[tuple[bytes, int]]
Run = Callable[[Documents], Sequence[bytes | WaypostError]]
"""XML and when it was received → what each becomes."""


def _engine(options: XsltOptions, read: Callable[[str], bytes], faults: list[Fault]) -> Run | None:
    if options.version == "3.0":
        sheet = Stylesheet(options.file, read, faults)
        if faults:
            return None
        engine = Xslt3(sheet, options.file, seconds=options.seconds, memory_bytes=options.memory_bytes)
        return _Three(options, engine)
    return _One.of(options, read, faults)


def _moment(received_at: int) -> str:
    return (_EPOCH + timedelta(microseconds=received_at)).isoformat().replace("+00:00", "Z")


class _Three:
    """XSLT 3.0; the message is parsed here first, so that nothing an XML parser could be led to reaches Saxon."""

    def __init__(self, options: XsltOptions, engine: Xslt3) -> None:
        self._name, self.engine, self._etree = str(options.file), engine, library("xslt step", options.file)
        self._parameters, self._reader = options.parameters, parser(self._etree)

    def __call__(self, documents: Documents) -> Sequence[bytes | WaypostError]:
        trees = [message_tree(self._etree, data, self._name, "xslt", self._reader) for data, _ in documents]
        going = [
            (self._etree.tostring(tree, encoding="unicode"), {"received-at": _moment(at), **self._parameters})
            for tree, (_, at) in zip(trees, documents, strict=True) if not isinstance(tree, DataError)
        ]  # fmt: skip
        made = iter(self.engine.transform(going))
        return [tree if isinstance(tree, DataError) else next(made) for tree in trees]


class _One:
    """XSLT 1.0 by libxslt."""

    def __init__(self, name: str, etree: Any, transform: Any, parameters: dict[str, Any], timed: bool) -> None:
        self._name, self._etree, self._transform, self._timed = name, etree, transform, timed
        self._parameters, self._reader = parameters, parser(etree)

    @staticmethod
    def of(options: XsltOptions, read: Callable[[str], bytes], faults: list[Fault]) -> _One | None:
        name = str(options.file)
        etree = library("xslt step", name)
        tree = project_tree(etree, name, read, faults, "xslt", "a stylesheet of XSLT 1.0")
        if tree is None:
            return None
        try:
            made = etree.XSLT(tree, access_control=etree.XSLTAccessControl.DENY_ALL)
        except etree.XSLTParseError as error:
            entry = next(iter(error.error_log), None)
            line = entry.line if entry is not None and entry.line > 0 else 0
            faults.append(Fault(name, line, "xslt", str(error)[:300], "a stylesheet of XSLT 1.0"))
            return None
        quoted = {each: etree.XSLT.strparam(value) for each, value in options.parameters.items()}
        parts = tree.findall(f"{_XSL}include") + tree.findall(f"{_XSL}import")
        timed = bool(parts) or b"received-at" in etree.tostring(tree)
        return None if faults else _One(name, etree, made, quoted, timed and "received-at" not in quoted)

    def __call__(self, documents: Documents) -> Sequence[bytes | WaypostError]:
        return [self._one(data, received_at) for data, received_at in documents]

    def _one(self, data: bytes, received_at: int) -> bytes | WaypostError:
        etree = self._etree
        tree = message_tree(etree, data, self._name, "xslt", self._reader)
        if isinstance(tree, DataError):
            return tree
        try:
            if not self._timed:
                return bytes(self._transform(tree, **self._parameters))
            at = etree.XSLT.strparam(_moment(received_at))
            return bytes(self._transform(tree, **self._parameters, **{"received-at": at}))
        except etree.XSLTError as error:
            return self._failure(error)

    def _failure(self, error: Exception) -> DataError:
        """The first entry of the error's log names the line of the stylesheet."""
        entry = next(iter(getattr(error, "error_log", ())), None)
        line = f":{entry.line}" if entry is not None and entry.line else ""
        said = entry.message if entry is not None else str(error)
        return DataError(str(said)[:300], where=f"{self._name}{line}", remedy=_REMEDY, code="xslt")
