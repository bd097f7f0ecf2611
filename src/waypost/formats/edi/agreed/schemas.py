"""Schemas of a project: those of its folder ``schemas/`` beside those that come along, also where the project is a
stored version and no folder on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.core.grants import Grants
from waypost.formats.edi.schema.load import Library
from waypost.formats.edi.schema.model import Schema

FOLDER = "schemas/"


class ProjectFolder:
    """A folder of files held in memory, as far as ``Library`` looks at one."""

    def __init__(self, files: Mapping[str, bytes], path: str = FOLDER) -> None:
        self._files, self._path = files, path
        self.name = path.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> ProjectFolder:
        return ProjectFolder(self._files, f"{self._path.rstrip('/')}/{name}")

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0] or self.name

    @property
    def parent(self) -> ProjectFolder:
        return ProjectFolder(self._files, self._path.rstrip("/").rpartition("/")[0])

    def is_file(self) -> bool:
        return self._path in self._files

    def is_dir(self) -> bool:
        return any(name.startswith(self._path.rstrip("/") + "/") for name in self._files)

    def iterdir(self) -> Iterator[ProjectFolder]:
        start = self._path.rstrip("/") + "/"
        names = {name[len(start) :].partition("/")[0] for name in self._files if name.startswith(start)}
        return (self / name for name in sorted(names))

    def read_text(self, encoding: str) -> str:
        return self._files[self._path].decode(encoding)

    def __str__(self) -> str:
        return self._path


class ProjectSchemas:
    """What agreements and flows may name as a schema."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        folder: Any = ProjectFolder(files)
        self.library = Library((folder,))
        self._found: dict[str, Schema | None] = {}

    @staticmethod
    def of(grants: Grants) -> ProjectSchemas:
        """The schemas of the project a component belongs to."""
        read, names = grants.read_file, grants.list_files
        return ProjectSchemas({name: read(name) for name in names(FOLDER)} if read and names else {})

    def find(self, name: str) -> Schema | None:
        """The schema or overlay of a name, or of a file of the project. Raises ``ProjectError`` with its faults."""
        if name not in self._found:
            file: Any = ProjectFolder(self.files, name)
            try:
                self._found[name] = self.library.file(file) if file.is_file() else self.library.schema(name)
            except ProjectError as error:
                raise ProjectError(_placed(fault, name) for fault in error.faults) from None
        return self._found[name]


def _placed(fault: Fault, name: str) -> Fault:
    """A fault with the whole path of the project's file it is in."""
    return replace(fault, file=name) if fault.file == name.rpartition("/")[2] else fault
