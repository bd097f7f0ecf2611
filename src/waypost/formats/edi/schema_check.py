"""EDI held against a schema by the ``validate`` step: the text of a file, or a document the formats read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waypost.core.checking import Checker, Read, checks
from waypost.core.errors import DataError, Fault, ProjectError, WaypostError, near
from waypost.core.finding import MOST_FINDINGS, Finding, Severity, shown
from waypost.formats.edi.agreed.held import MARKS, text_of
from waypost.formats.edi.examine.examination import examine
from waypost.formats.edi.examine.schemas import Schemas
from waypost.formats.edi.finding import Finding as EdiFinding
from waypost.formats.edi.row_write import rows_of
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Schema
from waypost.formats.edi.schema.validator import Validator

_FOLDER = "schemas"


class EdiChecker:
    """One schema. A text is a file of EDI; of a document its ``rows`` or ``body`` is looked at, the segments inside a
    message."""

    def __init__(self, schema: Schema, library: Library) -> None:
        self._schema, self._library = schema, library
        self._validator = Validator(schema, MARKS)

    def fits(self, body: Any) -> bool:
        if isinstance(body, Mapping) and isinstance(body.get("rows"), list):
            try:
                return self._validator.accepts([text_of(row) for row in body["rows"]])
            except (TypeError, ValueError, IndexError):
                return False
        return not self.findings(body)

    def findings(self, body: Any) -> Sequence[Finding]:
        if isinstance(body, str | bytes):
            return self._of_file(body.encode() if isinstance(body, str) else body)
        if isinstance(body, Mapping) and isinstance(body.get("transactions"), list):
            return [f for one in body["transactions"] for f in self.findings(one)][:MOST_FINDINGS]
        if not isinstance(body, Mapping) or not (body.keys() & {"rows", "body"}):
            kind = type(body).__name__
            return [Finding("", "document", f"found a {kind}", "EDI as text, or a document with its rows",
                            repair="give the flow an EDI format, or the format text")]  # fmt: skip
        try:
            texts = [text_of(row) for row in rows_of(body, 1, "edi")]
        except DataError as error:
            return [Finding(error.where, "document", error.found, error.expected)]
        except (TypeError, ValueError, IndexError) as error:
            return [Finding("rows", "document", f"no rows of segments: {error}"[:200], "lists that begin with a tag")]
        found, _ = self._validator.findings(texts)
        return [_told(one, texts) for one in found[:MOST_FINDINGS]]

    def _of_file(self, data: bytes) -> list[Finding]:
        report = examine([data], Schemas(self._library, self._schema))
        return [
            Finding(
                _place(error), str(error["rule"] or error["fault"]), str(error["found"]), str(error["expected"]),
                shown(error["excerpt"]) if error["excerpt"] else "", str(error["hint"]),
                Severity(error["severity"]),
            )
            for error in report.errors[:MOST_FINDINGS]
        ]  # fmt: skip


def _place(error: Mapping[str, Any]) -> str:
    element = f", element {error['element']}" if error["element"] else ""
    component = f", component {error['component']}" if error["component"] else ""
    control = f"{error['set']} {error['control_number']}, ".lstrip() if error["set"] else ""
    return f"{control}segment {error['position']} {error['segment']}{element}{component}"


def _told(one: EdiFinding, texts: Sequence[str]) -> Finding:
    """Positions count from ST or UNH, which ``texts`` are without."""
    row = texts[one.position - 2].split(MARKS.element) if 1 < one.position <= len(texts) + 1 else []
    value = row[one.element].replace(MARKS.component, ":") if 0 < one.element < len(row) else ""
    return Finding(one.place(), one.rule or one.code, one.found, one.expected, shown(value) if value else "", one.hint,
                   Severity(one.severity))  # fmt: skip


class ProjectFolder:
    """A folder of the project's files, as the library of schemas walks one."""

    def __init__(self, path: str, read: Read) -> None:
        self._path, self._read = path, read
        self.name = path.rpartition("/")[2]
        self.stem = self.name.rpartition(".")[0] or self.name

    def __truediv__(self, part: str) -> ProjectFolder:
        return ProjectFolder(f"{self._path}/{part}" if self._path else part, self._read)

    @property
    def parent(self) -> ProjectFolder:
        return ProjectFolder(self._path.rpartition("/")[0], self._read)

    def is_file(self) -> bool:
        try:
            self._read(self._path)
        except (OSError, LookupError, WaypostError):
            return False
        return True

    def is_dir(self) -> bool:
        return False

    def read_text(self, encoding: str) -> str:
        return self._read(self._path).decode(encoding)


@checks("edi")
def build(name: str, read: Read, faults: list[Fault]) -> Checker | None:
    """The checker of a schema, by its name in the packs or below ``schemas``, or as a file of the project."""
    library = Library([ProjectFolder(_FOLDER, read)])  # type: ignore[list-item]
    place = ProjectFolder(name, read)
    try:
        schema = library.file(place) if place.is_file() else library.schema(name)  # type: ignore[arg-type]
    except ProjectError as error:
        faults.extend(error.faults)
        return None
    except UnicodeDecodeError as error:
        faults.append(Fault(name, 0, "encoding", f"byte {error.start} is not UTF-8", "UTF-8 text"))
        return None
    if schema is None:
        remedy = near(name, library.names()) or "name one of waypost edi, or a file of the project"
        faults.append(Fault(name, 0, "edi-schema", f"no schema {name!r}", "one such as x12/004010/850", remedy))
        return None
    return EdiChecker(schema, library)
