"""The routing table of a dynamic router: rows of a CSV or YAML file of the project, each with the line it stands on."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from waypost.core.clock import MICROSECONDS
from waypost.core.errors import Fault, near
from waypost.core.yamlfile import parse_yaml
from waypost.mapping.expression import Compiled, ExpressionFault, compile_expression
from waypost.steps.target_name import remedy_for

COLUMNS = ("key", "when", "to", "priority", "from", "until", "note")
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. ``key`` '' fits every message, as does no ``when``; times are UTC µs, 0 for none."""

    line: int
    key: str
    when: Compiled | None
    to: tuple[str, ...]
    priority: int
    begins: int
    ends: int

    def holds(self, now: int) -> bool:
        """Whether the rule is valid at a moment."""
        return self.begins <= now and (not self.ends or now < self.ends)


def read_routes(name: str, data: bytes, targets: Collection[str], faults: list[Fault]) -> list[Row]:
    """The rows that can be read, best priority first, equal ones as they stand; every fault is added to ``faults``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(Fault(name, 0, "route-table", f"byte {error.start} is not UTF-8", "UTF-8 text"))
        return []
    before = len(faults)
    written = list(_yaml(name, text, faults) if name.endswith((".yaml", ".yml")) else _csv(name, text, faults))
    rows = [row for line, fields in written if (row := _row(name, line, fields, targets, faults)) is not None]
    if not written and len(faults) == before:
        faults.append(Fault(name, 1, "route-table", "there is no row", "at least one with a target under `to`"))
    return sorted(rows, key=lambda row: (-row.priority, row.line))


def _csv(name: str, text: str, faults: list[Fault]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        headings = [heading.strip() for heading in next(lines, [])]
        if not _headings(name, headings, faults):
            return
        begun = lines.line_num
        for row in lines:
            line, begun = begun + 1, lines.line_num
            if not any(map(str.strip, row)):
                continue
            if line > MOST_ROWS:
                faults.append(Fault(name, line, "route-table", f"found more than {MOST_ROWS} rows", "a smaller table"))
                return
            if len(row) != len(headings):
                faults.append(Fault(name, line, "route-table", f"found {len(row)} columns", f"{len(headings)}"))
            else:
                fields = {h: v.strip() for h, v in zip(headings, row, strict=True)}
                yield line, {**fields, "to": fields["to"].replace(";", " ").split()}
    except csv.Error as error:
        faults.append(Fault(name, lines.line_num, "route-table", f"not CSV: {error}", "rows of the same columns"))


def _headings(name: str, headings: list[str], faults: list[Fault]) -> bool:
    wrong = [heading for heading in headings if heading not in COLUMNS]
    for heading in wrong:
        remedy = near(heading, COLUMNS) or f"headings: {', '.join(COLUMNS)}"
        faults.append(Fault(name, 1, "route-table", f"unknown heading {heading!r}", "", remedy))
    if len(set(headings)) < len(headings):
        faults.append(Fault(name, 1, "route-table", "a heading is written twice", "each heading once"))
    if "to" not in headings:
        faults.append(Fault(name, 1, "route-table", "no heading 'to'", "a column of targets"))
    return not wrong and "to" in headings and len(set(headings)) == len(headings)


def _yaml(name: str, text: str, faults: list[Fault]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    file = parse_yaml(text, name, faults)
    if not isinstance(file.data, list):
        faults.append(file.fault((), "route-table", "found no list", "a list of rows {when: …, to: …}"))
        return
    for at, fields in enumerate(file.data):
        if not isinstance(fields, dict):
            faults.append(file.fault((at,), "route-table", f"found {fields!r}"[:100], "a row {when: …, to: …}"))
            continue
        wrong = [field for field in fields if field not in COLUMNS]
        for field in wrong:
            remedy = near(field, COLUMNS) or f"fields: {', '.join(COLUMNS)}"
            faults.append(file.fault((at, field), "route-table", f"unknown field {field!r}", "", remedy))
        if not wrong:
            to = fields.get("to")
            yield file.line((at,)), {**fields, "to": to if isinstance(to, list) else [] if to is None else [to]}


def _row(name: str, line: int, fields: Mapping[str, Any], targets: Collection[str], faults: list[Fault]) -> Row | None:
    before = len(faults)
    to = tuple(dict.fromkeys(map(str, fields["to"])))
    if not to:
        faults.append(Fault(name, line, "route-table", "nothing under 'to'", "a target, or several"))
    for target in to:
        if target not in targets:
            remedy = remedy_for(target, targets)
            faults.append(Fault(name, line, "unknown-target", f"no target {target!r}", "", remedy))
    when = _condition(name, line, fields.get("when"), faults)
    priority = _priority(name, line, fields.get("priority"), faults)
    begins, ends = (_moment(name, line, word, fields.get(word), faults) for word in ("from", "until"))
    if begins and ends and begins >= ends:
        faults.append(Fault(name, line, "route-table", "it ends before it begins", "`from` before `until`"))
    key = fields.get("key")
    made = Row(line, "" if key is None else str(key), when, to, priority, begins, ends)
    return made if len(faults) == before else None


def _condition(name: str, line: int, written: Any, faults: list[Fault]) -> Compiled | None:
    if written is None or written == "":
        return None
    try:
        return compile_expression("true" if written is True else "false" if written is False else str(written))
    except ExpressionFault as error:
        faults.append(error.fault(name, line))
        return None


def _priority(name: str, line: int, written: Any, faults: list[Fault]) -> int:
    if written is None or written == "":
        return 0
    try:
        return int(str(written))
    except ValueError:
        faults.append(Fault(name, line, "route-table", f"priority {written!r}", "a whole number"))
        return 0


def _moment(name: str, line: int, word: str, written: Any, faults: list[Fault]) -> int:
    if written is None or written == "":
        return 0
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        faults.append(Fault(name, line, "route-table", f"{word} {written!r}", "2026-01-31 or 2026-01-31T12:00:00Z"))
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * MICROSECONDS
