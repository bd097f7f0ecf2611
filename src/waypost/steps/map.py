"""Message Translator: a map document turns each message into another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from waypost.core.component import Failed, Result
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Option, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.compile import load_map
from waypost.mapping.lineage_step import OPAQUE, Mapped, StepLineage
from waypost.steps.file import reader


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    file: Annotated[ProjectPath, Option("The map document.", example="maps/sales_order.map.yaml")]


@registry.register(
    "step", "map", options=MapOptions, traits=StepTraits(), shorthand="file", example="maps/sales_order.map.yaml"
)
class Map:
    """Translate the message by a map document.

    A rule that cannot be evaluated fails the message; the error names the map's file and line, the target field, the
    expression and the values.
    """

    def __init__(self, options: MapOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        compiled = load_map(options.file, reader(grants), faults, grants.references)
        if compiled is None:
            raise ProjectError(faults)
        self._map = compiled

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        made = self._map.apply_batch([m.body for m in batch], [m.received_at for m in batch])
        return [
            Failed(body) if isinstance(body, DataError) else message.with_body(body)
            for message, body in zip(batch, made, strict=True)
        ]

    @staticmethod
    def lint(
        options: MapOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Every fault of the map and its lookups, with their own files and lines."""
        faults: list[Fault] = []
        load_map(options.file, read, faults)
        return faults

    @staticmethod
    def lineage(options: MapOptions, read: Callable[[str], bytes]) -> StepLineage:
        """By the rules of the map."""
        compiled = load_map(options.file, read, [])
        return OPAQUE if compiled is None else Mapped(compiled.bundle)
