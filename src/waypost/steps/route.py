"""Content-Based Router: the first condition that fits names the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from waypost.core.component import Dropped, Failed, Result, Routed
from waypost.core.errors import DataError, Fault, near
from waypost.core.grants import Grants
from waypost.core.message import Message
from waypost.core.registry import registry
from waypost.core.spec import Expression, Option, OptionFault
from waypost.core.traits import StepTraits
from waypost.core.yamlfile import Path, YamlFile
from waypost.mapping.expression import Compiled, compile_expression
from waypost.mapping.lineage_step import Passing, StepLineage
from waypost.steps.target_name import named_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRuleOptions:
    to: Annotated[tuple[str, ...], Option("The target, or list of targets, of messages that fit.", example="erp")]
    when: Annotated[Expression | None, Option("The condition; a rule without one fits every message.")] = None

    def faults(self) -> Iterator[OptionFault]:
        yield from named_faults("to", self.to)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOptions:
    rules: Annotated[
        tuple[RouteRuleOptions, ...], Option("The rules, in order; the first that fits decides.", example=[])
    ]
    otherwise: Annotated[
        Literal["fail", "drop"], Option("What happens to a message that fits no rule: dead letter, or its end.")
    ] = "fail"

    def faults(self) -> Iterator[OptionFault]:
        if not self.rules:
            yield OptionFault("rules", "there is no rule", "at least one {when: …, to: …}")


@registry.register(
    "step",
    "route",
    options=RouteOptions,
    traits=StepTraits(names_targets=True),
    shorthand="rules",
    example="[{when: total > 10000, to: approval}, {to: erp}]",
)
class Route:
    """Send each message to the targets of the first rule that fits.

    It is the end of the flow for the messages it routes. A condition that cannot be evaluated fails the message, even
    where a later rule would fit.
    """

    def __init__(self, options: RouteOptions, grants: Grants) -> None:
        self._rules: list[tuple[Compiled | None, tuple[str, ...]]] = [
            (None if rule.when is None else compile_expression(rule.when, references=grants.references), rule.to)
            for rule in options.rules
        ]
        self._tried = ", ".join(f"`{rule.when}`" for rule in options.rules)
        self._drop = options.otherwise == "drop"

    def process(self, batch: Sequence[Message]) -> Sequence[Result]:
        results: list[Any] = [None] * len(batch)
        left: Sequence[int] = range(len(batch))
        for condition, targets in self._rules:
            left = self._judge(condition, targets, batch, left, results)
            if not left:
                return results
        for at in left:
            results[at] = self._unfit()
        return results

    def _judge(
        self, condition: Compiled | None, targets: tuple[str, ...], batch: Sequence[Message], left: Sequence[int],
        results: list[Any],
    ) -> Sequence[int]:  # fmt: skip
        """Route those of ``left`` that fit; who is left then."""
        if condition is None:
            for at in left:
                results[at] = Routed(batch[at], targets)
            return ()
        still: list[int] = []
        for at, fit in zip(left, condition.of_messages([batch[at] for at in left]), strict=True):
            if isinstance(fit, DataError):
                results[at] = Failed(fit)
            elif fit:
                results[at] = Routed(batch[at], targets)
            else:
                still.append(at)
        return still

    def _unfit(self) -> Result:
        if self._drop:
            return Dropped("fits no rule of the router")
        return Failed(
            DataError("the message fits no rule", expected=f"one of {self._tried}", remedy="add a rule without `when`",
                      code="no-route")
        )  # fmt: skip

    @staticmethod
    def lint(
        options: RouteOptions, file: YamlFile, path: Path, read: Callable[[str], bytes], targets: tuple[str, ...]
    ) -> list[Fault]:
        """Targets the flow does not have, and rules that no message can reach."""
        faults: list[Fault] = []
        rules = path if (*path, 0) in file.lines else (*path, "rules")
        for place, rule in enumerate(options.rules):
            for target in rule.to:
                if target not in targets:
                    remedy = near(target, targets) or f"targets of this flow: {', '.join(targets) or 'none'}"
                    faults.append(
                        file.fault((*rules, place, "to"), "unknown-target", f"no target {target!r}", "", remedy)
                    )
            if place and options.rules[place - 1].when is None:
                text = "no message gets past the rule before, which has no condition"
                faults.append(file.fault((*rules, place), "unreachable", text, "", "put the rule without `when` last"))
        return faults

    @staticmethod
    def lineage(options: RouteOptions, read: Callable[[str], bytes]) -> StepLineage:
        """The message stays as it is; the conditions up to a rule say whether it leaves there."""
        exits, before = [], ""
        for rule in options.rules:
            condition = " and ".join(filter(None, (before, f"({rule.when})" if rule.when else "")))
            said = f"to {', '.join(rule.to)}" + (f" when {rule.when}" if rule.when else " otherwise" if before else "")
            exits += [(target, condition, said) for target in rule.to]
            before = " and ".join(filter(None, (before, f"not ({rule.when})" if rule.when else "")))
        return Passing(exits=exits, ends=True)
