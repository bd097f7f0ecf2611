"""Show by what names maps reach the segments and elements of a message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from waypost.cli.option import AsJson
from waypost.cli.output import json_text, print_json, say
from waypost.cli.verb.edi_checking import SchemaFolders
from waypost.cli.verb.edi_generating import SetName, Version, schema_asked

_MOST_VALUES = 4
Overlay = Annotated[str, typer.Option("--partner", metavar="P", help="Whose overlay names them.")]
Elements = Annotated[bool, typer.Option("--elements", help="The elements of each segment, too.")]
AsSchema = Annotated[
    bool, typer.Option("--json-schema", help="As the JSON Schema of a document, for `source:` of a map.")
]


def names(
    name: SetName, version: Version = "", partner: Overlay = "", schemas: SchemaFolders = None,
    elements: Elements = False, as_schema: AsSchema = False, as_json: AsJson = False,
) -> int:  # fmt: skip
    """List the names of a set's segments, for maps.

    What `fields_by: name` of the formats x12 and edifact puts into `body`, and what may be written from there. `[]`
    marks a list, `!` what must be there.
    """
    schema = schema_asked(name, version, partner, schemas)
    if as_schema:
        from waypost.formats.edi.schema.json_schema import json_schema

        say(json_text(json_schema(schema)))
        return 0
    labels = _labels(schema.standard, schemas)
    found = list(_named(schema, labels))
    if as_json:
        print_json({"schema": schema.name, "names": found})
        return 0
    say(f"{schema.name} {labels.messages.get(schema.message, '')}".rstrip())
    for one in found:
        _line(one["depth"], one, one["label"])
        for part in one["elements"] if elements else ():
            _line(one["depth"] + 1, part, part["label"])
            for component in part["components"]:
                _line(one["depth"] + 2, component, component["label"])
    return 0


def _labels(standard: str, schemas: list[Path] | None) -> Any:
    from waypost.cli.verb.edi_checking import edi_library

    return edi_library(schemas).labels(standard)


def _line(depth: int, one: dict[str, Any], label: str) -> None:
    marked = f"{'  ' * (depth + 1)}{one['name']}{'[]' * one['list']}{'!' * one['required']}"
    say(f"{marked:34} {label}".rstrip())


def _named(schema: Any, labels: Any) -> Iterator[dict[str, Any]]:
    from waypost.formats.edi.schema.model import Loop
    from waypost.formats.edi.schema.names import Names

    above: list[str] = []
    for depth, name, item in Names(schema).walk():
        del above[depth:]
        path = ".".join(["body", *above, f"{name.text}{'[]' * name.many}"])
        above.append(path.rpartition(".")[2])
        use = item.opener if isinstance(item, Loop) else item
        loop = use is not item
        yield {
            "name": name.text, "list": name.many, "required": item.required, "depth": depth, "path": path,
            "loop": loop, "tag": item.tag, "label": _told(use, labels),
            "elements": [] if loop else list(_elements(use.segment, labels)),
        }  # fmt: skip


def _told(use: Any, labels: Any) -> str:
    """What a segment is called, and the values by which it stands here."""
    values = [value for _, _, listed in use.where for value in sorted(listed)]
    refs = {element: use.segment.elements[element - 1] for element, _, _ in use.where
            if element <= len(use.segment.elements)}  # fmt: skip
    words = [
        (labels.code(_ref(refs.get(element), component), value) or value)
        for element, component, listed in use.where for value in sorted(listed)[:_MOST_VALUES]
    ]  # fmt: skip
    more = ", …" * (len(values) > len(words))
    label = labels.segments.get(use.tag, "")
    return f"{label}: {', '.join(words)}{more}" if words else label


def _ref(item: Any, component: int) -> str:
    parts = getattr(item, "parts", None)
    return str(parts[component - 1].ref) if parts and component <= len(parts) else str(getattr(item, "ref", ""))


def _elements(segment: Any, labels: Any) -> Iterator[dict[str, Any]]:
    from waypost.formats.edi.schema.names import element_name, shape

    for number, item in enumerate(segment.elements, 1):
        if getattr(item, "kind", "") == "-":
            continue
        held = shape(item)
        parts = getattr(item, "parts", (item,) if held else ())
        yield {
            "name": element_name(number), "list": held == 2, "required": item.required, "ref": item.ref,
            "label": labels.elements.get(item.ref, ""),
            "components": [
                {"name": str(at), "list": False, "required": part.required, "ref": part.ref,
                 "label": labels.elements.get(part.ref, "")} for at, part in enumerate(parts, 1)
            ],
        }  # fmt: skip
