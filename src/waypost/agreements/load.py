"""The partners of a project, read from ``partners/*.yaml``, and what must fit together between them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from waypost.agreements.declaration import IdentityOptions, PartnerOptions
from waypost.agreements.part import MessageOptions
from waypost.core.errors import Fault, near
from waypost.core.spec import Spec
from waypost.core.yamlfile import Path as YamlPath
from waypost.core.yamlfile import YamlFile, parse_yaml

FOLDER = "partners/"


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner. ``version`` is the digest of its file's content: another agreement has another version."""

    options: PartnerOptions
    version: str
    file: YamlFile

    @property
    def name(self) -> str:
        return self.options.partner


def is_partner_file(name: str) -> bool:
    """Whether a file of a project declares a partner."""
    return name.startswith(FOLDER) and name.count("/") == 1 and name.endswith((".yaml", ".yml"))


def partner_names(files: Iterable[str]) -> list[str]:
    """The partners a project's files declare: a partner's file has its name."""
    return sorted(name.removeprefix(FOLDER).rpartition(".")[0] for name in files if is_partner_file(name))


def parse_partner(data: bytes, name: str, faults: list[Fault]) -> Partner | None:
    """The partner in one file; None with its faults added."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        faults.append(Fault(name, 0, "encoding", f"not UTF-8 at byte {wrong.start}", "UTF-8 text"))
        return None
    before = len(faults)
    file = parse_yaml(text, name, faults)
    if len(faults) > before:
        return None
    options = Spec.of(PartnerOptions).parse(file, file.data, (), faults)
    return None if options is None else Partner(options, version_of(file.data), file)


def version_of(data: Any) -> str:
    """The digest of a partner file's content: comments, order of keys and layout do not matter.

    >>> version_of({"a": 1, "b": [2]}) == version_of({"b": [2], "a": 1})
    True
    """
    return hashlib.blake2b(_canonical(data).encode(), digest_size=8).hexdigest()


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return repr(value)


def load_partners(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, Partner]:
    """Every partner of a project's files by name; what is wrong with them is added to ``faults``."""
    made: dict[str, Partner] = {}
    for name in sorted(filter(is_partner_file, files)):
        partner = parse_partner(files[name], name, faults)
        if partner is None:
            continue
        if [partner.name] != partner_names([name]):
            text = f"partner {partner.name!r} in {name}"
            faults.append(partner.file.fault(("partner",), "file-name", text, f"{FOLDER}{partner.name}.yaml"))
        if partner.name in made:
            text = f"partner {partner.name!r} is also in {made[partner.name].file.name}"
            faults.append(partner.file.fault(("partner",), "twice", text, "one file a partner"))
            continue
        made[partner.name] = partner
    return made


def lint_partners(
    partners: Mapping[str, Partner], files: Mapping[str, bytes], connections: Collection[str]
) -> Iterator[Fault]:
    """What of the partners does not fit the rest of the project, but for what formats know better."""
    for partner in partners.values():
        yield from _lint_references(partner, files, connections)
        for path, message in messages_of(partner.options):
            if message.map is not None and message.map not in files:
                yield _no_file(partner, (*path, "map"), message.map, files)
    yield from _lint_identities(partners)


def messages_of(options: PartnerOptions) -> Iterator[tuple[YamlPath, MessageOptions]]:
    """Every message type agreed with a partner, and where it is written."""
    for standard in ("x12", "edifact"):
        agreed = getattr(options, standard)
        for way in ("receive", "send") if agreed is not None else ():
            for number, message in enumerate(getattr(agreed, way).messages):
                yield (standard, way, "messages", number), message


def _lint_references(
    partner: Partner, files: Mapping[str, bytes], connections: Collection[str]
) -> Iterator[Fault]:  # fmt: skip
    options = partner.options
    calendar = f"calendars/{options.calendar}.yaml"
    if options.calendar and calendar not in files:
        known = [name[10:-5] for name in files if name.startswith("calendars/") and name.endswith(".yaml")]
        remedy = near(options.calendar, known) or f"make {calendar}"
        yield partner.file.fault(("calendar",), "unknown-calendar", f"no calendar {options.calendar!r}", "", remedy)
    for number, certificate in enumerate(options.certificates):
        if certificate.file not in files:
            yield _no_file(partner, ("certificates", number, "file"), certificate.file, files)
    for name, endpoint in options.endpoints.items():
        if endpoint.connection is not None and endpoint.connection not in connections:
            text = f"no connection {str(endpoint.connection)!r}"
            remedy = near(endpoint.connection, connections) or "name it in connections.yaml"
            yield partner.file.fault(("endpoints", name, "connection"), "unknown-connection", text, "", remedy)


def _no_file(partner: Partner, path: YamlPath, name: str, files: Mapping[str, bytes]) -> Fault:
    remedy = near(name, files) or "make it, under one of the project's folders"
    return partner.file.fault(path, "missing-file", f"no file {str(name)!r} in the project", "", remedy)


def _lint_identities(partners: Mapping[str, Partner]) -> Iterator[Fault]:
    """Two partners must not have a name in common under which something could come from either."""
    taken: dict[tuple[str, str, str], list[tuple[str, IdentityOptions]]] = {}
    for partner in partners.values():
        for number, identity in enumerate(partner.options.identities):
            held = taken.setdefault((identity.standard, identity.qualifier, identity.id), [])
            for other, theirs in held:
                if _overlap(identity.group, theirs.group) and _overlap(
                    identity.usage, theirs.usage, "any"
                ):  # fmt: skip
                    text = f"{identity.standard} {identity.qualifier} {identity.id} is also of partner {other!r}"
                    yield partner.file.fault(("identities", number), "twice", text, "an identity of its own")
                    break
            held.append((partner.name, identity))


def _overlap(one: str, other: str, every: str = "") -> bool:
    return one == other or every in (one, other)
