"""``python -m benchmarks``: measure, print a table, keep it as JSON. Every scenario by default, or those named."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bench import FULL, QUICK, Bench, Plan, Row, words

SCENARIOS = (
    "journal", "file_to_file", "file_per_message", "http", "recovery", "search", "overhead", "latency", "memory",
    "volume", "streaming", "edi", "mapping", "translate", "parts", "acknowledgements",
)  # fmt: skip
RESULTS = Path(__file__).with_name("results")


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 measured, whether or not targets were met; 1 a scenario did not come to its end."""
    options = _parse(arguments)
    plan = QUICK if options.quick else FULL if options.full else Plan()
    if options.repeats:
        plan = dataclasses.replace(plan, repeats=options.repeats)
    if options.journal_seconds:
        plan = dataclasses.replace(plan, journal_seconds=options.journal_seconds)
    folder = Path(options.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(plan, folder, lambda text: print(text, file=sys.stderr, flush=True))
    names = [*options.scenarios, *options.only] or list(SCENARIOS)
    found = {"machine": _machine(), "plan": dataclasses.asdict(plan), "rows": []}
    path = Path(options.keep) if options.keep else _own_file(found)
    failed = []
    for name in names:
        if not _measure(bench, name):
            failed.append(name)
        # After each scenario, so that a run that is ended early keeps what it found.
        found["rows"] = [dataclasses.asdict(row) for row in bench.rows]
        path.write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        print(json.dumps(found))
    else:
        _print(bench.rows)
    return 1 if failed else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--only", action="append", default=[], choices=SCENARIOS, metavar="SCENARIO")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="seconds a scenario: shows that it runs, no figure to quote")
    size.add_argument("--full", action="store_true", help="also ten million stored messages and ten steady minutes")
    parser.add_argument("--repeats", type=int, default=0, help="in place of 5")
    parser.add_argument("--journal-seconds", type=float, default=0, help="in place of 60")
    parser.add_argument("--folder", default=".cache/benchmarks", help="where on the disk that is measured")
    parser.add_argument("--keep", default="", help="file for the results in place of benchmarks/results/TIME.json")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return parser.parse_args(arguments)


def _measure(bench: Bench, name: str) -> bool:
    bench.scenario = name
    begun = time.monotonic()
    try:
        importlib.import_module(f"benchmarks.scenario.{name}").run(bench)
    except Exception as error:  # noqa: BLE001 - the other scenarios still say what they measure
        bench.add("did not end", {}, passed=False, note=f"{type(error).__name__}: {error}")
        return False
    bench.say(f"{name}: {time.monotonic() - begun:.0f} s")
    return True


def _machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "processors": os.cpu_count(), "load": os.getloadavg()[0], "system": platform.platform(),
    }  # fmt: skip


def _own_file(found: dict[str, Any]) -> Path:
    """A file in the results folder that is named after when the run began."""
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{found['machine']['at'].replace(':', '').replace('+0000', 'Z')}.json"


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("scenario", "case", "figures", "target", "")
    for row in rows:
        verdict = "" if row.passed is None else "[green]pass[/]" if row.passed else "[red]miss[/]"
        figures = "\n".join(part for part in (words(row.figures), row.note) if part)
        table.add_row(row.scenario, row.case, figures, row.target, verdict)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
