"""XSLT 3.0 by Saxon in a process of its own, which sees the stylesheet's files of the project and nothing else."""

from __future__ import annotations

import importlib.util
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from waypost.core.checking import Read
from waypost.core.errors import ConfigurationRefused, DataError, Fault, WaypostError
from waypost.steps.companion import Companion
from waypost.steps.companion_engine import ADDRESS
from waypost.steps.xml_project import library, parser

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_MOST_FILES = 500
_CLOCK = "the parameter received-at, an xs:dateTime as text, which the step gives"
IMPURE: Mapping[str, str] = {
    **dict.fromkeys(("current-dateTime", "current-date", "current-time"), _CLOCK),
    "implicit-timezone": "a time with its zone", "function-lookup": "a call of the function by its name",
    "random-number-generator": "a value made from the message", "environment-variable": "a parameter of the step",
    "available-environment-variables": "a parameter of the step", "document-uri": "static-base-uri()",
    "collection": "doc() of one file", "uri-collection": "doc() of one file", "load-xquery-module": "xsl:include",
}  # fmt: skip
"""Functions whose value is not the message's, and what to use in their place."""
_IMPURE = re.compile(rf"(?<![\w.-])(?:fn:)?({'|'.join(map(re.escape, IMPURE))})\s*[(#]")
_LITERAL = re.compile(
    r"(?<![\w.-])(?:fn:)?(doc|document|unparsed-text|unparsed-text-lines|json-doc)\(\s*(['\"])(.*?)\2"
)
_EFFECTS = {"result-document": "one result a message", "evaluate": "expressions written out",
            "use-package": "xsl:include", "source-document": "doc() of a file of the project"}  # fmt: skip


class Stylesheet:
    """A stylesheet with all it reads of the project. ``text`` is what the engine is given, ``files`` the rest."""

    def __init__(self, name: str, read: Read, faults: list[Fault]) -> None:
        self._name, self._read, self._faults = name, read, faults
        self._etree = library("xslt step", name)
        self.files: dict[str, bytes] = {}
        left, seen = [name], set[str]()
        while left and len(seen) < _MOST_FILES:
            path = left.pop()
            if path not in seen:
                seen.add(path)
                left += self._take(path)
        self.text = self.files.pop(name, b"").decode()

    def _take(self, path: str) -> list[str]:
        """Keep a file, each XML with the address it has in the project; what it refers to."""
        try:
            data = self._read(path)
        except (OSError, LookupError, WaypostError):
            self._faults.append(Fault(path, 0, "file", "there is no such file in the project"))
            return []
        self.files[path] = data
        try:
            root = self._etree.fromstring(data, parser(self._etree))
        except self._etree.XMLSyntaxError as error:
            if path == self._name or path.endswith((".xsl", ".xslt")):
                self._faults.append(Fault(path, error.lineno or 1, "xslt", str(error.msg)[:300], "a stylesheet"))
            return []
        if root.getroottree().docinfo.internalDTD is not None:
            self._faults.append(Fault(path, 1, "xslt", "a document type is declared", "XML without <!DOCTYPE>"))
            return []
        found = [*self._references(path, root)] if root.tag.startswith(_XSL) or path == self._name else []
        if root.get(_BASE) is None:
            root.set(_BASE, ADDRESS + path)
            self.files[path] = self._etree.tostring(root, encoding="utf-8")
        return found

    def _references(self, path: str, root: Any) -> Iterator[str]:
        for element in root.iter():
            tag = element.tag if isinstance(element.tag, str) else ""
            name = tag.removeprefix(_XSL)
            line = element.sourceline or 0
            if tag.startswith(_XSL) and name in _EFFECTS:
                self._faults.append(Fault(path, line, "xslt", f"xsl:{name} is not there", _EFFECTS[name]))
            if tag.startswith(_XSL) and name in ("include", "import") and element.get("href"):
                yield from self._inside(path, line, element.get("href"))
            texts = [*element.attrib.values(), element.text or "", *(child.tail or "" for child in element)]
            for text in texts:
                for match in _IMPURE.finditer(text) if "(" in text or "#" in text else ():
                    what = f"{match[1]}() differs from run to run"
                    self._faults.append(Fault(path, line, "impure", what, IMPURE[match[1]]))
                for match in _LITERAL.finditer(text) if "(" in text else ():
                    if match[3]:
                        yield from self._inside(path, line, match[3])

    def _inside(self, path: str, line: int, address: str) -> Iterator[str]:
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), address.partition("#")[0]))
        if ":" in address or inside.startswith(("..", "/")):
            found = f"{address!r} lies outside the project"
            self._faults.append(Fault(path, line, "xslt", found, "a file of the project"))
        else:
            yield inside


class Xslt3:
    """A stylesheet ready to run. Raises ``ConfigurationRefused`` where Saxon is not installed."""

    def __init__(self, sheet: Stylesheet, name: str, *, seconds: float, memory_bytes: int) -> None:
        if importlib.util.find_spec("saxonche") is None:
            raise ConfigurationRefused("XSLT 3.0 needs saxonche", where=name, remedy="pip install 'waypost[xslt3]'")
        self._name = name
        setup = {"stylesheet": sheet.text, "files": sheet.files}
        self.companion = Companion("xslt", setup, where=name, seconds=seconds, memory_bytes=memory_bytes)

    def fault(self) -> str:
        """What is wrong with the stylesheet, '' for nothing. Starts the engine, and ends it."""
        try:
            return str(self.companion.start().get("error", ""))
        finally:
            self.companion.stop()

    def transform(self, documents: Sequence[tuple[str, Mapping[str, str]]]) -> list[bytes | WaypostError]:
        """The result for each XML document, in UTF-8; with each come its parameters."""
        requests = [{"body": text, "parameters": parameters} for text, parameters in documents]
        return [self._made(answer) for answer in self.companion.ask(requests)]

    def _made(self, answer: Mapping[str, Any] | WaypostError) -> bytes | WaypostError:
        if isinstance(answer, WaypostError):
            return answer
        if "error" in answer:
            return DataError(str(answer["error"]), where=self._name, code="xslt",
                             remedy="correct the stylesheet or the message")  # fmt: skip
        return str(answer["body"]).encode()
