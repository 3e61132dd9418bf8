"""What the inside gives up before it imports a line of the submission, for good. Linux; standard library only.

Theory of operation. The process locks itself in, once it has started and before it meets any code that is not ours.
It needs no package, no root and no container, so the same holds on a laptop and in a container that may not make
namespaces (where bubblewrap cannot run). Five walls, each of them enough for what it guards:

- *Landlock* (landlock(7)): the files that it may read are those named to it: Python's own, this package and the
  submission. It may write none. No TCP; no signals and no abstract sockets beyond itself, where the kernel knows these.
- *seccomp* (seccomp(2)): a list of system calls that may be made. No new process or thread, no program, no socket, no
  other process's memory, no waiting with an alarm clock (a sleep would cost the class time, and burns nothing that is
  measured). What is not on the list fails with EPERM; calls of another architecture end the process.
- *limits*: memory, processor time, no files to write, no core.
- *no rights*: no capabilities, and none to be gained (PR_SET_NO_NEW_PRIVS).
- *no relatives*: it ends when the process that started it ends.

Landlock does not hide that a file exists, how large it is or when it was changed: stat(2) is not among what it guards.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

MEMORY_LIMIT = 2 << 30
"""Bytes of address space of the inside."""

PROCESSOR_LIMIT = 300
"""Processor seconds of one inside: of all runs of a part together. The references take three or so."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP = 1, 38, 21, 22
_SECCOMP_MODE_FILTER = 2

# Numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. -1: there is none.
_CALLS = {
    # What is read and said: descriptors that it has, files that Landlock lets it open.
    "read": (0, 63), "write": (1, 64), "pread64": (17, 67), "readv": (19, 65),
    "recvfrom": (45, 207), "recvmsg": (47, 212), "sendto": (44, 206), "sendmsg": (46, 211),
    "close": (3, 57), "lseek": (8, 62), "open": (2, -1), "openat": (257, 56),
    "fcntl": (72, 25), "ioctl": (16, 29), "getdents64": (217, 61), "getcwd": (79, 17),
    "fstat": (5, 80), "newfstatat": (262, 79), "stat": (4, -1), "lstat": (6, -1),
    "statx": (332, 291), "access": (21, -1), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, -1), "readlinkat": (267, 78),
    # Memory.
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214),
    # Its own signals, its own end.
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "exit": (60, 93),
    "exit_group": (231, 94),
    # What the interpreter asks of the kernel about itself.
    "getpid": (39, 172), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, -1),
    "getrandom": (318, 278), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "getrusage": (98, 165), "uname": (63, 160), "sysinfo": (99, 179), "rseq": (334, 293),
    "set_robust_list": (273, 99), "membarrier": (324, 283),
}  # fmt: skip
_TO_ITSELF = {"kill": (62, 129), "tgkill": (234, 131)}
"""Allowed where the first argument is the process's own number."""
_FUTEX = (202, 98)
"""Allowed where it does not wait with a time limit."""

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Audit number, and which column."""


class NotConfined(OSError):
    """A wall that was promised does not stand."""


_libc = ctypes.CDLL(None, use_errno=True)


def possible() -> tuple[str, ...]:
    """The walls that this machine can put up. Nothing is done."""
    walls = []
    if (abi := _landlock_abi()) > 0:
        walls.append(f"landlock {abi}")
    if platform.machine() in _ARCHITECTURES and _prctl(_PR_GET_SECCOMP) >= 0:
        walls.append("seccomp")
    return (*walls, "limits", "no rights")


def level() -> str:
    """How a report calls it: ``sealed: landlock 7, seccomp, limits, no rights``; ``partial`` where one is missing."""
    walls = possible()
    name = "sealed" if len(walls) == 4 else "sealed, partial"
    return f"{name}: {', '.join(walls)}"


def confine(readable: Iterable[Path]) -> None:
    """Put up all walls that are possible. Raises :class:`NotConfined` where one of those fails."""
    walls = possible()
    _must(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "no new rights")
    _limit()
    _drop_capabilities()
    if walls[0].startswith("landlock"):
        _restrict_files([*python_files(), *readable])
    if "seccomp" in walls:
        _restrict_calls(os.getpid())


def die_with_parent() -> None:
    """From now on, this process is killed when the thread that started it ends. It may have ended already."""
    if sys.platform.startswith("linux"):
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def python_files() -> list[Path]:
    """Where the interpreter and what this package needs stand."""
    import distlab

    paths = sysconfig.get_paths()
    folders = [Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [Path(folder) for folder in ("/lib", "/lib64", "/usr/lib", "/usr/lib64")]
    folders.append(Path(sys.base_prefix, "lib") if sys.base_prefix != "/usr" else folders[0])
    return [folder for folder in (*folders, Path(distlab.__file__).parent) if folder.exists()]


# -- limits and rights ------------------------------------------------------------------------------------------------


def _limit() -> None:
    limits = {
        resource.RLIMIT_AS: MEMORY_LIMIT,
        resource.RLIMIT_CPU: PROCESSOR_LIMIT,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, most in limits.items():
        _, hard = resource.getrlimit(which)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def _drop_capabilities() -> None:
    header = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    _must(_libc.capset(header, struct.pack("<6I", *[0] * 6)), "no capabilities")


# -- Landlock ---------------------------------------------------------------------------------------------------------

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_BITS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


def _landlock_abi() -> int:
    return int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1))


def _restrict_files(readable: Sequence[Path]) -> None:
    abi = _landlock_abi()
    handled = (1 << _BITS_OF_ABI.get(abi, 16)) - 1
    words = [handled, *([3] if abi >= 4 else []), *([3] if abi >= 6 else [])]
    attributes = struct.pack(f"<{len(words)}Q", *words)
    rules = _libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    _must(rules, "Landlock")
    for path in readable:
        allowed = _READ_FILE | (_READ_FOLDER if path.is_dir() else 0)
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        beneath = struct.pack("<Qi", allowed, opened)
        _must(_libc.syscall(_ADD_RULE, rules, 1, beneath, 0), f"Landlock: {path}")
        os.close(opened)
    _must(_libc.syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)


# -- seccomp ----------------------------------------------------------------------------------------------------------

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data. Of an argument the low half comes first."""

