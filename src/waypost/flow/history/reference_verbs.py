"""What people ask and tell the reference data of an installation, running or at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from waypost.core.errors import UsageError, near
from waypost.flow.declared.reference_data import ReferenceData, declared, declared_names
from waypost.flow.declared.reference_waiting import now_there, waiting
from waypost.flow.history.explain import time_text
from waypost.mapping.reference import Change, Declaration, Row, TableVersion, moment, moment_text, written
from waypost.store.reference_log import Entry

if TYPE_CHECKING:
    from waypost.flow.running.engine import Engine

Params = Mapping[str, Any]
_MOST_SHOWN = 10_000
LOOKING = frozenset({"list", "show", "history", "export"})
"""What changes nothing."""


async def reference(engine: Engine, params: Params, who: str) -> dict[str, Any]:
    """``what``: list, show, set, remove, import, export, approve, reject or history, of ``table``."""
    what = str(params.get("what", ""))
    if what not in VERBS:
        raise UsageError(f"reference {what!r}", expected=", ".join(VERBS), remedy=near(what, VERBS))
    data = engine.around.references
    if data is None:
        raise UsageError("there is no store", remedy="start the system once: waypost run")
    return VERBS[what](_Told(engine, data, params, who))


def waiting_now(engine: Engine) -> dict[str, Any]:
    """The groups of messages that wait for a row, and whether it is there by now."""
    data, files = engine.around.references, engine.project.files
    groups = waiting(engine.reader)
    return {"groups": [{**g, "there": data is not None and now_there(g, data, files)} for g in groups]}


class _Told:
    """One question or command with all that it needs."""

    def __init__(self, engine: Engine, data: ReferenceData, params: Params, who: str) -> None:
        self.data, self.params, self.who = data, params, who
        self.files, self.clock = engine.project.files, engine.clock
        self.why = str(params.get("why", ""))

    @property
    def declaration(self) -> Declaration:
        return declared(self.files, str(self.params.get("table", "")))

    def version(self) -> TableVersion:
        """The version meant, by default the newest."""
        newest = self.data.newest(self.declaration, self.files.__getitem__)
        if not self.params.get("version"):
            return newest
        number = int(self.params["version"])
        if not 0 <= number <= newest.number:
            raise UsageError(f"no version {number}", where=self.declaration.name, expected=f"0 to {newest.number}")
        return self.data.table(self.declaration.name).version(number)

    def time(self, name: str) -> int:
        """A moment that was given, 0 for none."""
        try:
            return moment(self.params.get(name))
        except ValueError as error:
            raise UsageError(f"--{name} {self.params[name]!r}", expected=str(error)) from None


def _list(told: _Told) -> dict[str, Any]:
    rows = []
    for name in declared_names(told.files):
        declaration = declared(told.files, name)
        version = told.data.newest(declaration, told.files.__getitem__)
        table = told.data.table(name)
        last = table.changes[-1][0].data if table.changes else {}
        rows.append({
            "table": name, "owner": declaration.owner, "description": declaration.description,
            "approval": declaration.approval, "version": version.number, "rows": len(version),
            "proposals": sorted(table.proposals), "changed_at": time_text(last.get("at", 0)), "by": last.get("who", ""),
        })  # fmt: skip
    return {"tables": rows}


def row_data(row: Row) -> dict[str, Any]:
    """A row as plain data."""
    return {
        "key": row.key, "values": dict(row.values), "valid_from": moment_text(row.start),
        "valid_to": moment_text(row.end),
    }  # fmt: skip


def _show(told: _Told) -> dict[str, Any]:
    declaration, version = told.declaration, told.version()
    limit = min(int(told.params.get("limit") or 100), _MOST_SHOWN)
    found = list(_matching(told, version))
    proposals = told.data.table(declaration.name).proposals
    return {
        "table": declaration.name, "owner": declaration.owner, "key": declaration.key,
        "columns": {name: column.kind for name, column in declaration.columns.items()}, "version": version.number,
        "rows": [row_data(row) for row in found[:limit]], "count": len(found),
        "proposals": [_proposal(number, entry) for number, entry in sorted(proposals.items())],
    }  # fmt: skip


def _matching(told: _Told, version: TableVersion) -> Iterator[Row]:
    key, value, text = (str(told.params.get(name) or "") for name in ("key", "value", "text"))
    at, wanted = told.time("at"), text.casefold()
    for row in version.all():
        cells = row.values.values()
        if (key and row.key != key) or (at and not row.holds(at)) or (value and value not in cells):
            continue
        if not wanted or any(wanted in cell.casefold() for cell in (row.key, *cells)):
            yield row


def _set(told: _Told) -> dict[str, Any]:
    declaration, given = told.declaration, dict(told.params.get("values") or {})
    key, faults = str(told.params.get("key", "")), []
    start, end = told.time("from"), told.time("to")
    now = told.data.newest(declaration, told.files.__getitem__).row(key, start or told.clock.now())
    values: dict[str, str] = dict(now.values) if now else {}
    for name in given:
        if name not in declaration.columns:
            known = near(name, declaration.columns) or f"known: {', '.join(declaration.columns)}"
            faults.append(f"{name}: no such column; {known}")
    for name, column in declaration.columns.items():
        try:
            values[name] = written(column, given.get(name, values.get(name)))
        except ValueError as error:
            faults.append(f"{name}: found {str(given.get(name, ''))!r}; expected {error}")
    if not key.strip():
        faults.append("the key is empty")
    if end and end <= start:
        faults.append("--to is not after --from")
    if faults:
        raise UsageError("; ".join(faults), where=f"reference table {declaration.name!r}")
    change = Change(key.strip(), values, start, end)
    return told.data.change(declaration, [change], told.who, told.why, told.files.__getitem__)


def _remove(told: _Told) -> dict[str, Any]:
    declaration, key = told.declaration, str(told.params.get("key", ""))
    version = told.data.newest(declaration, told.files.__getitem__)
    if key not in version.rows:
        remedy = near(key, version.rows) or "look at it: waypost reference show"
        raise UsageError(f"reference table {declaration.name!r} has no key {key!r}", remedy=remedy)
    change = Change(key, None, told.time("from"), told.time("to"))
    return told.data.change(declaration, [change], told.who, told.why, told.files.__getitem__)


def _import(told: _Told) -> dict[str, Any]:
    """``rows`` are changes as plain data, checked by who read the file; with ``replace`` keys that it lacks go."""
    declaration = told.declaration
    version = told.data.newest(declaration, told.files.__getitem__)
    given = [Change.of(each) for each in told.params.get("rows") or ()]
    by_key: dict[str, list[Row]] = {}
    for each in given:
        by_key.setdefault(each.key, []).append(Row(each.key, each.values or {}, each.start, each.end))
    changes: list[Change] = []
    for key, rows in by_key.items():
        wanted = tuple(sorted(rows, key=lambda row: row.start))
        if version.rows.get(key) != wanted:
            whole = [Change(key, None)] if key in version.rows else []
            changes += [*whole, *(Change(key, row.values, row.start, row.end) for row in wanted)]
    gone = [key for key in version.rows if key not in by_key] if told.params.get("replace") else []
    changes += [Change(key, None) for key in gone]
    if not changes:
        return {"table": declaration.name, "version": version.number, "changed": 0, "removed": 0}
    made = told.data.change(declaration, changes, told.who, told.why, told.files.__getitem__)
    return {**made, "changed": len({change.key for change in changes}) - len(gone), "removed": len(gone)}


def _export(told: _Told) -> dict[str, Any]:
    declaration, version = told.declaration, told.version()
    rows = [Change(row.key, row.values, row.start, row.end).data() for row in version.all()]
    return {"table": declaration.name, "version": version.number, "rows": rows}


def _approve(told: _Told) -> dict[str, Any]:
    return _decide(told, approve=True)


def _reject(told: _Told) -> dict[str, Any]:
    return _decide(told, approve=False)


def _decide(told: _Told, *, approve: bool) -> dict[str, Any]:
    declaration = told.declaration
    proposals = told.data.table(declaration.name).proposals
    number = int(told.params.get("proposal") or (next(iter(proposals)) if len(proposals) == 1 else 0))
    return told.data.decide(declaration, number, told.who, told.why, approve=approve)


def _proposal(number: int, entry: Entry) -> dict[str, Any]:
    data = entry.data
    return {
        "proposal": number, "at": time_text(data["at"]), "who": data["who"], "why": data["why"],
        "changes": [_change(each) for each in data["changes"]],
    }  # fmt: skip


def _change(data: Params) -> dict[str, Any]:
    change = Change.of(data)
    return {
        "key": change.key, "values": change.values, "valid_from": moment_text(change.start),
        "valid_to": moment_text(change.end),
    }  # fmt: skip


def _history(told: _Told) -> dict[str, Any]:
    """Every change, newest first; with ``key`` only what concerns it."""
    declaration, key = told.declaration, str(told.params.get("key") or "")
    told.data.newest(declaration, told.files.__getitem__)
    table = told.data.table(declaration.name)
    rows: list[dict[str, Any]] = []
    number, proposed = 0, list[Entry]()
    for entry in table.log.entries:
        data = entry.data
        source = data
        if data["kind"] == "proposal":
            proposed.append(entry)
        elif "proposal" in data:
            source = proposed[data["proposal"] - 1].data
        if data["kind"] in ("change", "approved"):
            number += 1
        changes = [_change(each) for each in source["changes"] if not key or each["key"] == key]
        if changes:
            rows.append({
                "version": number, "kind": data["kind"], "at": time_text(data["at"]), "who": data["who"],
                "why": data["why"], "changes": changes[:100], "count": len(changes),
                **({"proposed_by": source["who"]} if "proposal" in data else {}),
                **({"proposal": len(proposed)} if data["kind"] == "proposal" else {}),
            })  # fmt: skip
    return {"table": declaration.name, "history": rows[::-1][: int(told.params.get("limit") or 50)]}


VERBS: Mapping[str, Callable[[_Told], dict[str, Any]]] = {
    "list": _list, "show": _show, "set": _set, "remove": _remove, "import": _import, "export": _export,
    "approve": _approve, "reject": _reject, "history": _history,
}  # fmt: skip
