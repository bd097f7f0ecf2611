"""A process that appends numbered lines until a file ``stop`` appears, noting what was confirmed; made to be killed.

Arguments: folder, name, seed. What is not noted when it starts may have been appended by the one before it.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from waypost.connectors import append_ledger, directory_append
from waypost.connectors.append_ledger import writer_id
from waypost.connectors.directory_append import AppendFile
from waypost.testing.stand_in import again, outbound

IN_DOUBT = 50
"""The most lines one batch holds, and so the most in doubt after a kill."""


def main(folder: Path, name: str, seed: int) -> None:
    directory_append.COMPACT_BYTES = 6_000
    append_ledger.KEPT_PER_WRITER = 4 * IN_DOUBT
    chance, note = random.Random(seed), os.open(folder / f"{name}.note", os.O_RDWR | os.O_CREAT)
    confirmed = int(os.pread(note, 20, 0) or 0)
    doubtful_until = confirmed + IN_DOUBT
    file = AppendFile(folder / "out.txt", separator=b"\n", writer=writer_id(name))
    while confirmed < doubtful_until or not (folder / "stop").exists():
        upto = confirmed + chance.randint(1, IN_DOUBT)
        base = 0 if name == "a" else 1_000_000
        batch = [outbound(base + n, f"{name} {n:06d} {'.' * (n % 97)}".encode()) for n in range(confirmed, upto)]
        file.append([again(m) if confirmed + i < doubtful_until else m for i, m in enumerate(batch)])
        os.pwrite(note, b"%020d" % upto, 0)
        confirmed = upto
    file.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
