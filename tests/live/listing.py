"""The processes of this machine: from ``/proc`` where there is one, else from ``ps``, which a small Linux may lack."""

import contextlib
import subprocess
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    pid: int
    parent: int
    group: int
    state: str
    """Begins with ``Z`` for one that has ended and was not waited for."""
    command: str


def listing() -> list[Row]:
    """All processes."""
    proc = Path("/proc")
    if not (proc / "self" / "stat").exists():
        return _of_ps()
    rows = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                rows.append(_of_folder(folder))
    return rows


def _of_folder(folder: Path) -> Row:
    # proc(5): the command's name stands in parentheses and may hold any character; what follows is fields.
    state, parent, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return Row(int(folder.name), int(parent), int(group), state, command)


def _of_ps() -> list[Row]:
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,args="]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = []
    for line in text.splitlines():
        pid, parent, group, state, *arguments = line.split(None, 4)
        rows.append(Row(int(pid), int(parent), int(group), state, "".join(arguments)))
    return rows


def below(ancestor: int) -> list[int]:
    """All processes that one has started, and those that they have."""
    rows, found, front = listing(), [], [ancestor]
    while front:
        front = [row.pid for row in rows if row.parent in front]
        found += front
    return found
