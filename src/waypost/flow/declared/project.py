"""Load a project folder, or a stored bundle of one, into a ``Project``; every fault is found in one go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from waypost.agreements.load import Partner, lint_partners, load_partners
from waypost.core.calendar import parse_calendar
from waypost.core.errors import Fault, ProjectError, near
from waypost.core.pack import with_packs
from waypost.core.registry import Kind, registry
from waypost.core.spec import Expression, Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.flow.declared.definition import (
    PROJECT_FORMAT,
    ConnectionClass,
    ConnectionDefinition,
    FaultyFlow,
    FlowDefinition,
    FlowOptions,
    KeyOptions,
    Project,
    ProjectOptions,
    TargetUse,
    Use,
)
from waypost.flow.declared.environment import Environment, environment_from
from waypost.flow.declared.library import library_files
from waypost.flow.declared.lint import lint_flows
from waypost.flow.declared.readable import readable_options as readable_options
from waypost.flow.declared.template import Templates, collapsed

FOLDERS = (
    "flows",
    "maps",
    "schemas",
    "lookups",
    "reference",
    "calendars",
    "steps",
    "templates",
    "partners",
    "apis",
    "environments",
)
"""What belongs to a version, besides waypost.yaml and connections.yaml."""
MAX_FILE_BYTES = 64 << 20
TEST_FILES = (".test.yaml", ".test.yml")
"""Files that test what they lie beside; they belong to no version."""


def load_project(root: Path, environment: str = "dev") -> Project:
    """The project in ``root``. Raises ``ProjectError`` with every fault."""
    if not (root / "waypost.yaml").is_file():
        found = "no waypost.yaml here" if root.is_dir() else "no such folder"
        raise ProjectError(
            [Fault(str(root), 0, "no-project", found, "a project folder", "make one with: waypost init")]
        )
    return project_of(read_files(root), root, environment)


def store_folder(root: Path) -> Path:
    """The folder of the project's message store, by waypost.yaml alone: works on a project with faults."""
    faults: list[Fault] = []
    try:
        file = parse_yaml((root / "waypost.yaml").read_text("utf-8-sig"), "waypost.yaml", faults)
    except OSError as error:
        raise ProjectError([Fault(str(root), 0, "no-project", "no waypost.yaml here", "a project folder")]) from error
    named = file.data.get("store") if isinstance(file.data, dict) else None
    return root / str(named or ProjectOptions(name="").store)


def read_files(root: Path) -> dict[str, bytes]:
    """The bytes of every file that belongs to a version, by path relative to ``root``, and of the packs it names."""
    files: dict[str, bytes] = {}
    for path in _candidates(root):
        name = path.relative_to(root).as_posix()
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ProjectError([Fault(name, 0, "too-large", "larger than 64 MiB", "a project file")])
            files[name] = path.read_bytes()
        except OSError as error:
            raise ProjectError([Fault(name, 0, "unreadable", str(error.strerror), "a readable file")]) from error
    return with_packs({**files, **library_files(root)})


def _candidates(root: Path) -> Iterator[Path]:
    for name in ("waypost.yaml", "connections.yaml"):
        if (root / name).is_file():
            yield root / name
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            hidden = path.name.startswith(".") or path.name.endswith(TEST_FILES)
            if path.is_file() and "__pycache__" not in path.parts and not hidden:
                yield path


