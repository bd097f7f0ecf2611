"""Trading partners of a project: make one, list them, show one, compare versions of what was agreed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.option import AsJson
from waypost.cli.output import print_json, say, table

if TYPE_CHECKING:
    from waypost.agreements.load import Partner

ProjectOption = Annotated[Path, typer.Option("--project", metavar="DIR", help="The project's folder.")]
PartnerName = Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's name.")]


def new(
    name: PartnerName,
    identity: Annotated[
        str,
        typer.Option("--id", metavar="QUALIFIER:ID", help="How it is named in X12 envelopes, such as 01:123456789."),
    ] = "",
    us: Annotated[str, typer.Option("--us", metavar="QUALIFIER:ID", help="How we are named.")] = "",
    project: ProjectOption = Path("."),
    as_json: AsJson = False,
) -> None:
    """Write a starter of a partner's file.

    It holds the usual settings; `waypost describe partner` tells them all.
    """
    from waypost.cli.scaffold import partner_files, write_files
    from waypost.core.errors import UsageError

    if not (project / "waypost.yaml").is_file():
        raise UsageError(f"{project} is no project", expected="a folder with waypost.yaml", remedy="waypost init")
    given = {**_identity("--id", identity, "qualifier", "id"), **_identity("--us", us, "us_qualifier", "us")}
    written = write_files(project, partner_files(name, given))
    if as_json:
        return print_json({"written": written})
    say("\n".join(str(project / path) for path in written))
    say(f"\nnext:\n  waypost check, then use it in a flow: format: {{x12: {{partner: {name}}}}}")


def _identity(option: str, text: str, qualifier: str, name: str) -> dict[str, str]:
    from waypost.core.errors import UsageError

    if not text:
        return {}
    first, colon, rest = text.partition(":")
    if not colon or not first or not rest or any(mark in text for mark in '"\\\n'):
        raise UsageError(f"{option} {text!r}", expected="a qualifier and an id, such as 01:123456789")
    return {qualifier: first, name: rest}


def list_(project: ProjectOption = Path("."), as_json: AsJson = False) -> None:
    """List the partners of a project."""
    partners = partners_of(project)
    rows = [partner_row(partner) for partner in partners.values()]
    if as_json:
        return print_json({"partners": rows})
    head = ("partner", "name", "version", "enabled", "standards", "identities")
    table(head, [[_cell(row[column]) for column in head] for row in rows], empty="no partners; waypost partner new")


def show(name: PartnerName, project: ProjectOption = Path("."), as_json: AsJson = False) -> None:
    """Everything agreed with a partner, defaults included."""
    from waypost.core.describe.declared import plain

    partner = the_partner(partners_of(project), name)
    data = {"version": partner.version, "file": partner.file.name, **plain(partner.options)}
    if as_json:
        return print_json(data)
    say("\n".join(_lines(data, "")))


def diff(
    name: PartnerName,
    before: Annotated[
        str,
        typer.Argument(
            metavar="BEFORE", help="What it is compared with: a file, or a version of the project; else the last run."
        ),
    ] = "",
    project: ProjectOption = Path("."),
    as_json: AsJson = False,
) -> None:
    """Compare a partner's file with an earlier one.

    Option by option: defaults count, comments and layout do not.
    """
    from waypost.agreements.difference import changes

    now = partners_of(project).get(name)
    old = _before(name, before, project)
    if now is None and old is None:
        the_partner(partners_of(project), name)
    found = changes(old.options if old else None, now.options if now else None)
    if as_json:
        versions = {"before": old and old.version, "after": now and now.version}
        print_json({"partner": name, **versions, "changes": [
            {"path": change.path, "before": change.before, "after": change.after} for change in found
        ]})  # fmt: skip
    else:
        say("\n".join(map(str, found)) or f"{name}: nothing differs")


def partners_of(project: Path) -> dict[str, Partner]:
    """The partners of a project folder. Raises ``ProjectError`` with the faults of their files."""
    from waypost.agreements.load import load_partners
    from waypost.core.errors import Fault, ProjectError
    from waypost.flow.declared.project import read_files

    if not (project / "waypost.yaml").is_file():
        remedy = "name it with --project, or make one with: waypost init"
        raise ProjectError([Fault(str(project), 0, "no-project", "no waypost.yaml here", "a project folder", remedy)])
    faults: list[Fault] = []
    partners = load_partners(read_files(project), faults)
    if faults:
        raise ProjectError(faults)
    return partners


def the_partner(partners: dict[str, Partner], name: str) -> Partner:
    """The partner of a name. Raises ``UsageError`` where there is none."""
    from waypost.core.errors import UsageError, near

    if name not in partners:
        remedy = near(name, partners) or f"known: {', '.join(sorted(partners)) or 'none'}"
        raise UsageError(f"no partner {name!r}", remedy=remedy)
    return partners[name]


def partner_row(partner: Partner) -> dict[str, Any]:
    """One partner of a listing."""
    options = partner.options
    identities = [f"{i.standard} {i.qualifier}:{i.id}" for i in options.identities]
    return {
        "partner": options.partner, "name": options.name, "version": partner.version, "enabled": options.enabled,
        "standards": [s for s in ("x12", "edifact") if getattr(options, s) is not None],
        "identities": identities, "file": partner.file.name,
    }  # fmt: skip


def _before(name: str, before: str, project: Path) -> Partner | None:
    from waypost.agreements.load import load_partners, parse_partner
    from waypost.core.errors import Fault, ProjectError

    faults: list[Fault] = []
    if before and Path(before).is_file():
        found = parse_partner(Path(before).read_bytes(), before, faults)
    else:
        found = load_partners(_files_of_version(before, project), faults).get(name)
    if faults:
        raise ProjectError(faults)
    return found


def running_files(project: Path) -> dict[str, bytes]:
    """The files of the version that ran last. Raises ``UsageError`` where none did."""
    return _files_of_version("", project)


def _files_of_version(version: str, project: Path) -> dict[str, bytes]:
    """The files of a version that ran; without a name those of the one activated last."""
    from waypost.cli.asking import make_client
    from waypost.core.errors import UsageError
    from waypost.flow.batch.versions import bundle_files
    from waypost.flow.declared.project import store_folder

    folder = store_folder(project) / "bundles"
    known = sorted(path.stem for path in folder.glob("*.zip"))
    if not version and known:
        import asyncio

        activated = asyncio.run(make_client(project.resolve(), "dev").ask("versions"))["versions"]
        version = activated[-1]["version"] if activated else ""
    fitting = [name for name in known if version and name.startswith(version)]
    if len(fitting) != 1:
        found = f"no file or version {version!r}" if version else "no version of this project has run yet"
        raise UsageError(found, expected="a partner's file, or a version", remedy="waypost versions lists them")
    return bundle_files((folder / f"{fitting[0]}.zip").read_bytes())


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _lines(value: Any, indent: str) -> list[str]:
    """A nested value as indented lines, leaving out what is empty."""
    lines: list[str] = []
    for name, item in value.items():
        if item in (None, "", [], {}):
            continue
        if isinstance(item, dict):
            lines += [f"{indent}{name}:", *_lines(item, indent + "  ")]
        elif isinstance(item, list) and any(isinstance(one, dict) for one in item):
            lines.append(f"{indent}{name}:")
            for one in item:
                inner = _lines(one, indent + "    ")
                lines += [f"{indent}  - {inner[0].lstrip()}", *inner[1:]]
        else:
            lines.append(f"{indent}{name}: {_cell(item)}")
    return lines
