"""The reference data of an installation: its tables' histories, the versions they make, and changes by people.

Each change is an entry in the table's log, durable before it is used; a version is what the entries up to one make.
Versions are numbered from 1; 0 is the table without any. A table that asks for approval keeps a change as a proposal
until another person approves it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from waypost.core.clock import Clock
from waypost.core.errors import BugError, Fault, ProjectError, UsageError, near
from waypost.mapping.reference import (
    FOLDER,
    Change,
    Declaration,
    TableVersion,
    change_rows,
    declaration_file,
    read_declaration,
)
from waypost.mapping.reference_use import initial_version
from waypost.store.disk import Disk, RealDisk
from waypost.store.reference_log import Entry, ReferenceLog

Read = Callable[[str], bytes]
_KEPT_VERSIONS = 8


class _Table:
    """What is known of one table: its log, its newest version and a few earlier ones."""

    def __init__(self, log: ReferenceLog) -> None:
        self.log = log
        self.newest = TableVersion()
        self.earlier: dict[int, TableVersion] = {}
        self.changes: list[tuple[Entry, list[Change]]] = []
        """The entry that made each version, and its changes."""
        self.proposals: dict[int, Entry] = {}
        """Those nobody has decided about, by number."""
        self.proposed = 0

    def refresh(self) -> None:
        if entries := self.log.refresh():
            self._take_all(entries)

    def taken(self, since: int) -> int:
        """Take in the entries of the log from that number on; how many there are."""
        self._take_all(self.log.entries[since:])
        return len(self.log.entries)

    def _take_all(self, entries: Sequence[Entry]) -> None:
        """Take in entries. Of many only the last make versions that are kept at hand."""
        before = self.newest
        rows, last = dict(before.rows), before
        for entry in entries[:-_KEPT_VERSIONS]:
            changes = self._changes(entry)
            if changes is not None:
                change_rows(rows, changes)
                last = TableVersion(last.number + 1, entry.digest, rows)
        if last is not before:
            self.newest = last
            self.earlier = {}
        for entry in entries[-_KEPT_VERSIONS:]:
            changes = self._changes(entry)
            if changes is not None:
                self._keep(self.newest)
                self.newest = self.newest.after(self.newest.number + 1, entry.digest, changes)

    def _changes(self, entry: Entry) -> list[Change] | None:
        """What an entry changes, noted; None where it makes no version."""
        kind = entry.data["kind"]
        if kind == "proposal":
            self.proposed += 1
            self.proposals[self.proposed] = entry
            return None
        if kind == "rejected":
            self.proposals.pop(entry.data["proposal"], None)
            return None
        source = self.proposals.pop(entry.data["proposal"]) if kind == "approved" else entry
        changes = [Change.of(data) for data in source.data["changes"]]
        self.changes.append((entry, changes))
        return changes

    def _keep(self, version: TableVersion) -> None:
        """Have a version at hand, in place of the oldest one."""
        self.earlier[version.number] = version
        if len(self.earlier) > _KEPT_VERSIONS:
            del self.earlier[min(number for number in self.earlier if number != version.number)]

    def version(self, number: int) -> TableVersion:
        """A version by number, made anew where it is not at hand."""
        if number == self.newest.number:
            return self.newest
        if number not in self.earlier:
            if not 0 <= number <= len(self.changes):
                raise BugError(f"there is no version {number}, the newest is {self.newest.number}", where="reference")
            self._keep(self._made_anew(number))
        return self.earlier[number]

    def _made_anew(self, number: int) -> TableVersion:
        """A version, from the nearest one before it that is at hand."""
        base = max((known for known in self.earlier if known < number), default=0)
        rows = dict(self.earlier[base].rows) if base else {}
        for _, changes in self.changes[base:number]:
            change_rows(rows, changes)
        return TableVersion(number, self.changes[number - 1][0].digest if number else "", rows)


class ReferenceData:
    """The tables below one store's folder. Every method may block for as long as a file takes."""

    def __init__(self, store: Path, clock: Clock, disk: Disk | None = None) -> None:
        self._store, self._clock, self._disk = str(store), clock, disk or RealDisk()
        self._tables: dict[str, _Table] = {}

    def table(self, name: str) -> _Table:
        """What is known of a table, as it is now."""
        if name not in self._tables:
            self._tables[name] = _Table(ReferenceLog(self._disk, self._store, name))
        self._tables[name].refresh()
        return self._tables[name]

    def newest(self, declaration: Declaration, read: Read) -> TableVersion:
        """The version that holds now; a table without a history begins with its initial file."""
        table = self.table(declaration.name)
        if not table.newest.number and declaration.initial:
            self._begin(declaration, read)
            table = self.table(declaration.name)
        return table.newest

    def version(self, name: str, number: int, digest: str) -> TableVersion:
        """The version a message was processed with. ``BugError`` where the history here has another one."""
        found = self.table(name).version(number)
        if found.digest != digest:
            raise BugError(
                f"version {number} of reference table {name!r} is another one than it was", where="reference",
                remedy="restore the store with its reference data, or retry with --effects fresh",
            )  # fmt: skip
        return found

    def _begin(self, declaration: Declaration, read: Read) -> None:
        faults: list[Fault] = []
        rows = [change.data() for change in _rows_of(initial_version(declaration, read, faults))]
        if faults:
            raise ProjectError(faults)

        def entry() -> dict[str, Any]:
            if self._tables[declaration.name].newest.number:
                raise _Begun
            why = f"the initial file {declaration.initial}"
            return {"kind": "change", "at": self._clock.now(), "who": "project", "why": why, "changes": rows}

        with contextlib.suppress(_Begun):
            self._append(declaration.name, entry)

    def _append(self, name: str, entry: Callable[[], dict[str, Any]]) -> None:
        """Add what ``entry`` gives, which is asked when the table is as it is and nobody else can change it."""
        table = self.table(name)
        taken = len(table.log.entries)

        def fresh() -> dict[str, Any]:
            nonlocal taken
            taken = table.taken(taken)
            return entry()

        table.log.append(fresh)
        table.taken(taken)

    # ── changes by people ────────────────────────────────────────────────────────────────────────────────────

    def change(
        self, declaration: Declaration, changes: Sequence[Change], who: str, why: str, read: Read
    ) -> dict[str, Any]:
        """Make changes, or propose them where the table wants approval. ``UsageError`` where they change nothing."""
        self.newest(declaration, read)
        kind = "proposal" if declaration.approval else "change"

        def entry() -> dict[str, Any]:
            now = self._tables[declaration.name].newest
            if dict(now.after(0, "", changes).rows) == dict(now.rows):
                raise UsageError(
                    f"reference table {declaration.name!r}: nothing would change", remedy="look at it first"
                )
            data = [change.data() for change in changes]
            return {"kind": kind, "at": self._clock.now(), "who": who, "why": why, "changes": data, "on": now.number}

        self._append(declaration.name, entry)
        table = self.table(declaration.name)
        if declaration.approval:
            return {"table": declaration.name, "proposal": table.proposed, "version": table.newest.number}
        return {"table": declaration.name, "version": table.newest.number, "changed": len(changes)}

    def decide(self, declaration: Declaration, number: int, who: str, why: str, *, approve: bool) -> dict[str, Any]:
        """Approve or reject a proposal. ``UsageError`` for who made it, and where its keys have changed since."""

        def entry() -> dict[str, Any]:
            table = self._tables[declaration.name]
            proposal = table.proposals.get(number)
            if proposal is None:
                open_ones = ", ".join(map(str, table.proposals)) or "none"
                raise UsageError(f"no open proposal {number}", where=declaration.name, remedy=f"open: {open_ones}")
            if approve and proposal.data["who"] == who:
                raise UsageError(
                    f"{who} made this proposal", where=declaration.name, expected="another person",
                    remedy="let a second person approve it",
                )  # fmt: skip
            if approve and (touched := _touched(table, proposal)):
                raise UsageError(
                    f"{', '.join(sorted(touched)[:5])} changed since it was proposed", where=declaration.name,
                    remedy="reject it and propose it anew",
                )  # fmt: skip
            kind = "approved" if approve else "rejected"
            return {"kind": kind, "proposal": number, "at": self._clock.now(), "who": who, "why": why}

        self._append(declaration.name, entry)
        newest = self.table(declaration.name).newest
        return {"table": declaration.name, "proposal": number, "version": newest.number, "approved": approve}