_Instruction = tuple[int, int, int, int]
"""Code, how far to jump if true, if false, operand."""


def _filter(own: int, audit: int, column: int) -> list[_Instruction]:
    """The program that the kernel asks about each call."""
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # x32: the same numbers with another meaning
        (_RETURN, 0, 0, _KILL),
    ]
    for numbers in _CALLS.values():
        if numbers[column] >= 0:
            program += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    for numbers in _TO_ITSELF.values():
        program += [
            (_EQUAL, 0, 4, numbers[column]),
            (_LOAD, 0, 0, _ARGUMENTS),
            (_EQUAL, 0, 1, own),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
    low, high = (
        _ARGUMENTS + 3 * 8,
        _ARGUMENTS + 3 * 8 + 4,
    )  # the fourth: a time limit, of those that wait
    program += [
        (_EQUAL, 0, 10, _FUTEX[column]),
        (_LOAD, 0, 0, _ARGUMENTS + 8),
        (_AND, 0, 0, 0x7F),
        (_EQUAL, 2, 0, 0),  # FUTEX_WAIT
        (_EQUAL, 1, 0, 9),  # FUTEX_WAIT_BITSET
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, low),
        (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, high),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return [*program, (_RETURN, 0, 0, _REFUSE)]


def _restrict_calls(own: int) -> None:
    program = _filter(own, *_ARCHITECTURES[platform.machine()])
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *one) for one in program))
    head = struct.pack("@HP", len(program), ctypes.addressof(code))
    _must(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, head), "seccomp")


def _prctl(what: int, *arguments: object) -> int:
    padded = [*arguments, *[0] * (4 - len(arguments))]
    passed = [ctypes.c_ulong(int(a)) if isinstance(a, int) else a for a in padded]
    return int(_libc.prctl(what, *passed))


def _must(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise NotConfined(number, f"{what}: {os.strerror(number)}")
