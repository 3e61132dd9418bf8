"""``distlab doctor``: is this machine fit? One line for each thing that has ever been the trouble, and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from msgspec import Struct
from rich.text import Text

from distlab.cli.program import PASSED, SETUP
from distlab.cli.screen import Screen, joined, styled, wrapped
from distlab.grade.solution import lab_names, root

OLDEST = (3, 11)
LEAST_SPACE = 500 * 1024**2
SLOW_SYNC = 0.050
"""Seconds of a median fsync above which live runs crawl."""


class Finding(Struct, frozen=True):
    """What was found out about one thing."""

    name: str
    level: str
    """``ok``, ``warn`` or ``fail``."""
    text: str
    advice: str = ""


class Diagnosis:
    """All findings, one line each; with advice below what is not well."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def render(self, width: int) -> list[Text]:
        lines = []
        for found in self.findings:
            style = {"ok": "good", "warn": "odd", "fail": "bad"}[found.level]
            texts = wrapped(found.text, width - 24)
            lines.append(joined("  ", (f"{found.level:<6}", style), f"{found.name:<14}", texts[0]))
            lines += [styled(" " * 22 + text) for text in texts[1:]]
            if found.advice:
                lines += [styled(line, style) for line in wrapped(found.advice, width, " " * 22)]
        bad = sum(found.level == "fail" for found in self.findings)
        odd = sum(found.level == "warn" for found in self.findings)
        verdict = (
            "This machine is fit."
            if not bad and not odd
            else f"{bad} to mend, {odd} to know about."
        )
        return [*lines, Text(), styled(verdict, "head")]


@click.command()
def doctor() -> int:
    """Is this machine fit? Looks at Python, disk, network and terminal."""
    findings = [_examined(name, look) for name, look in LOOKS.items()]
    Screen().show(Diagnosis(findings))
    return SETUP if any(found.level == "fail" for found in findings) else PASSED


def _examined(name: str, look: Callable[[], tuple[str, str, str]]) -> Finding:
    try:
        return Finding(name, *look())
    except Exception as error:
        return Finding(
            name, "fail", f"{type(error).__name__}: {error}", "this could not even be looked at"
        )


def _python() -> tuple[str, str, str]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        return "fail", version, "distlab needs Python 3.11 or newer: install one, then make clean"
    return "ok", version, ""


def _environment() -> tuple[str, str, str]:
    here = root() / ".venv"
    if Path(sys.prefix).resolve() != here.resolve():
        return (
            "warn",
            f"{sys.prefix}, not the project's own .venv",
            "use make, which sets up and uses .venv",
        )
    return "ok", ".venv of this project", ""


def _labs() -> tuple[str, str, str]:
    names = lab_names()
    if not names:
        return "warn", f"none found in {root()}", "give the command in the project's folder"
    return "ok", ", ".join(names), ""


def _zmq() -> tuple[str, str, str]:
    import zmq

    with tempfile.TemporaryDirectory() as folder:
        transports = {"ipc": f"ipc://{folder}/s", "tcp": "tcp://127.0.0.1:*"}
        for name, endpoint in transports.items():
            if not _round_trip(endpoint):
                return (
                    "fail",
                    f"{name} does not carry messages",
                    "is the loopback interface up? live runs need it",
                )
    return (
        "ok",
        f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}: ipc and tcp carry messages",
        "",
    )


def _round_trip(endpoint: str) -> bool:
    import zmq

    context = zmq.Context()
    try:
        with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
            pull.bind(endpoint)
            push.connect(pull.getsockopt_string(zmq.LAST_ENDPOINT))
            push.send(b"?")
            return bool(pull.poll(2000)) and pull.recv() == b"?"
    finally:
        context.destroy(linger=0)


def _ports() -> tuple[str, str, str]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = sorted((one.getsockname()[1], other.getsockname()[1]))
    return "ok", f"the system gives free ones (now {ports[0]} and {ports[1]})", ""


def _sync() -> tuple[str, str, str]:
    folder = root() / ".distlab"
    folder.mkdir(exist_ok=True)
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(25):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    median = statistics.median(times)
    text = f"fsync takes {1000 * median:.1f} ms (median of {len(times)}), {1000 * max(times):.1f} ms at worst"
    if median > SLOW_SYNC:
        return (
            "warn",
            text,
            "live runs will be slow; the simulator is not affected. Is this a network disk?",
        )
    if median < 0.00005:
        return (
            "warn",
            text,
            "too fast to be true: this disk does not wait for the device, so live crashes prove less",
        )
    return "ok", text, ""


def _space() -> tuple[str, str, str]:
    free = shutil.disk_usage(root()).free
    text = f"{free / 1024**3:.1f} GB free"
    return (
        ("ok", text, "")
        if free > LEAST_SPACE
        else ("fail", text, "make room: distlab wants half a gigabyte")
    )


def _writable() -> tuple[str, str, str]:
    folder = root() / ".distlab"
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return "fail", f"{folder}: {error.strerror}", "make the folder writable for you: chmod u+w"
    return "ok", ".distlab can be written", ""


def _processes() -> tuple[str, str, str]:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{os.cpu_count()} processors, {soft} open files"
    return (
        ("ok", text, "") if soft >= 256 else ("warn", text, "live runs open many: ulimit -n 1024")
    )


def _terminal() -> tuple[str, str, str]:
    screen = Screen()
    letters = "ASCII only" if screen.ascii_only else "all letters"
    colours = "no colours" if os.environ.get("NO_COLOR") or not screen.is_terminal else "colours"
    text = f"{screen.console.width} columns, {letters}, {colours}"
    if screen.console.width < 80:
        return "warn", text, "diagrams want 80 columns: make the window wider"
    if screen.ascii_only:
        return "warn", text, "diagrams look better with UTF-8: export LC_ALL=C.UTF-8"
    return "ok", text, ""


LOOKS: dict[str, Callable[[], tuple[str, str, str]]] = {
    "python": _python,
    "environment": _environment,
    "labs": _labs,
    "files": _writable,
    "disk space": _space,
    "disk sync": _sync,
    "messages": _zmq,
    "ports": _ports,
    "processes": _processes,
    "terminal": _terminal,
}