class _Begun(Exception):
    """Somebody else began the table first."""


def _rows_of(version: TableVersion) -> list[Change]:
    return [Change(row.key, row.values, row.start, row.end) for row in version.all()]


def _touched(table: _Table, proposal: Entry) -> set[str]:
    """The keys of a proposal that were changed after it was made."""
    keys = {str(change["key"]) for change in proposal.data["changes"]}
    later = (change.key for _, changes in table.changes[proposal.data["on"] :] for change in changes)
    return keys.intersection(later)


def declared(project_files: Mapping[str, bytes], name: str) -> Declaration:
    """A table of the project. ``UsageError`` naming those there are."""
    data = project_files.get(declaration_file(name))
    found = read_declaration(name, data, []) if data is not None else None
    if found is None:
        known = declared_names(project_files)
        raise UsageError(
            f"no reference table {name!r}", remedy=near(name, known) or f"known: {', '.join(known) or 'none'}"
        )
    return found


def declared_names(project_files: Mapping[str, bytes]) -> list[str]:
    """The tables a project declares."""
    prefix, ending = f"{FOLDER}/", ".yaml"
    return sorted(
        name.removeprefix(prefix).removesuffix(ending)
        for name in project_files
        if name.startswith(prefix) and name.endswith(ending)
    )
