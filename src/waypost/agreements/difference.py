"""What changed between two versions of a partner's agreement, option by option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from waypost.agreements.declaration import PartnerOptions
from waypost.core.describe.declared import plain

_NAMED = {"identities": ("standard", "qualifier", "id"), "us": ("standard", "qualifier", "id"), "contacts": ("name",),
          "messages": ("set", "version", "association", "group"), "expect": ("what", "sets"), "certificates": ("file",),
          "service_levels": ("name",), "escalation": ("after", "contact")}  # fmt: skip
"""What tells the entries of a list apart, so that moving one is no change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One option that differs. ``before`` and ``after`` are as written in the file; None where it was not there."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.path}: {_said(self.after)}"
        if self.after is None:
            return f"- {self.path}: {_said(self.before)}"
        return f"~ {self.path}: {_said(self.before)} → {_said(self.after)}"


def changes(before: PartnerOptions | None, after: PartnerOptions | None) -> list[Change]:
    """Every option that differs, defaults included, in the order they are declared."""
    return list(_differences("", {} if before is None else plain(before), {} if after is None else plain(after)))


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _differences(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and (names := _NAMED.get(path.rpartition(".")[2])):
        yield from _differences_of_lists(path, names, before, after)
    else:
        yield Change(path, before, after)


def _differences_of_lists(path: str, names: tuple[str, ...], before: list[Any], after: list[Any]) -> Iterator[Change]:
    one, other = _by_name(names, before), _by_name(names, after)
    for name in [*one, *(name for name in other if name not in one)]:
        yield from _differences(f"{path}[{name}]", one.get(name), other.get(name))


def _by_name(names: tuple[str, ...], entries: list[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in entries:
        name = " ".join(filter(None, (_said(entry.get(part)) for part in names if entry.get(part))))
        made[name if name not in made else f"{name} #{len(made)}"] = entry
    return made


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{name}: {_said(one)}" for name, one in value.items() if one not in ("", None, [])) + "}"
        )
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    return "none" if value in ("", None) else str(value).lower() if isinstance(value, bool) else str(value)
