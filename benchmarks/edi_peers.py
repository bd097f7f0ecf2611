"""Other EDI libraries, each reading a file of ours and saying how long it took: see ``tools/bench-peers``.

Each does what it can: pyx12 checks an 837P whole and writes an acknowledgement, pydifact makes messages of segments,
StAEDI checks the control structure, once after two rounds that warm its compiler up. Nothing is held against schemas in
the last two. All times are of the processor; of the Java machine those of the thread that reads, without its compiler.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".cache/peers")
_LIMIT_SECONDS = 600
_PYX12 = """
import sys, io, time, logging, pyx12.params, pyx12.x12n_document
logging.disable(logging.CRITICAL)
begun = time.process_time()
pyx12.x12n_document.x12n_document(param=pyx12.params.params(), src_file=sys.argv[1], fd_997=io.StringIO(), fd_html=None)
print(time.process_time() - begun)
"""
_PYDIFACT = """
import sys, time
from pydifact.segmentcollection import Interchange
begun = time.process_time()
content = Interchange.from_str(open(sys.argv[1], encoding="latin-1").read())
for message in content.get_messages():
    for segment in message.segments:
        pass
print(time.process_time() - begun)
"""
_STAEDI = """
import io.xlate.edi.stream.*; import java.io.*; import java.lang.management.ManagementFactory;
public class Read { public static void main(String[] a) throws Exception {
  double took = 0;
  for (int round = 0; round < 3; round++) {
    long begun = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    try (EDIStreamReader r = EDIInputFactory.newFactory().createEDIStreamReader(new FileInputStream(a[0]))) {
      while (r.hasNext()) { r.next(); } }
    took = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begun) / 1e9; }
  System.out.println(took); } }
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A library that is there. ``cases`` are the files it can read; ``size`` is how much of them it is given."""

    name: str
    command: tuple[str, ...]
    cases: frozenset[str]
    size: int

    def seconds(self, path: Path) -> float:
        """How long it reads ``path``. Raises ``RuntimeError`` with what it said where it fails."""
        said = subprocess.run([*self.command, str(path)], capture_output=True, text=True, check=False,
                              timeout=_LIMIT_SECONDS)  # fmt: skip
        if said.returncode or not said.stdout.split():
            raise RuntimeError(f"{self.name}: {said.stderr.strip()[-200:]}")
        return float(said.stdout.split()[-1])


def peers(folder: Path) -> Iterator[Peer]:
    """The libraries that are there; ``folder`` is for what they need. ``BENCH_EDI_PEERS`` may name a Python that has
    pyx12 and pydifact, ``BENCH_STAEDI`` a jar of StAEDI."""
    python = Path(os.environ.get("BENCH_EDI_PEERS") or FOLDER / "venv/bin/python").absolute()
    jar = Path(os.environ.get("BENCH_STAEDI") or FOLDER / "staedi.jar").absolute()
    if python.exists():
        yield Peer("pyx12, checked whole", (str(python), "-c", _PYX12), frozenset({"837P"}), 1_000_000)
        yield Peer("pydifact, read", (str(python), "-c", _PYDIFACT), frozenset({"ORDERS"}), 2_000_000)
    if jar.exists():
        source = folder / "Read.java"
        source.write_text(_STAEDI)
        every = frozenset({"850", "837P", "ORDERS"})
        yield Peer("StAEDI, control structure", ("java", "-cp", str(jar), str(source)), every, 20_000_000)
