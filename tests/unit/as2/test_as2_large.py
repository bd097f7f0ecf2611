"""A message of any size takes little memory; ``python -m waypost.testing.as2_large 600 openssl`` is the large trial."""

from __future__ import annotations

import re
import subprocess
import sys

MEGABYTES = 16


def test_a_large_message_is_built_and_opened_in_little_memory() -> None:
    command = [sys.executable, "-m", "waypost.testing.as2_large", str(MEGABYTES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    took = [int(found) for found in re.findall(r"(\d+) MiB more memory, sound", done.stdout)]
    assert len(took) == 2 and max(took) < MEGABYTES / 2, done.stdout
