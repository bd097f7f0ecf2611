"""Run the cases of a project, write its snapshots, make a case of a stored message."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli import failure
from waypost.cli.asking import ask
from waypost.cli.option import AsJson, EnvironmentName, Place
from waypost.cli.output import note, print_json, say
from waypost.cli.verb.checking import Folder
from waypost.cli.verb.edi_redacting import Keep, kept, secret_of
from waypost.cli.verb.looking import finding_line

if TYPE_CHECKING:
    from waypost.testing.cases.coverage import Coverage
    from waypost.testing.cases.declared import CaseResult

Only = Annotated[str, typer.Option("--only", metavar="TEXT", help="Cases with this in their name.")]


def test(
    directory: Folder = Path("."),
    environment: EnvironmentName = "dev",
    only: Only = "",
    watch: Annotated[bool, typer.Option("--watch", help="Again after each change of a file, until Ctrl-C.")] = False,
    cover: Annotated[bool, typer.Option("--coverage", help="Say which branches and rules no case takes.")] = False,
    fail_under: Annotated[
        float, typer.Option("--fail-under", metavar="PERCENT", min=0, max=100, help="Fail below this coverage.")
    ] = 0.0,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")
    ] = None,
    generate: Annotated[
        int, typer.Option("--generate", metavar="N", min=0, help="Also try so many made-up documents a flow.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="--generate: other documents.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Run the cases of flows and maps.

    Nothing is read from or sent to the outside. The exit code is 1 when a case fails.
    """
    from waypost.core.errors import ProjectError, UsageError
    from waypost.testing.cases.watch import changes

    if watch and as_json:
        raise UsageError("test --watch --json", expected="one of them")
    run = _Run(directory, environment, only, cover or fail_under > 0, fail_under, junit_file, generate, seed)
    if not watch:
        return run.once(as_json)
    for changed in changes(directory, time.sleep):
        say(f"\n{time.strftime('%H:%M:%S')}  {', '.join(changed[:5]) or directory}")
        try:
            run.once(False)
        except ProjectError as error:
            for fault in error.faults:
                say(str(fault))
    return 0


class _Run:
    """One way to run the cases."""

    def __init__(
        self, directory: Path, environment: str, only: str, cover: bool, fail_under: float, junit_file: Path | None,
        generate: int, seed: int,
    ) -> None:  # fmt: skip
        self.directory, self.environment, self.only, self.cover = directory, environment, only, cover
        self.fail_under, self.junit_file, self.generate, self.seed = fail_under, junit_file, generate, seed

    def once(self, as_json: bool) -> int:
        import asyncio

        from waypost.testing.cases.coverage import Coverage
        from waypost.testing.cases.junit import junit
        from waypost.testing.cases.runner import run_cases

        coverage = Coverage() if self.cover else None
        results = asyncio.run(run_cases(self.directory, self.environment, self.only, coverage))
        if self.generate:
            results += self._generated()
        if self.junit_file is not None:
            self.junit_file.write_bytes(junit(results, "waypost"))
        failed = sum(bool(result.differences) for result in results)
        short = coverage is not None and coverage.percent < self.fail_under
        if as_json:
            covered = {"coverage": coverage_data(coverage)} if coverage is not None else {}
            counted = {"passed": len(results) - failed, "failed": failed}
            print_json({**counted, "cases": list(map(_case, results)), **covered})
        else:
            self._print(results, coverage)
        return failure.FAILED if failed or short else 0

    def _generated(self) -> list[CaseResult]:
        from waypost.testing.cases.generated import run_generated

        return run_generated(self.directory, self.environment, self.generate, self.seed)

    def _print(self, results: Sequence[CaseResult], coverage: Coverage | None) -> None:
        for result in results:
            _print_case(result)
        failed = sum(bool(result.differences) for result in results)
        say(f"{len(results) - failed} passed, {failed} failed" if results else "no cases in tests/*.yaml")
        if coverage is not None:
            _print_coverage(coverage)
            if coverage.percent < self.fail_under:
                say(f"coverage {coverage.percent:.1f} %; wanted at least {self.fail_under:g} %")


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "file": result.file, "line": result.line, "subject": result.subject, "case": result.name,
        "passed": not result.differences, "differences": list(result.differences), "findings": list(result.findings),
    }  # fmt: skip


