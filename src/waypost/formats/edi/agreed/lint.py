"""What of a project's agreements does not fit the schemas and faults that the formats know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from waypost.agreements.load import Partner
from waypost.core.errors import Fault, ProjectError, near
from waypost.core.yamlfile import Path
from waypost.formats.edi.agreed.schemas import FOLDER, ProjectSchemas
from waypost.formats.edi.finding import KINDS


def lint_agreements(standard: str, partners: Mapping[str, Partner], files: Mapping[str, bytes]) -> Iterator[Fault]:
    """The faults of schemas that agreements of a standard name, and of fault codes in their policies."""
    schemas = ProjectSchemas(files)
    told: set[str] = set()
    for partner in partners.values():
        agreed = getattr(partner.options, standard)
        if agreed is None:
            continue
        for way in ("receive", "send"):
            for number, message in enumerate(getattr(agreed, way).messages):
                path = (standard, way, "messages", number)
                if message.schema and message.schema not in told:
                    yield from _schema(partner, (*path, "schema"), message.schema, standard, schemas, files)
                    told.add(message.schema)
                yield from _severity(partner, (*path, "validation"), message.validation)
        yield from _severity(partner, (standard, "receive", "validation"), agreed.receive.validation)


def _schema(
    partner: Partner, path: Path, name: str, standard: str, schemas: ProjectSchemas, files: Mapping[str, bytes]
) -> Iterator[Fault]:
    try:
        if schemas.find(name) is not None:
            return
    except ProjectError as error:
        yield from error.faults
        return
    known = [n for n in files if n.startswith(FOLDER)]
    known += [n for n in schemas.library.names() if n.startswith(f"{standard}/")]
    remedy = near(name, known) or "put its file under schemas/, or name one that comes along"
    yield partner.file.fault(path, "unknown-schema", f"no schema {name!r}", "", remedy)


def _severity(partner: Partner, path: Path, validation: Any) -> Iterator[Fault]:
    for code in validation.severity if validation is not None else ():
        if code not in KINDS:
            remedy = near(code, KINDS) or f"known: {', '.join(KINDS)}"
            yield partner.file.fault((*path, "severity", code), "unknown-code", f"no fault {code!r}", "", remedy)
