"""Libraries of a project: maps, schemas, lookups and templates of another folder or of an installed package.

Their files are known as ``libraries/NAME/…`` and belong to the version, as the project's own do.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from waypost.core.errors import Fault, ProjectError
from waypost.core.yamlfile import YamlFile, parse_yaml

FOLDERS = ("maps", "schemas", "lookups", "templates")
"""What a library gives."""
_MOST_BYTES = 64 << 20


def library_files(root: Path) -> dict[str, bytes]:
    """The bytes of every file of the libraries that ``waypost.yaml`` names. Raises ``ProjectError`` with every fault of
    theirs."""
    faults: list[Fault] = []
    files: dict[str, bytes] = {}
    for name, folder in library_folders(root, faults).items():
        for path in _files(folder):
            try:
                if path.stat().st_size > _MOST_BYTES:
                    faults.append(Fault(str(path), 0, "too-large", "larger than 64 MiB", "a file of a library"))
                    continue
                files[f"libraries/{name}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
            except OSError as error:
                faults.append(Fault(str(path), 0, "unreadable", str(error.strerror), "a readable file"))
    if faults:
        raise ProjectError(faults)
    return files


def library_folders(root: Path, faults: list[Fault]) -> dict[str, Path]:
    """The folder of each library; what is wrong is added to ``faults``. A project that cannot be read has none."""
    try:
        file = parse_yaml((root / "waypost.yaml").read_text("utf-8-sig"), "waypost.yaml", [])
    except (OSError, UnicodeDecodeError):
        return {}
    named = file.data.get("libraries") if isinstance(file.data, dict) else None
    if not isinstance(named, Mapping):
        return {}  # of another kind: told of when the file is parsed
    made: dict[str, Path] = {}
    for name, where in named.items():
        path = ("libraries", name)
        if not str(name).isidentifier():
            faults.append(file.fault(path, "library", f"the name {name!r}", "letters, digits and _"))
            continue
        folder = _folder(root, file, name, where, faults)
        if folder is not None:
            made[str(name)] = folder
    return made


def _folder(root: Path, file: YamlFile, name: str, where: Any, faults: list[Fault]) -> Path | None:
    path = ("libraries", name)
    if isinstance(where, str):
        folder = (root / where).resolve()
        if folder.is_dir():
            return folder
        faults.append(file.fault(path, "library", f"no folder {where!r}", "the folder of another project"))
    elif isinstance(where, Mapping) and set(where) == {"package"}:
        try:
            found = importlib.resources.files(str(where["package"]))
        except (ImportError, TypeError, ValueError):
            text, remedy = f"no package {where['package']!r}", f"pip install it, or correct {path[1]!r}"
            faults.append(file.fault(path, "library", text, "an installed package", remedy))
            return None
        if isinstance(found, Path):
            return found
        faults.append(file.fault(path, "library", f"package {where['package']!r} is no folder", "one on the disk"))
    else:
        faults.append(file.fault(path, "library", f"found {where!r}", "a folder, or {package: NAME}"))
    return None


def _files(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield path
