"""The registry: the engine finds components here and nowhere else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from waypost.core.errors import near
from waypost.core.spec import Spec
from waypost.core.traits import FormatTraits, SourceTraits, StepTraits, TargetTraits

Kind = Literal["source", "target", "requester", "format", "step", "connection"]
KINDS: tuple[Kind, ...] = ("source", "target", "requester", "format", "step", "connection")
Traits = SourceTraits | TargetTraits | StepTraits | FormatTraits | None
T = TypeVar("T", bound=type[Any])


@dataclass(frozen=True, slots=True)
class Component:
    """One declared component. ``summary`` is its class docstring's first line; ``extra`` the pip extra it needs.
    ``traits_for`` computes narrower traits from its options where they decide (an idempotency header, ``append``)."""

    kind: Kind
    name: str
    build: Callable[..., Any]
    spec: Spec
    traits: Traits
    summary: str
    module: str
    example: str
    extra: str
    traits_for: Callable[[Any], Traits] | None = None

    def traits_of(self, options: Any) -> Any:
        return self.traits_for(options) if self.traits_for else self.traits


class Registry:
    """Components by kind and name."""

    def __init__(self) -> None:
        self._components: dict[tuple[Kind, str], Component] = {}

    def register(
        self, kind: Kind, name: str, *, options: type[Any], traits: Traits = None, shorthand: str = "",
        example: str = "", extra: str = "", traits_for: Callable[[Any], Traits] | None = None,
    ) -> Callable[[T], T]:  # fmt: skip
        """The class decorator that declares a component. ``example`` is YAML of the options, linted by a test;
        ``shorthand`` names the option meant by ``name: value`` in place of a mapping."""

        def declare(cls: T) -> T:
            if (kind, name) in self._components:
                raise ValueError(f"{kind} {name!r} is registered twice")
            summary = (cls.__doc__ or "").strip().splitlines()[0]
            self._components[kind, name] = Component(
                kind,
                name,
                cls,
                Spec.of(options, shorthand),
                traits,
                summary,
                cls.__module__,
                example,
                extra,
                traits_for,
            )
            return cls

        return declare

    def find(self, kind: Kind, name: str) -> Component | None:
        return self._components.get((kind, name))

    def names(self, kind: Kind) -> list[str]:
        return sorted(n for k, n in self._components if k == kind)

    def near(self, kind: Kind, name: str) -> str:
        """The remedy for an unknown name."""
        return near(name, self.names(kind)) or f"known: {', '.join(self.names(kind))}"

    def __iter__(self) -> Iterator[Component]:
        return iter(sorted(self._components.values(), key=lambda c: (c.kind, c.name)))


registry = Registry()
"""The registry of this process."""


def load_components() -> Registry:
    """Import every module of the component packages, so that each registers itself. Outside libraries are imported
    by components only when built."""
    for package in ("waypost.formats", "waypost.steps", "waypost.connectors"):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, package + "."):
            importlib.import_module(module.name)
    return registry
