"""The product in processes of its own, as a user runs it, and what each of them used."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("-m", "waypost.cli.main")
SHIM = Path(__file__).with_name("slow_sync.c")


@dataclass(frozen=True)
class Usage:
    """What a process and those it started and waited for took: seconds of wall clock and of processor."""

    wall: float
    cpu: float


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """So that every process imports this checkout."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **(extra or {})}


class Running:
    """A process of ours. It is killed when the ``with`` block ends and it still runs."""

    def __init__(
        self, arguments: Sequence[str], extra: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self.begun = time.perf_counter()
        self._log = log
        with open(log or os.devnull, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *arguments], env=environment(extra), stdout=subprocess.PIPE, stderr=errors
            )
        self.pid = self.process.pid

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.returncode is None:
            self.kill()
        if self.process.stdout:
            self.process.stdout.close()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> Usage:
        """Ask it to stop in good order; what it used."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()[0]

    def wait(self) -> tuple[Usage, bytes]:
        """What it used and said. Raises ``RuntimeError`` when it did not end well."""
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        _, status, used = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            trouble = self._log.read_text()[-2000:] if self._log else ""
            raise RuntimeError(f"{self.process.args} ended with {self.process.returncode}: {trouble}")
        return Usage(time.perf_counter() - self.begun, used.ru_utime + used.ru_stime), said

    def cpu(self) -> float:
        """Processor seconds used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str = "VmHWM") -> float:
        """Megabytes: ``VmHWM`` is the most it ever had resident, ``VmRSS`` what it has now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        return 0.0


def product(project: Path, *options: str, extra: Mapping[str, str] | None = None) -> Running:
    """``waypost run PROJECT`` in a fresh process; what it says is kept beside the project."""
    arguments = [*PRODUCT, "run", str(project), "--quiet", *options]
    return Running(arguments, extra, project.with_suffix(".log"))


def module(name: str, *arguments: str, extra: Mapping[str, str] | None = None) -> Any:
    """Run a module of ours that prints JSON, and give that."""
    with Running(["-m", name, *arguments], extra, Path(os.devnull)) as running:
        return json.loads(running.wait()[1])


def slow_sync(folder: Path, milliseconds: float) -> dict[str, str] | None:
    """The variables that make every sync of a process slower, SQLite's too; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "slow_sync.so"
    if not library.exists():
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_SYNC_US": str(int(milliseconds * 1000))}


def drop_cache(folder: Path) -> None:
    """Have the system forget what it holds of the files in ``folder``, so that the next reader meets a cold cache."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
