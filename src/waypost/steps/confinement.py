"""What a process that runs other people's code gives up for good: files, network, new processes, other processes.

By Landlock (files, TCP, signals) and a system call filter (seccomp), both of Linux and both without privileges. What
the kernel does not offer is left out; ``confine`` says what holds. It binds the calling thread and those it makes, so
it comes before an engine is started.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Callable, Iterable, Sequence

_PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_DUMPABLE = 38, 1, 22, 4
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_RUN, _WRITE = 1 << 0, 1 << 1
_READ = 1 << 2 | 1 << 3  # LANDLOCK_ACCESS_FS_READ_FILE and READ_DIR
_OF_A_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x00010000
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_DENIED = {
    "x86_64": {
        "socket": 41, "connect": 42, "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "pivot_root": 155,
        "chroot": 161, "mount": 165, "umount2": 166, "keyctl": 250, "unshare": 272, "open_by_handle_at": 304,
        "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "execveat": 322,
        "pidfd_send_signal": 424, "io_uring_setup": 425,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "unshare": 97, "ptrace": 117, "socket": 198,
        "connect": 203, "keyctl": 219, "execve": 221, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "bpf": 280, "execveat": 281, "pidfd_send_signal": 424, "io_uring_setup": 425,
    },
}  # fmt: skip
_OTHERS = {"x86_64": {"clone": 56, "kill": 62, "tgkill": 234}, "aarch64": {"clone": 220, "kill": 129, "tgkill": 131}}
_LEAVING = {"x86_64": (109, 112), "aarch64": (154, 157)}  # setpgid, setsid
_CLONE3 = 435
_ANY_CALL_ABOVE = 0x40000000  # the x32 numbers of x86-64


def confine(readable: Iterable[str] = ()) -> list[str]:
    """Give up everything but reading below ``readable``; what could be enforced: ``files``, ``network``, ``calls``."""
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    return [*_landlock(libc, [(path, _READ) for path in readable]), *_filtered(libc)]


_SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/proc/self", "/proc/meminfo",
    "/proc/cpuinfo", "/proc/stat", "/proc/filesystems", "/proc/sys", "/sys", "/etc/alternatives", "/etc/ld.so.cache",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/passwd",
    "/etc/group", "/etc/nsswitch.conf", "/etc/mime.types",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty")


def confine_program(folder: str, program: str, *, network: bool) -> list[str]:
    """For a program that needs the system around it: it reads that, writes ``folder``, and no more of the disk; without
    ``network`` it makes no TCP connection and no socket but local ones. It stays in its process group with all it
    starts. Survives ``exec`` and holds for its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    system = [(path, _READ | _RUN) for path in (*_SYSTEM, *_around(program)) if os.path.exists(path)]
    places = [*system, *((path, _READ | _WRITE) for path in _DEVICES if os.path.exists(path)), (folder, 0x1FFF)]
    held = _landlock(libc, places, network=network)
    return [*held, *_filtered(libc, _with_sockets if network else _offline)]


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _around(program: str) -> list[str]:
    """What a program installed by itself needs: its folder, and the libraries beside that."""
    found = []
    for place in {program, os.path.realpath(program)}:
        folder = os.path.dirname(place)
        beside = os.path.dirname(folder)
        found += [folder, *(os.path.join(beside, name) for name in ("lib", "lib64", "libexec", "share", "pyvenv.cfg"))]
    return found


def _landlock(libc: ctypes.CDLL, places: Sequence[tuple[str, int]], *, network: bool = False) -> list[str]:
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        return []
    files = 0x1FFF | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0) | (1 << 15) * (version >= 5)
    ports = 3 if version >= 4 and not network else 0
    attributes = struct.pack("<QQQ", files, ports, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_CREATE, attributes[:size], size, 0)
    if rules < 0:
        return []
    try:
        for path, access in places:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                allowed = access & files if os.path.isdir(path) else access & _OF_A_FILE
                libc.syscall(_ADD, rules, 1, struct.pack("<Qi", allowed, place), 0)
            finally:
                os.close(place)
        if libc.syscall(_RESTRICT, rules, 0) != 0:
            return []
    finally:
        os.close(rules)
    return ["files", "network"] if ports else ["files"]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filtered(libc: ctypes.CDLL, make: Callable[[str, int], bytes] | None = None) -> list[str]:
    machine = platform.machine()
    if machine not in _ARCHES:
        return []
    code = (make or _bytecode)(machine, os.getpid())
    program = _Program(len(code) // 8, code)
    return ["calls"] if libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) == 0 else []


def _bytecode(machine: str, pid: int) -> bytes:
    """The filter: denied calls fail with EPERM, signals reach nobody else, threads may be made and processes not."""
    load, equal, above, bits, end = 0x20, 0x15, 0x35, 0x45, 0x06
    refuse = (end, 0, 0, _ERRNO | _EPERM)
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4), (equal, 1, 0, _ARCHES[machine]), refuse,
        (load, 0, 0, 0), (above, 0, 1, _ANY_CALL_ABOVE), refuse,
    ]  # fmt: skip
    for number in _DENIED[machine].values():
        lines += [(equal, 0, 1, number), refuse]
    lines += [(equal, 0, 1, _CLONE3), (end, 0, 0, _ERRNO | _ENOSYS)]
    others = _OTHERS[machine]
    lines += [(equal, 0, 3, others["clone"]), (load, 0, 0, 16), (bits, 1, 0, _CLONE_THREAD), refuse, (load, 0, 0, 0)]
    for name in ("kill", "tgkill"):
        lines += [(equal, 0, 3, others[name]), (load, 0, 0, 16), (equal, 1, 0, pid), refuse, (load, 0, 0, 0)]
    lines.append((end, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _with_sockets(machine: str, pid: int) -> bytes:
    return _offline(machine, pid, sockets=True)


def _offline(machine: str, pid: int, *, sockets: bool = False) -> bytes:
    """A filter that refuses to leave the process group, sockets but local ones (family 1), and the ways around it."""
    load, equal, end = 0x20, 0x15, 0x06
    refuse = (end, 0, 0, _ERRNO | _EPERM)
    lines: list[tuple[int, int, int, int]] = [(load, 0, 0, 4), (equal, 1, 0, _ARCHES[machine]), refuse, (load, 0, 0, 0)]
    for number in _LEAVING[machine]:
        lines += [(equal, 0, 1, number), refuse]
    for name in ("io_uring_setup", "ptrace", "process_vm_writev", "bpf", "mount", "setns", "unshare"):
        lines += [(equal, 0, 1, _DENIED[machine][name]), refuse]
    if not sockets:
        lines += [(equal, 0, 3, _DENIED[machine]["socket"]), (load, 0, 0, 16), (equal, 1, 0, 1), refuse]
    lines.append((end, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
