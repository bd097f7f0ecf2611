"""Reading a map with all it names: lookups, the maps it uses, the schemas it is checked against."""

from __future__ import annotations

from collections.abc import Callable

from waypost.core.errors import Fault, WaypostError
from waypost.mapping.agreement import check_agreement
from waypost.mapping.bundle import Bundle
from waypost.mapping.document import MapDocument, Use, all_entries
from waypost.mapping.lookup import read_table
from waypost.mapping.reader import read_document
from waypost.mapping.reference_use import References, Tables
from waypost.mapping.schema import read_schema
from waypost.mapping.shape import ANY, Shape
from waypost.mapping.shared_function import read_functions

_MAX_USES = 16
Read = Callable[[str], bytes]


def load_bundle(file: str, read: Read, faults: list[Fault], references: References | None = None) -> Bundle | None:
    """The map of a project file; None where there is none. What is wrong with it, or does not agree with its schemas,
    is added to ``faults``, all of it at once. ``references`` are the tables of reference data, by default those that
    ``read`` finds declared."""
    data = read_bytes(file, file, 0, read, faults)
    known = references or References(read)
    return None if data is None else _bundle(file, data, read, faults, (file,), known)


def _bundle(
    file: str, data: bytes, read: Read, faults: list[Fault], above: tuple[str, ...], references: References
) -> Bundle | None:
    tables = Tables({}, references)

    def load_table(name: str, path: str, line: int) -> None:
        found = read_bytes(path, file, line, read, faults)
        if found is not None:
            tables[name] = read_table(path, found, faults)

    def load_functions(path: str, line: int) -> None:
        found = read_bytes(path, file, line, read, faults)
        if found is not None:
            tables.functions.update(read_functions(in_library(path, file, read), found, faults, references))

    tables.load = load_functions
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(Fault(file, 0, "map", f"byte {error.start} is not UTF-8", "UTF-8 text"))
        return None
    document = read_document(text, file, faults, load_table, tables)
    if document is None:
        return None
    uses: dict[str, Bundle] = {}
    for use in (entry for entry in all_entries(document.entries) if isinstance(entry, Use)):
        used = uses.get(use.file) or _used(use, file, read, faults, above, references)
        if used is not None:
            uses[use.file] = used
    source, target = (_schema(word, document, read, faults) for word in ("source", "target"))
    check_agreement(document, source, target, faults)
    return Bundle(document, tables, uses)


def _used(
    use: Use, file: str, read: Read, faults: list[Fault], above: tuple[str, ...], references: References
) -> Bundle | None:
    if in_library(use.file, file, read) in above or len(above) > _MAX_USES:
        shown = " → ".join((*above, use.file))
        faults.append(Fault(file, use.line, "map", f"the map uses itself: {shown}", "maps that end", "write the rules"))
        return None
    path = in_library(use.file, file, read)
    data = read_bytes(path, file, use.line, read, faults)
    return None if data is None else _bundle(path, data, read, faults, (*above, path), references)


def _schema(word: str, document: MapDocument, read: Read, faults: list[Fault]) -> Shape:
    path = str(getattr(document, word))
    if not path:
        return ANY
    line = document.lines.get(word, 1)

    def load(file: str) -> str | None:
        data = read_bytes(file, document.file, line, read, faults)
        return None if data is None else data.decode("utf-8", "replace")

    return read_schema(path, load, faults)


def read_bytes(path: str, file: str, line: int, read: Read, faults: list[Fault]) -> bytes | None:
    """The bytes of a project file that ``file`` names in ``line``; None, with the reason in ``faults``."""
    try:
        return read(in_library(path, file, read))
    except LookupError:
        cause = "no such file"
    except (OSError, WaypostError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    faults.append(Fault(file, line, "file", f"{path!r} cannot be read: {cause}", "a file of the project"))
    return None


def in_library(path: str, file: str, read: Read) -> str:
    """The file that ``file`` means by ``path``: where it stands in a library, one of that library if there is."""
    parts = file.split("/")
    if parts[0] != "libraries" or len(parts) < 3 or path.startswith("libraries/"):
        return path
    inside = f"libraries/{parts[1]}/{path}"
    try:
        read(inside)
    except (OSError, LookupError, WaypostError):
        return path
    return inside
