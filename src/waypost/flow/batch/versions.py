"""Versions of the project: each is kept, by digest, as long as messages may need it, and compiled once."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from waypost.core.errors import Fault, ProjectError, StoreDamaged
from waypost.flow.batch.assemble import Surroundings, compile_flow
from waypost.flow.batch.compiled import CompiledFlow
from waypost.flow.declared.definition import Project
from waypost.flow.declared.project import project_of, read_files, version_of
from waypost.flow.declared.reference_data import ReferenceData

Activation = tuple[str, int, str, Mapping[str, object]]
"""(version, at, who, details)."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


class Versions:
    """The bundles in a store's folder. A bundle holds project files only; connections' addresses, secrets and
    environment values are today's."""

    def __init__(self, folder: Path, root: Path, environment: str, around: Surroundings) -> None:
        self._folder, self._root, self._environment, self._around = folder, root, environment, around
        if around.references is None:
            around.references = ReferenceData(folder.parent, around.clock)
        self._projects: dict[str, Project] = {}
        self._flows: dict[tuple[str, str], CompiledFlow] = {}

    def keep(self, project: Project) -> None:
        """Store the bundle of a version, so that its messages can be recomputed for as long as they are kept."""
        self.know(project)
        path = self._path(project.version)
        if path.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(f".{os.getpid()}.part")
        with written.open("wb") as file:
            file.write(bundle_bytes(project.files))
            file.flush()
            os.fsync(file.fileno())
        written.rename(path)

    def know(self, project: Project) -> None:
        """Have the project of a version at hand without storing its bundle."""
        self._projects[project.version] = project

    def known(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.zip"))

    def project(self, version: str) -> Project:
        """The project of a version, under today's environment. Raises ``ProjectError`` when it no longer fits it."""
        if version not in self._projects:
            path = self._path(version)
            if not path.exists():
                raise StoreDamaged(
                    f"no bundle of version {version}", where=str(path), remedy="restore it from a backup"
                )
            files = bundle_files(path.read_bytes())
            if version_of(files) != version:
                raise StoreDamaged(
                    "the bundle is not what its name says", where=str(path), remedy="restore it from a backup"
                )
            today = {n: b for n, b in read_files(self._root).items() if n.startswith("environments/")}
            self._projects[version] = project_of({**files, **today}, self._root, self._environment)
        return self._projects[version]

    def active(self, project: Project, activations: Sequence[Activation]) -> Project:
        """What a start with the files of ``project`` runs: an earlier version that a person activated beside the very
        same files, or the files."""
        if activations:
            version, _, _, details = activations[-1]
            if details.get("files_version") == project.version and self._path(version).exists():
                return self.project(version)
        return project

    def flow(self, version: str, name: str) -> CompiledFlow:
        """A compiled flow of a version."""
        at = (version, name)
        if at not in self._flows:
            project = self.project(version)
            if name not in project.flows:
                raise ProjectError([Fault(f"version {version}", 0, "unknown-flow", f"no flow {name!r} in it")])
            self._flows[at] = compile_flow(project.flows[name], project, self._around)
        return self._flows[at]

    def _path(self, version: str) -> Path:
        return self._folder / f"{version}.zip"


def bundle_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files that make a version; equal files give equal bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(files):
            if not name.startswith("environments/"):
                bundle.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def bundle_files(data: bytes) -> dict[str, bytes]:
    """The files of a bundle, by path."""
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}
