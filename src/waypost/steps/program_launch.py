"""Becomes a project's program: gives up the disk and the network first, as far as the kernel can keep them away."""

from __future__ import annotations

import os
import resource
import sys

from waypost.steps.confinement import confine_program, die_with_parent

_MOST_PROCESSES_OPEN = 256


def main() -> None:
    """``sys.argv``: alone or network, the working directory, the program, its arguments."""
    how, folder, program, *arguments = sys.argv[1:]
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_PROCESSES_OPEN, _MOST_PROCESSES_OPEN))
    confine_program(folder, program, network=how == "network")
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        sys.stderr.write(f"cannot run {program}: {error.strerror}\n")
        os._exit(127)
