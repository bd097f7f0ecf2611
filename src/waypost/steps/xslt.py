"""Message Translator: an XSLT 1.0 stylesheet turns each XML message into another text."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from waypost.core.component import Failed, Result
from waypost.core.errors import ConfigurationRefused, DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.steps.file import reader

_SCHEME = "project:///"
_REMEDY = "correct the stylesheet or the message"


@dataclass(frozen=True, slots=True, kw_only=True)
class XsltOptions:
    file: Annotated[ProjectPath, Option("The stylesheet, XSLT 1.0.", example="maps/order.xsl")]
    parameters: Annotated[dict[str, str], Option("Its parameters, each a text.", example={"buyer": "acme"})] = field(
        default_factory=dict
    )


@registry.register(
    "step", "xslt", options=XsltOptions, traits=StepTraits(), shorthand="file", example="maps/order.xsl", extra="xml"
)
class Xslt:
    """Translate the message, XML as text or bytes, by an XSLT 1.0 stylesheet; the result is text or bytes as it came.

    Includes and imports are read from the project's files and from nowhere else. ``document()``, extensions that read
    or write, the network and entities declared in the message are refused.
    """

    def __init__(self, options: XsltOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        transform = _load(options.file, reader(grants), faults)
        if transform is None:
            raise ProjectError(faults)
        import lxml.etree

        etree: Any = lxml.etree
        self._transform, self._file, self._etree = transform, str(options.file), etree
        self._parameters = {name: etree.XSLT.strparam(value) for name, value in options.parameters.items()}

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        return [self._translate(message) for message in batch]

    def _translate(self, message: Message) -> Result:
        body = message.body
        if not isinstance(body, str | bytes):
            found = f"the message is a {type(body).__name__}, not XML"
            return Failed(DataError(found, where=self._file, expected="text or bytes", code="xslt"))
        etree = self._etree
        try:
            tree = etree.fromstring(body.encode() if isinstance(body, str) else body, _parser(etree))
            if tree.getroottree().docinfo.internalDTD is not None:
                found = "the message declares a document type"
                return Failed(DataError(found, where=self._file, expected="XML without <!DOCTYPE>", code="xslt"))
            made = bytes(self._transform(tree, **self._parameters))
            return message.with_body(made.decode() if isinstance(body, str) else made)
        except etree.XMLSyntaxError as error:
            found = f"the message is no XML: {str(error)[:300]}"
            return Failed(DataError(found, where=f"{self._file} (message line {error.lineno or 1})", code="xslt"))
        except (etree.XSLTError, UnicodeDecodeError) as error:
            return Failed(self._failure(error))

    def _failure(self, error: Exception) -> DataError:
        """The first entry of the error's log names the line of the stylesheet."""
        entry = next(iter(getattr(error, "error_log", ())), None)
        line = f":{entry.line}" if entry is not None and entry.line else ""
        said = entry.message if entry is not None else str(error)
        return DataError(str(said)[:300], where=f"{self._file}{line}", remedy=_REMEDY, code="xslt")

    @staticmethod
    def lint(
        options: XsltOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """What is wrong with the stylesheet or one it includes, with its line."""
        faults: list[Fault] = []
        _load(options.file, read, faults)
        return faults


def _parser(etree: Any) -> Any:
    return etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False, huge_tree=False)


def _load(name: str, read: Callable[[str], bytes], faults: list[Fault]) -> Any:
    try:
        import lxml.etree

        etree: Any = lxml.etree
    except ImportError:
        raise ConfigurationRefused(
            "the xslt step needs lxml", where=name, remedy="pip install 'waypost[xml]'"
        ) from None

    class ProjectFiles(etree.Resolver):  # type: ignore[misc]
        def resolve(self, address: str, public_id: str, context: Any) -> Any:
            inside = posixpath.normpath(address.removeprefix(_SCHEME)).lstrip("/")
            if not address.startswith(_SCHEME) or inside.startswith(".."):
                faults.append(Fault(name, 0, "xslt", f"{address!r} lies outside the project", "a file of the project"))
                return self.resolve_empty(context)
            try:
                return self.resolve_string(read(inside), context, base_url=_SCHEME + inside)
            except (OSError, LookupError):
                faults.append(Fault(name, 0, "file", f"there is no file {inside!r} in the project"))
                return self.resolve_empty(context)

    try:
        source = read(name)
    except (OSError, LookupError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
        return None
    parser = _parser(etree)
    parser.resolvers.add(ProjectFiles())
    try:
        tree = etree.fromstring(source, parser, base_url=_SCHEME + name)
        made = etree.XSLT(tree, access_control=etree.XSLTAccessControl.DENY_ALL)
    except etree.XMLSyntaxError as error:
        faults.append(Fault(name, error.lineno or 1, "xslt", str(error)[:300], "a stylesheet of XSLT 1.0"))
        return None
    except etree.XSLTParseError as error:
        entry = next(iter(error.error_log), None)
        line = entry.line if entry is not None and entry.line > 0 else 0
        faults.append(Fault(name, line, "xslt", str(error)[:300], "a stylesheet of XSLT 1.0"))
        return None
    return None if faults else made