def version_of(files: Mapping[str, bytes]) -> str:
    """The digest that names a version: all files but the environments'."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(files):
        if not name.startswith("environments/"):
            digest.update(f"{name}\0{len(files[name])}\0".encode())
            digest.update(files[name])
    return digest.hexdigest()


def project_of(files: Mapping[str, bytes], root: Path, environment: str) -> Project:
    """The project made of ``files``; ``root`` is where secrets and files of the machine are looked for."""
    return _Loader(files, root, environment).load()


class _Loader:
    def __init__(self, files: Mapping[str, bytes], root: Path, environment: str) -> None:
        self.files, self.root, self.environment_name = files, root, environment
        self.faults: list[Fault] = []
        self.faulty: list[FlowDefinition | FaultyFlow] = []
        self.connection_names: list[str] = []
        """Flows with faults, as far as they could be read."""

    def load(self) -> Project:
        project_file = self.yaml("waypost.yaml")
        environment = self._environment(_declared(project_file.data))
        options = Spec.of(ProjectOptions).parse(
            project_file, self._listening(project_file, environment), (), self.faults
        )
        if options is not None and options.format > PROJECT_FORMAT:
            text = f"format {options.format}"
            self.faults.append(
                project_file.fault(("format",), "too-new", text, f"at most {PROJECT_FORMAT}", "use a later Waypost")
            )
        connections = self._connections(environment)
        partners = self._partners(connections)
        flows = self._flows(environment)
        named = {**dict.fromkeys(self.connection_names), **connections}
        self.faults += lint_flows([*flows.values(), *self.faulty], named, environment, self.files)
        if self.faults or options is None:
            raise ProjectError(collapsed(self.faults))
        return Project(
            options, environment.name, version_of(self.files), flows, connections, self.files, partners,
            environment.environment_class, self.root,
        )  # fmt: skip

    def _partners(self, connections: Mapping[str, ConnectionDefinition]) -> dict[str, Partner]:
        partners = load_partners(self.files, self.faults)
        self.faults += lint_partners(partners, self.files, {*self.connection_names, *connections})
        for name in registry.names("format") if partners else ():
            component = registry.find("format", name)
            lint = getattr(component.build, "lint_agreements", None) if component else None
            self.faults += lint(partners, self.files) if lint else ()
        for calendar in sorted({partner.options.calendar for partner in partners.values()} - {""}):
            name = f"calendars/{calendar}.yaml"
            if name in self.files:
                parse_calendar(self.files[name].decode("utf-8", "replace"), name, self.faults)
        return partners

    def _listening(self, file: YamlFile, environment: Environment) -> Any:
        """The project's data with the environment's values in ``listen``, the one part that differs between them."""
        if not isinstance(file.data, dict) or "listen" not in file.data:
            return file.data
        return {**file.data, "listen": environment.put_in(file.data["listen"], file, ("listen",), self.faults)}

    def yaml(self, name: str) -> YamlFile:
        try:
            return parse_yaml(self.files[name].decode("utf-8-sig"), name, self.faults)
        except UnicodeDecodeError as error:
            self.faults.append(Fault(name, 0, "encoding", f"not UTF-8 at byte {error.start}", "UTF-8 text"))
            return YamlFile(name, None)

    def _environment(self, declared: Mapping[str, str]) -> Environment:
        name = f"environments/{self.environment_name}.yaml"
        if name in self.files:
            return environment_from(self.yaml(name), self.environment_name, self.root, declared, self.faults)
        known = [
            n.removeprefix("environments/").removesuffix(".yaml") for n in self.files if n.startswith("environments/")
        ]
        if known or self.environment_name != "dev":
            remedy = near(self.environment_name, known) or f"known: {', '.join(sorted(known)) or 'none'}"
            self.faults.append(
                Fault(name, 0, "unknown-environment", f"no environment {self.environment_name!r}", "", remedy)
            )
        return Environment(self.environment_name, ConnectionClass.TEST, {}, {}, {})

    def _connections(self, environment: Environment) -> dict[str, ConnectionDefinition]:
        if "connections.yaml" not in self.files:
            return {}
        file = self.yaml("connections.yaml")
        made: dict[str, ConnectionDefinition] = {}
        if file.data is not None and not isinstance(file.data, dict):
            self.faults.append(file.fault((), "type", "found no mapping", "connection names with their options"))
            return {}
        self.connection_names = list(file.data or {})
        for name, raw in (file.data or {}).items():
            if not isinstance(raw, dict) or "kind" not in raw:
                self.faults.append(
                    file.fault((name,), "missing-option", "option 'kind' is missing", "", "say what it is: kind: sftp")
                )
                continue
            rest = {k: v for k, v in raw.items() if k not in ("kind", "class")}
            use = self._use("connection", str(raw["kind"]), rest, file, (name,), name, environment)
            known = [c.value for c in ConnectionClass]
            if raw.get("class") not in (None, *known):
                self.faults.append(
                    file.fault((name, "class"), "choice", f"found {raw['class']!r}", "one of " + ", ".join(known))
                )
            elif use:
                chosen = ConnectionClass(raw["class"]) if raw.get("class") else None
                made[name] = ConnectionDefinition(name, use, chosen)
        return made

    def _flows(self, environment: Environment) -> dict[str, FlowDefinition]:
        made: dict[str, FlowDefinition] = {}
        templates = Templates(self.files, self.yaml, self.faults)
        for name in sorted(self.files):
            if not (name.startswith("flows/") and name.endswith((".yaml", ".yml"))):
                continue
            written = self.yaml(name)
            if written.data is None:
                if not any(fault.file == name for fault in self.faults):
                    self.faults.append(written.fault((), "empty", "an empty file", "a flow"))
                continue
            for file in templates.flows(written):
                self._take_flow(file, made, environment)
        self.faults = collapsed(self.faults)
        return made

    def _take_flow(self, file: YamlFile, made: dict[str, FlowDefinition], environment: Environment) -> None:
        """Parse one flow and put it among those ``made``."""
        _with_source(file)
        options = Spec.of(FlowOptions).parse(file, file.data, (), self.faults)
        if options is None:
            if isinstance(file.data, dict):
                readable = self._flow(readable_options(file), file, environment)
                self.faulty += [readable] if readable else []
            return
        flow = self._flow(options, file, environment)
        if flow and options.flow in made:
            other = made[options.flow].file.origin_of(("flow",))
            text = f"flow {options.flow!r} is also in {other.file}" + (f", {other.note}" if other.note else "")
            self.faults.append(file.fault(("flow",), "twice", text, "one flow a name"))
        elif flow:
            made[options.flow] = flow

    def _flow(self, options: FlowOptions, file: YamlFile, environment: Environment) -> FlowDefinition | None:
        source = None
        if options.source or file.data.get("source") == {}:
            source = self._one("source", options.source, file, ("source",), "source", environment)
        fmt = self._format(options.format, file, ("format",))
        keys = self._keys(options.keys, file, ("keys",))
        steps = self._steps(options.steps, file, environment)
        targets = {
            name: self._target(name, raw, fmt, file, ("targets", name), environment)
            for name, raw in options.targets.items()
        }
        if not file.data.get("targets"):
            self.faults.append(file.fault((), "missing-option", "no targets", "", "name at least one under 'targets:'"))
        if source is None or fmt is None or None in steps or None in targets.values():
            self.faulty.append(FaultyFlow(options, source, fmt, keys, tuple(steps), targets, file))
            return None
        return FlowDefinition(
            options, source, fmt, keys, tuple(s for s in steps if s), {n: t for n, t in targets.items() if t}, file
        )

    def _target(
        self, name: str, raw: Any, fmt: Use | None, file: YamlFile, path: YamlPath, environment: Environment
    ) -> TargetUse | None:
        extras = ("format", "keep", "keys", "answer_keys")
        if not isinstance(raw, dict):
            self.faults.append(file.fault(path, "type", f"found {raw!r}", "a connector and its options"))
            return None
        use = self._one("target", {k: v for k, v in raw.items() if k not in extras}, file, path, name, environment)
        own = raw.get("format") or (
            {"json": {}}
            if fmt is None or fmt.component.name != "json" or fmt.options.lines or fmt.options.records
            else None
        )
        written = self._format(own, file, (*path, "format")) if own is not None else fmt
        keep = raw.get("keep")
        if keep not in (None, "sent"):
            self.faults.append(file.fault((*path, "keep"), "choice", f"found {keep!r}", "sent"))
        produced = self._keys(raw.get("keys") or {}, file, (*path, "keys"))
        answered = self._keys(raw.get("answer_keys") or {}, file, (*path, "answer_keys"))
        return TargetUse(use, written, keep == "sent", answered, produced) if use and written else None

    def _keys(self, raw: Mapping[str, Any], file: YamlFile, path: YamlPath) -> dict[str, KeyOptions]:
        made: dict[str, KeyOptions] = {}
        if not isinstance(raw, Mapping):
            self.faults.append(file.fault(path, "type", f"found {raw!r}", "names with their expressions"))
            return made
        for name, value in raw.items():
            if isinstance(value, dict):
                options = Spec.of(KeyOptions).parse(file, value, (*path, name), self.faults)
            else:
                options = KeyOptions(path=Expression(str(value)))
            if options:
                made[name] = options
        return made

    def _steps(self, raw: tuple[Any, ...], file: YamlFile, environment: Environment) -> list[Use | None]:
        made: list[Use | None] = []
        taken: set[str] = set()
        for i, item in enumerate(raw):
            path = ("steps", i)
            if not isinstance(item, dict):
                self.faults.append(file.fault(path, "type", f"found {item!r}", "a step and its options"))
                made.append(None)
                continue
            kinds = [k for k in item if k != "name"]
            name = str(item.get("name") or (kinds[0] if kinds else i))
            if name in taken and "name" not in item:
                name = next(f"{name}-{n}" for n in range(2, 10_000) if f"{name}-{n}" not in taken)
            if name in taken:
                self.faults.append(
                    file.fault((*path, "name"), "twice", f"step {name!r} is named twice", "one step a name")
                )
            taken.add(name)
            made.append(self._one("step", {k: item[k] for k in kinds}, file, path, name, environment))
        return made

    def _format(self, raw: Any, file: YamlFile, path: YamlPath) -> Use | None:
        if isinstance(raw, str):
            raw = {raw: {}}
        if not isinstance(raw, dict):
            self.faults.append(
                file.fault(path, "type", f"found {raw!r}", "a format's name or the format with its options")
            )
            return None
        return self._one("format", raw, file, path, "format", None)

    def _one(
        self,
        kind: Kind,
        raw: Mapping[str, Any],
        file: YamlFile,
        path: YamlPath,
        name: str,
        environment: Environment | None,
    ) -> Use | None:
        if len(raw) != 1:
            found = "nothing" if not raw else " and ".join(map(repr, raw))
            self.faults.append(
                file.fault(path, "one-component", f"found {found}", f"exactly one {kind}", self._known(kind, raw))
            )
            return None
        ((component, options),) = raw.items()
        return self._use(kind, component, options, file, (*path, component), name, environment)

    def _known(self, kind: Kind, raw: Mapping[str, Any]) -> str:
        strangers = [k for k in raw if registry.find(kind, k) is None]
        return registry.near(kind, strangers[0]) if strangers else ""

    def _use(
        self, kind: Kind, component: str, options: Any, file: YamlFile, path: YamlPath, name: str,
        environment: Environment | None,
    ) -> Use | None:  # fmt: skip
        declared = registry.find(kind, component)
        if declared is None:
            text = f"no {kind} {component!r}"
            self.faults.append(file.fault(path, f"unknown-{kind}", text, "", registry.near(kind, component)))
            return None
        if environment is not None:
            options = environment.put_in(options, file, path, self.faults)
        parsed = declared.spec.parse(file, options, path, self.faults)
        return None if parsed is None else Use(declared, parsed, file, path, name)


def _with_source(file: YamlFile) -> None:
    """``from`` of an expectation under the name its options class can have."""
    expected = file.data.get("expect") if isinstance(file.data, dict) else None
    for number, one in enumerate(expected if isinstance(expected, list) else ()):
        if isinstance(one, dict) and "from" in one and "source" not in one:
            one["source"] = one.pop("from")
            file.lines["expect", number, "source"] = file.line(("expect", number, "from"))


def _declared(data: Any) -> dict[str, str]:
    """The values an environment must give, as far as they are written rightly."""
    values = data.get("values") if isinstance(data, dict) else None
    return {n: t for n, t in values.items() if isinstance(t, str)} if isinstance(values, dict) else {}
