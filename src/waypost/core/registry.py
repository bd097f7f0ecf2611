"""The registry: the engine finds components here and nowhere else. A component is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from waypost.core.declared import declarations
from waypost.core.errors import near
from waypost.core.spec import Spec
from waypost.core.traits import FormatTraits, SourceTraits, StepTraits, TargetTraits

Kind = Literal["source", "target", "requester", "format", "step", "connection"]
KINDS: tuple[Kind, ...] = ("source", "target", "requester", "format", "step", "connection")
Traits = SourceTraits | TargetTraits | StepTraits | FormatTraits | None
T = TypeVar("T", bound=type[Any])

_DECLARATION = r'\n@registry\.register\(\s*"(\w+)",\s*"(\w+)"'


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


def _components() -> Mapping[tuple[Kind, str], str]:
    return {(cast(Kind, kind), name): module for (kind, name), module in declarations(_DECLARATION).items()}


class Registry:
    """Components by kind and name; ``modules`` says which modules declare those not registered yet."""

    def __init__(self, modules: Callable[[], Mapping[tuple[Kind, str], str]] = dict) -> None:
        self._components: dict[tuple[Kind, str], Component] = {}
        self._modules = modules

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
        """A component, imported if need be."""
        if (kind, name) not in self._components and (module := self._modules().get((kind, name))):
            importlib.import_module(module)
        return self._components.get((kind, name))

    def names(self, kind: Kind) -> list[str]:
        return sorted({name for of, name in (*self._components, *self._modules()) if of == kind})

    def near(self, kind: Kind, name: str) -> str:
        """The remedy for an unknown name."""
        return near(name, self.names(kind)) or f"known: {', '.join(self.names(kind))}"

    def __iter__(self) -> Iterator[Component]:
        """Every component, by kind and name."""
        for module in self._modules().values():
            importlib.import_module(module)
        return iter(sorted(self._components.values(), key=lambda c: (c.kind, c.name)))


registry = Registry(_components)
"""The registry of this process. Outside libraries are imported by components only when built."""
