"""How much is measured, where, and the rows that come out."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import module


@dataclass(frozen=True)
class Plan:
    """The size of everything. ``seconds`` of the journal loop and of the raw loop before and after each cell."""

    name: str = "standard"
    repeats: int = 5
    journal_seconds: float = 60.0
    raw_seconds: float = 1.0
    messages: int = 100_000
    files: int = 10_000
    http_seconds: float = 6.0
    stored: tuple[int, ...] = (1_000_000,)
    open: int = 100_000
    searches: int = 500
    steady_seconds: float = 60.0
    held: int = 1_000_000
    volume: int = 1_000_000
    stream_mb: int = 100
    sync_ms: tuple[float, ...] = (0, 1, 5)


QUICK = Plan(
    name="quick", repeats=1, journal_seconds=3, raw_seconds=0.2, messages=10_000, files=500, http_seconds=1,
    stored=(10_000,), open=2_000, searches=30, steady_seconds=10, held=50_000, volume=50_000, sync_ms=(0, 5),
    stream_mb=10,
)  # fmt: skip
FULL = Plan(name="full", stored=(1_000_000, 10_000_000), steady_seconds=600, stream_mb=1_000)


@dataclass
class Row:
    """One line of the report. ``passed`` is None where there is no target."""

    scenario: str
    case: str
    figures: dict[str, float]
    target: str = ""
    passed: bool | None = None
    note: str = ""


@dataclass
class Bench:
    """What a scenario works with."""

    plan: Plan
    folder: Path
    say: Callable[[str], None]
    scenario: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(
        self, case: str, figures: Mapping[str, float], *, target: str = "", passed: bool | None = None, note: str = ""
    ) -> None:
        """Put a row in the report."""
        row = Row(self.scenario, case, dict(figures), target, passed, note)
        self.rows.append(row)
        self.say(line_of(row))

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """An empty folder on the disk that is measured."""
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def raw(self, folder: Path, loop: str = "append", extra: Mapping[str, str] | None = None) -> dict[str, float]:
        """What the disk does now without a product."""
        found: dict[str, float] = module("benchmarks.raw", loop, str(folder), str(self.plan.raw_seconds), extra=extra)
        return found

    def beside(
        self, folder: Path, cell: Callable[[], dict[str, float]], loop: str = "append",
        extra: Mapping[str, str] | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """A cell between two raw loops: its figures, theirs, and the ratio of the rates."""
        before = self.raw(folder, loop, extra)
        figures = cell()
        after = self.raw(folder, loop, extra)
        raw = (before["rate"] + after["rate"]) / 2
        p99 = 500 * (before["p99"] + after["p99"])
        return {**figures, "raw_rate": raw, "ratio": figures["rate"] / raw, "raw_p99_ms": p99}


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def percentile(values: list[float], percent: float) -> float:
    """The value that ``percent`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


FORMS = {
    "rate": "{:,.0f} msg/s", "ratio": "{:.3f} R", "cpu_us": "{:.1f} µs CPU", "raw_rate": "R {:,.0f}",
    "p50_ms": "p50 {:.2f} ms", "p99_ms": "p99 {:.2f} ms", "raw_p99_ms": "raw p99 {:.2f} ms", "rss_mb": "{:.0f} MB",
    "seconds": "{:.2f} s", "percent": "{:+.1f} %", "bare_rate": "bare {:,.0f}/s", "bare_p99_ms": "bare p99 {:.2f} ms",
}  # fmt: skip


def words(figures: Mapping[str, float]) -> str:
    """Figures as a person reads them."""
    return "  ".join(FORMS.get(name, name + " {:,.2f}").format(value) for name, value in figures.items())


def line_of(row: Row) -> str:
    """A row on one line."""
    verdict = "" if row.passed is None else "pass" if row.passed else "MISS"
    return f"{row.scenario}: {row.case}: {words(row.figures)}  {row.target} {verdict} {row.note}".rstrip()
