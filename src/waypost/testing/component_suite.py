"""What every side of a connector promises, whatever it does: a sound declaration, harmless closing, honest refusals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from waypost.core.component import Outcome
from waypost.core.errors import EndpointError, EndpointTimeout, EndpointUnavailable, ErrorClass, Fault
from waypost.core.grants import Grants
from waypost.core.registry import Component, Kind, registry
from waypost.core.yamlfile import YamlFile, parse_yaml
from waypost.testing.stand_in import CommittedPositions, parse_options

MIB = 1 << 20
AWKWARD_BODIES = {
    "begins and ends with CRLF": b"\r\nbody\r\n",
    "surrounded by blanks": b"  \tbody\t  ",
    "holds NUL": b"\x00bo\x00dy\x00",
    "every byte": bytes(range(256)),
    "not UTF-8": b"\xff\xfe\xc3(",
}


class ComponentSuite:
    """What every connector side promises of its declaration."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    limit_seconds: ClassVar[float] = 10.0
    """An unreachable system is found out within this time."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Texts that are secret in ``options`` and ``grants``; no error, outcome or repr may hold them."""
    restartable: ClassVar[bool] = False
    """Whether ``stop_system`` and ``start_system`` work."""

    @pytest.fixture
    def options(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'options': options that work")

    @pytest.fixture
    def absent(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'absent': a system that is not there")

    @pytest.fixture
    def grants(self, tmp_path: Path) -> Grants:
        return Grants(root=tmp_path, flow="kit", name="side", positions=CommittedPositions())

    @pytest.fixture
    def absent_grants(self, grants: Grants) -> Grants:
        return grants

    async def stop_system(self) -> None:
        """Make the outside system go away as a restart does."""
        raise NotImplementedError

    async def start_system(self) -> None:
        """Bring it back where it was."""
        raise NotImplementedError

    @property
    def component(self) -> Component:
        found = registry.find(self.kind, self.name)
        assert found is not None, f"no {self.kind} named {self.name!r} is registered"
        return found

    def build(self, options: Any, grants: Grants) -> Any:
        return self.component.build(parse_options(self.component, options), grants)

    def traits(self, options: Any) -> Any:
        return self.component.traits_of(parse_options(self.component, options))

    @contextlib.asynccontextmanager
    async def opened(self, options: Any, grants: Grants) -> AsyncIterator[Any]:
        side = self.build(options, grants)
        await side.open()
        try:
            yield side
        finally:
            await side.close()

    def assert_no_secret(self, *things: Any) -> None:
        for thing in things:
            for secret in self.secrets:
                assert secret not in str(thing) and secret not in repr(thing), f"a secret shows in {thing!r}"

    def test_every_option_is_described_by_a_sentence(self) -> None:
        for field in self.component.spec.fields:
            assert field.option.summary.endswith("."), (
                f"option {field.name!r}: {field.option.summary!r} has no full stop"
            )
        assert self.component.summary.endswith("."), f"the class needs a docstring: {self.component.summary!r}"

    def test_the_example_of_the_declaration_is_free_of_faults(self) -> None:
        faults: list[Fault] = []
        example = parse_yaml(self.component.example, "example", faults)
        assert self.component.example, "no example is declared"
        self.component.spec.parse(example, example.data, (), faults)
        assert faults == []

    def test_an_unknown_option_is_refused_with_a_near_name(self) -> None:
        known, faults = self.component.spec.fields[0].name, list[Fault]()
        self.component.spec.parse(YamlFile("options", None), {known + "x": 1}, (), faults)
        assert any(f.code == "unknown-option" and repr(known) in f.remedy for f in faults), faults

    async def test_closing_twice_and_closing_unopened_is_harmless(self, options: Any, grants: Grants) -> None:
        async with asyncio.timeout(self.limit_seconds):
            await self.build(options, grants).close()
            side = self.build(options, grants)
            await side.open()
            await side.close()
            await side.close()

    async def refusal(self, absent: Any, grants: Grants, act: Callable[[Any], Any]) -> EndpointError | Outcome:
        """What ``open`` and ``act`` say about a system that is not there."""
        side = self.build(absent, grants)
        try:
            async with asyncio.timeout(self.limit_seconds):
                await side.open()
                outcomes = await act(side)
        except EndpointError as error:
            return error
        finally:
            await side.close()
        assert outcomes and isinstance(outcomes[0], Outcome), "a system that is not there was not noticed"
        outcome: Outcome = outcomes[0]
        return outcome

    def assert_unavailable(self, refusal: EndpointError | Outcome) -> None:
        if isinstance(refusal, Outcome):
            assert not refusal.delivered and refusal.error_class is ErrorClass.TRANSIENT, refusal
            assert refusal.error
        else:
            assert isinstance(refusal, EndpointUnavailable | EndpointTimeout), repr(refusal)
            assert refusal.where and refusal.found and refusal.remedy, f"says too little: {refusal}"
        self.assert_no_secret(refusal)


class ConnectionSuite(ComponentSuite):
    """A connection's pool: built as ``cls(options, grants)``, opened before and closed after all who use it."""

    kind = "connection"

    async def test_opening_it_reaches_the_system(self, options: Any, grants: Grants) -> None:
        async with asyncio.timeout(self.limit_seconds), self.opened(options, grants) as pool:
            self.assert_no_secret(pool)

    async def test_a_system_that_is_not_there_is_said_in_time(self, absent: Any, absent_grants: Grants) -> None:
        if absent is None:
            pytest.skip("there is no outside system")
        self.assert_unavailable(await self.refusal(absent, absent_grants, lambda side: side.check()))

    def test_no_secret_shows_in_the_options(self, options: Any) -> None:
        self.assert_no_secret(parse_options(self.component, options))


async def patiently(act: Callable[[], Any], tries: int = 50) -> Any:
    """What ``act`` gives once its system is back."""
    for _ in range(tries):
        try:
            return await act()
        except (EndpointError, TimeoutError):
            await asyncio.sleep(0.1)
    return await act()


def only(*cases: str) -> Callable[[type[Any]], type[Any]]:
    """Keep these of a suite's inherited cases: for a second subclass whose system is dear to start."""

    def kept(suite: type[Any]) -> type[Any]:
        for name in dir(suite):
            if name.startswith("test_") and name not in cases:
                setattr(suite, name, None)
        return suite

    return kept
