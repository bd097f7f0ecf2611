"""XML that reads nothing but the project: the hardened parser, and schemas and stylesheets with what they include."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any

from waypost.core.errors import ConfigurationRefused, DataError, Fault, WaypostError

SCHEME = "project:///"
_ENCODING = re.compile(r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-8859-\d+|latin-?1|windows-125\d", re.IGNORECASE)


def library(what: str, name: str) -> Any:
    """``lxml.etree``. ``ConfigurationRefused`` where it is not installed."""
    try:
        import lxml.etree
    except ImportError:
        raise ConfigurationRefused(f"the {what} needs lxml", where=name, remedy="pip install 'waypost[xml]'") from None
    etree: Any = lxml.etree
    return etree


def parser(etree: Any) -> Any:
    """A parser that fetches nothing, resolves no entity and stops at depth 256 and at huge texts."""
    return etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False, huge_tree=False)


def message_tree(etree: Any, data: bytes, where: str, code: str, reader: Any = None) -> Any:
    """The root element of a message, or a ``DataError`` that says why it has none. ``reader`` is a ``parser`` made
    before, for one thread."""
    try:
        tree = etree.fromstring(data, reader if reader is not None else parser(etree))
    except etree.XMLSyntaxError as error:
        found = f"the message is no XML: {str(error.msg)[:300]}"
        return DataError(found, where=f"{where} (message line {error.lineno or 1})", code=code)
    except ValueError as error:
        return DataError(f"the message is no XML: {str(error)[:300]}", where=where, code=code)
    encoding = str(tree.getroottree().docinfo.encoding or "UTF-8")
    if not _ENCODING.fullmatch(encoding):
        return DataError(f"the message is in {encoding[:40]!r}", where=where, expected="UTF-8, UTF-16 or ISO-8859",
                         remedy="have it sent in UTF-8", code=code)  # fmt: skip
    if tree.getroottree().docinfo.internalDTD is not None:
        found = "the message declares a document type"
        return DataError(found, where=where, expected="XML without <!DOCTYPE>", code=code)
    return tree


def project_tree(
    etree: Any, name: str, read: Callable[[str], bytes], faults: list[Fault], code: str, what: str
) -> Any:  # fmt: skip
    """The tree of a project file whose includes and imports are resolved within the project; None with the reasons."""

    class ProjectFiles(etree.Resolver):  # type: ignore[misc]
        def resolve(self, address: str, public_id: str, context: Any) -> Any:
            inside = posixpath.normpath(address.removeprefix(SCHEME)).lstrip("/")
            if not address.startswith(SCHEME) or inside.startswith(".."):
                faults.append(Fault(name, 0, code, f"{address!r} lies outside the project", "a file of the project"))
                return self.resolve_empty(context)
            try:
                return self.resolve_string(read(inside), context, base_url=SCHEME + inside)
            except (OSError, LookupError, WaypostError):
                faults.append(Fault(name, 0, "file", f"there is no file {inside!r} in the project"))
                return self.resolve_empty(context)

    try:
        source = read(name)
    except (OSError, LookupError, WaypostError):
        faults.append(Fault(name, 0, "file", "there is no such file in the project"))
        return None
    made = parser(etree)
    made.resolvers.add(ProjectFiles())
    try:
        return etree.fromstring(source, made, base_url=SCHEME + name)
    except etree.XMLSyntaxError as error:
        faults.append(Fault(name, error.lineno or 1, code, str(error)[:300], what))
        return None