def _print_case(result: CaseResult) -> None:
    say(f"{'failed' if result.differences else 'ok':<7} {result.file}:{result.line}  {result.subject}: {result.name}")
    for difference in result.differences:
        say(textwrap.indent(difference, "        "))
    for one in result.findings if result.differences else ():
        say(f"        {one['step']}: {finding_line(one)}")


def coverage_data(coverage: Coverage) -> dict[str, Any]:
    """What was gone through, as plain data."""
    return {
        "percent": round(coverage.percent, 1),
        "subjects": [
            {
                "subject": share.subject, "branches": share.branches, "percent": round(share.percent, 1),
                "missed": [{"file": b.file, "line": b.line, "place": b.place, "what": b.what} for b in share.missed],
            }
            for share in coverage.shares()
        ],
    }  # fmt: skip


def _print_coverage(coverage: Coverage) -> None:
    say("")
    for share in coverage.shares():
        say(f"{share.percent:5.1f} %  {share.subject}: {share.branches - len(share.missed)} of {share.branches}")
        for branch in share.missed:
            say(f"          {branch}")
    say(f"{coverage.percent:5.1f} %  in all")


def snapshot(
    directory: Folder = Path("."), environment: EnvironmentName = "dev", only: Only = "",
    prune: Annotated[bool, typer.Option("--prune", help="Delete the snapshots of no case.")] = False,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Write down what comes out of cases with `snapshot: true`.

    Prints what changes against the snapshots there were. `waypost test` compares with them from then on.
    """
    import asyncio

    from waypost.testing.cases.writing import write_snapshots

    told = asyncio.run(write_snapshots(directory, environment, only, prune=prune))
    if as_json:
        print_json({"snapshots": [{"file": one.file, "what": one.what, "changes": one.changes} for one in told]})
        return 0
    for one in told:
        say(f"{one.what:<9} {one.file}")
        for change in one.changes:
            say(textwrap.indent(change, "          "))
    say(f"{sum(one.what == 'written' for one in told)} written" if told else "no case says snapshot: true")
    return 0


def case(
    place: Place,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The message, as `waypost messages` names it.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What the case shows, as a sentence.")] = "",
    into: Annotated[
        Path | None, typer.Option("--into", metavar="FILE", help="Add it to this file of cases, new or of the flow.")
    ] = None,
    redact: Annotated[
        Path | None,
        typer.Option("--redact", metavar="FILE", help="Redact an EDI message by the secret in this file."),
    ] = None,
    keep: Keep = None,
) -> int:
    """Make a test case of a stored message.

    Its input, the answers that were recorded and what came out become a case, on the screen or in a file. Where it
    waited for others, these are in the case too, each at its time. What messages say of people is in it: look before
    you commit it. With --redact the input of an EDI message is redacted as by `edi redact`, and what comes out is left
    to `waypost snapshot`.
    """
    import asyncio

    from waypost.core.errors import DataError
    from waypost.flow.declared.project import load_project
    from waypost.testing.cases.recorded import add_case, case_of, case_text
    from waypost.testing.cases.recorded_group import case_through, gathered_with, waited

    def fetch(one: str) -> Any:
        return ask(place, "show", id=one)

    shown = fetch(identifier)
    if shown is None:
        raise DataError(f"no message {identifier!r}", remedy="find it with: waypost messages", code="unknown-message")
    flow = load_project(place.project, place.environment).flows.get(shown["message"]["flow"])
    if redact is not None:
        from waypost.testing.cases.redacted import redacted_case

        made = redacted_case(shown, secret_of(redact), name=name, keep=kept(keep))
    elif flow is not None and waited(shown, flow):
        made = asyncio.run(case_through(shown, gathered_with(shown, fetch), place.project, place.environment, name))
    else:
        made = case_of(shown, name)
    if into is not None:
        add_case(place.project, into, shown["message"]["flow"], made)
    if place.as_json:
        print_json({"flow": shown["message"]["flow"], "case": made, "written": str(into or "")})
    elif into is None:
        say(case_text(shown["message"]["flow"], [made]))
    else:
        note(f"added to {into}: {made['name']}")
    return 0
