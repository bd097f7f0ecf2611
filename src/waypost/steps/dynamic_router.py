"""Dynamic Router: a table, which changes without the flow, says where each message goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Result, Routed
from waypost.core.errors import DataError, Fault, ProjectError
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, ProjectPath
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import ExpressionError, compile_expression
from waypost.steps.file import reader
from waypost.steps.routing_table import Row, read_routes
from waypost.steps.target_name import unknown_targets


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicRouterOptions:
    table: Annotated[
        ProjectPath,
        Option("The table, CSV or YAML: `to`, and as needed `key`, `when`, `priority`, `from`, `until`, `note`.",
               example="lookups/routes.csv"),
    ]  # fmt: skip
    key: Annotated[Expression | None, Option("The value that `key` of a row must equal.", example="receiver.id")] = None
    default: Annotated[tuple[str, ...], Option("Targets of a message that no row fits.")] = ()
    otherwise: Annotated[
        Literal["fail", "drop"], Option("What happens to a message that no row fits where there is no `default`.")
    ] = "fail"


@registry.register(
    "step",
    "dynamic_router",
    options=DynamicRouterOptions,
    traits=StepTraits(names_targets=True, computes_targets=True),
    shorthand="table",
    example="{table: lookups/routes.csv, key: receiver.id, default: manual}",
)
class DynamicRouter:
    """Send each message to the targets of the first row of a table that fits.

    Rows of a higher `priority` come first, equal ones in the order of the file. A row fits whose `key` is empty or
    equals the message's, whose `when` is true or empty, and that is valid when the message was received (from `from`,
    until before `until`). A changed table comes into force with `waypost reload`; messages received before keep the
    one they had, and `show` names the row that decided.
    """

    def __init__(self, options: DynamicRouterOptions, grants: Grants) -> None:
        faults: list[Fault] = []
        rows = read_routes(options.table, reader(grants)(options.table), grants.targets, faults)
        if faults:
            raise ProjectError(faults)
        self._key = None if options.key is None else compile_expression(options.key)
        self._table, self._default, self._drop = str(options.table), options.default, options.otherwise == "drop"
        by_key: dict[str, list[Row]] = {}
        for row in rows:
            by_key.setdefault(row.key, []).append(row)
        self._rows: Mapping[str, list[Row]] = by_key

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        keys: Sequence[Any] = [None] * len(batch) if self._key is None else self._key.of_messages(batch)
        return [self._routed(message, key) for message, key in zip(batch, keys, strict=True)]

    def _routed(self, message: Message, key: Any) -> Result:
        if isinstance(key, DataError):
            return Failed(key)
        every = self._rows.get("", [])
        own = [] if key is None or key == "" else self._rows.get(str(key), [])
        try:
            for row in merge(own, every, key=lambda row: (-row.priority, row.line)):
                if row.holds(message.received_at) and self._fits(row, message):
                    return Routed(message, row.to, f"{self._table}:{row.line}")
        except ExpressionError as error:
            return Failed(error)
        if self._default:
            return Routed(message, self._default, f"no row of {self._table} fits")
        if self._drop:
            return Dropped(f"no row of {self._table} fits")
        remedy = "add a row, or say where such messages go with `default`"
        said = "" if key is None else f" with key {key!r}"[:100]
        return Failed(DataError(f"no row fits the message{said}", where=self._table, remedy=remedy, code="no-route"))

    def _fits(self, row: Row, message: Message) -> bool:
        return row.when is None or bool(row.when.evaluate(message.body, now=message.received_at))

    @staticmethod
    def lint(
        options: DynamicRouterOptions, file: YamlFile, path: Path, read: Callable[[str], bytes],
        targets: tuple[str, ...],
    ) -> list[Fault]:  # fmt: skip
        """Every fault of the table with its line: conditions, targets, moments, rows that no message can reach."""
        faults = unknown_targets(file, (*path, "default"), options.default, targets)
        try:
            data = read(options.table)
        except (OSError, LookupError):
            return [*faults, Fault(options.table, 0, "file", "there is no such file in the project")]
        rows = read_routes(options.table, data, targets, faults)
        if options.key is None and any(row.key for row in rows):
            line = next(row.line for row in rows if row.key)
            text = "the row has a key, and the step no `key` to compare it with"
            faults.append(Fault(options.table, line, "route-table", text, "", "add `key: EXPRESSION` to the step"))
        return faults + _unreachable(options.table, rows)


def _unreachable(table: str, rows: Sequence[Row]) -> list[Fault]:
    """Rows behind one that always fits, for all messages or those of their key."""
    faults: list[Fault] = []
    closed: dict[str, Row] = {}
    for row in rows:
        before = closed.get("") or closed.get(row.key)
        if before is not None:
            text = f"no message gets past line {before.line}, which has no condition"
            remedy = "give that line a lower priority, or this one a higher"
            faults.append(Fault(table, row.line, "unreachable", text, "", remedy))
        elif row.when is None and not row.begins and not row.ends:
            closed[row.key] = row
    return faults
