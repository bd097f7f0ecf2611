"""Reference tables as expressions use them: found by name, looked into at one version."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from waypost.core.errors import Fault, WaypostError, near
from waypost.mapping.fault import Refused, Unmapped
from waypost.mapping.function.declaration import REFERENCE
from waypost.mapping.reference import (
    Column,
    Declaration,
    TableVersion,
    declaration_file,
    read_declaration,
    typed,
)
from waypost.mapping.reference_file import read_csv

Read = Callable[[str], bytes]


class ReferenceTable:
    """One table under its declaration. ``version`` is the one looked into: the engine sets that of the message; for
    tests and trials it is what the declared initial file holds."""

    __slots__ = ("_columns", "_initial", "declaration", "version")

    def __init__(self, declaration: Declaration, read: Read) -> None:
        self.declaration = declaration
        self._columns: dict[Any, Column] = {
            **declaration.columns, declaration.key: Column(declaration.key),
            None: declaration.columns[declaration.first],
        }  # fmt: skip
        self._initial = initial_version(declaration, read, [])
        self.version = self._initial

    def use_initial(self) -> None:
        """Look into what a new installation begins with."""
        self.version = self._initial

    def column(self, name: Any) -> Column:
        """A column by its heading, the first for None. ``Refused`` for one there is not."""
        column = self._columns.get(name)
        if column is None:
            columns = self.declaration.columns
            known = near(str(name), columns) or f"known: {', '.join(columns)}"
            raise Refused(f"reference table {self.declaration.name!r} has no column {name!r}", "a column of it", known)
        return column

    def value(self, key: str, at: int, name: Any) -> tuple[bool, Any]:
        """Whether a key has a row at a moment, and the value of a column of it."""
        column, row = self.column(name), self.version.row(key, at)
        if row is None:
            return False, None
        if column.name == self.declaration.key:
            return True, key
        text = row.values.get(column.name, "")
        if column.kind == "text":
            return True, text or None
        try:
            return True, typed(column, text)
        except ValueError as error:  # it was kept when the column had another type
            raise Refused(f"{column.name} of {key!r} is {text!r}", str(error), "set it anew") from None

    def unmapped(self, column: str, value: str) -> Unmapped:
        """The refusal of a value that has no row."""
        name = self.declaration.name
        place = "" if column == self.declaration.key else column
        where = f" in {place}" if place else ""
        return Unmapped(name, value, f"reference table {name!r} has no row for {value!r}{where}", place)


def initial_version(declaration: Declaration, read: Read, faults: list[Fault]) -> TableVersion:
    """What a new installation begins with; empty, with the reasons in ``faults``, where the file has faults."""
    if not declaration.initial:
        return TableVersion()
    before = len(faults)
    try:
        changes = read_csv(declaration, declaration.initial, read(declaration.initial), faults)
    except (OSError, LookupError, WaypostError):
        faults.append(Fault(declaration.file, 0, "file", f"no file {declaration.initial!r} in the project"))
        return TableVersion()
    return TableVersion().after(0, "", changes if len(faults) == before else ())


class References:
    """The tables of a project by name, and which of them were asked for."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._found: dict[str, ReferenceTable | None] = {}

    def find(self, name: str) -> ReferenceTable | None:
        """A declared table; None for one that is not, or not well, declared."""
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    @property
    def used(self) -> tuple[ReferenceTable, ...]:
        """Those that were asked for and are there, in the order of their names."""
        return tuple(table for _, table in sorted(self._found.items()) if table is not None)

    def _load(self, name: str) -> ReferenceTable | None:
        try:
            data = self._read(declaration_file(name))
        except (OSError, LookupError, WaypostError):
            return None
        declaration = read_declaration(name, data, [])
        return None if declaration is None else ReferenceTable(declaration, self._read)


class Shared(Protocol):
    """A function written in the language itself."""

    @property
    def takes(self) -> tuple[str, ...]: ...

    @property
    def signature(self) -> str: ...

    def called(self, call: ast.Call) -> ast.expr:
        """What a call of it is replaced by."""
        ...


class Tables(dict[str, Any]):
    """The tables an expression may look into: lookups by name, and reference data by its mark and name, once it was
    asked for."""

    def __init__(self, lookups: Mapping[str, Any], references: References | None = None) -> None:
        super().__init__(lookups)
        self._references = references
        self.functions: dict[str, Shared] = {}
        """Functions that maps share, by name."""
        self.unread = False
        """Nothing was read of what the text names, so that any name is accepted; it is never run."""
        self.load: Callable[[str, int], None] | None = None
        """Reads a file of shared functions that a line names."""

    @property
    def knows_references(self) -> bool:
        return self._references is not None

    def reference(self, name: str) -> ReferenceTable | None:
        """Reference data by its name, from then on among the tables; None for what is not declared."""
        table = self._references.find(name) if self._references is not None else None
        if table is not None:
            self[f"{REFERENCE}{name}"] = table
        return table
