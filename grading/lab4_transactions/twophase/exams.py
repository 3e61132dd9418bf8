"""Checks of the log alone: its format, every crash of a small script, every flipped bit of a small file.

The script is this: some records are forced, some are not; the power fails, and leaves of each write that was not synced
all, nothing or a part. Then the log is opened, goes on, and the power fails again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import DamagedFile
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab4_transactions.twophase.platter import Platter, outcomes

PATH = "wal"
VECTOR = (
    "7075f8620800000000000000000000007072657061726564"  # prepared
    "6fc6d57b000000000000000000000000"  # nothing, which is a record, too
    "fba49c43050000002800000000000000656e646564"  # ended: when it was appended, 40 bytes had been forced
)
"""A log, byte for byte."""

Script = tuple[str | None, ...]
"""Bodies to append; None: force."""

SCRIPTS: tuple[Script, ...] = (
    ("aaaa", None, "bbbb", "cccc"),
    ("aaaa", "bbbb", None, "cccc"),
    ("aaaa", "bb", "cccccc", None),
    ("aaaa", None, "bbbb", None, "cccc"),
    ("aaaa", None, "bbbb", "cccc", None, "dddd"),
    (None, "aaaa", None, None, "bbbb"),
)


def _play(wal: Any, disk: Platter, script: Script) -> list[tuple[int, int]]:
    """Do as the script says. Returns (syncs asked for, records forced) after each force."""
    forced, count = [], 0
    for body in script:
        if body is None:
            wal.force(disk)
            forced.append((disk.syncs, count))
        else:
            wal.append(disk, body.encode())
            count += 1
    return forced


def _format(solution: Solution) -> Verdict:
    disk, module = Platter(), solution.module("wal")
    wal, _ = module.open_wal(disk, PATH)
    wal.append(disk, b"prepared")
    wal.append(disk, b"")
    wal.force(disk)
    wal.append(disk, b"ended")
    wanted = bytes.fromhex(VECTOR)
    if disk.read(PATH) != wanted:
        return broken(
            "three records, the first two of them forced, do not stand in the file as they should",
            expected=wanted.hex(" ", 4),
            got=disk.read(PATH).hex(" ", 4),
        )
    return kept()


def _lives(module: Any) -> Iterator[Verdict]:
    """Every crash of every script; and, of what the next life does, every crash that might undo a cut."""
    for script in SCRIPTS:
        bodies = [body.encode() for body in script if body is not None]
        probe = Platter()
        wal, _ = module.open_wal(probe, PATH)
        forced = _play(wal, probe, script)
        for done in range(len(probe.under_way) + 1):
            safe = max((count for syncs, count in forced if syncs <= done), default=0)
            words = f"appended {', '.join(map(_shown, script))}; {done} syncs done; power fails"
            for left, names in outcomes(min(len(bodies) - safe, 3)):
                for then in WORST:
                    disk = Platter()
                    wal, _ = module.open_wal(disk, PATH)
                    _play(wal, disk, script)
                    disk.complete(done)
                    disk.crash(left, names)
                    wal, found = module.open_wal(disk, PATH)
                    yield _is_prefix(words, found, bodies, safe)
                    wal.append(disk, b"xxxx")
                    wal.append(disk, b"yyyy")
                    disk.crash(then, 9)
                    after = f"{words}; opened, appended xxxx, yyyy; power fails"
                    _, again = module.open_wal(disk, PATH)
                    yield _is_prefix(after, again, [*found, b"xxxx", b"yyyy"], len(found))


WORST = ((0.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.6))
"""What is kept of a cut, if there was one, and of two records."""


def _is_prefix(where: str, found: list[bytes], bodies: list[bytes], safe: int) -> Verdict:
    if found != bodies[: len(found)]:
        return broken(
            f"{where}: the log has what was never in it, or not in that order",
            expected=f"the first {safe} of {bodies!r}, or more of them",
            got=found,
        )
    if len(found) < safe:
        return broken(
            f"{where}: what was forced is gone",
            expected=f"at least {bodies[:safe]!r}",
            got=found,
        )
    return kept()


def _shown(body: str | None) -> str:
    return "FORCE" if body is None else body


def _survives(solution: Solution) -> Verdict:
    try:
        return next((v for v in _lives(solution.module("wal")) if not v.is_kept), kept())
    except DamagedFile as error:
        return broken(
            "the power fails, no bit is changed, and the log is said to be damaged",
            expected="a torn tail is cut off",
            got=error,
        )


def _one_sync(solution: Solution) -> Verdict:
    """However many records: one sync; and none for nothing."""
    disk = Platter()
    wal, _ = solution.module("wal").open_wal(disk, PATH)
    for number in range(50):
        wal.append(disk, b"%d" % number)
    if disk.syncs > 0:
        return broken("append syncs", expected="that is for force", got=f"{disk.syncs} syncs")
    wal.force(disk)
    wal.force(disk)
    if disk.syncs != 1:
        return broken(
            "50 records are forced, and then nothing new is", expected="1 sync", got=disk.syncs
        )
    return kept()


def _rot(solution: Solution) -> Verdict:
    """Every bit of what was forced, with more behind it, is flipped once."""
    module = solution.module("wal")
    for script in (("aaaa", None, "bbbb", None, "cccc"), ("aaaa", "bbbb", None, "cccc", "dddd")):
        made = Platter()
        wal, _ = module.open_wal(made, PATH)
        _play(wal, made, script)
        made.complete(len(made.under_way))
        whole = made.read(PATH)
        reached = whole.find(b"bbbb") + 4
        for bit in range(reached * 8):
            disk = Platter()
            disk.append_bytes(PATH, whole)
            disk.sync(PATH, "/")
            disk.complete(1)
            disk.model.flip(PATH, bit)
            try:
                _, found = module.open_wal(disk, PATH)
            except DamagedFile:
                if disk.size(PATH) != len(whole):
                    return broken(f"bit {bit} is flipped: reported, and cut all the same")
                continue
            return broken(
                f"bit {bit} of a record is flipped that had been forced, with records behind it",
                expected="DamagedFile",
                got=f"a log of {found!r}",
            )
    return kept()


def _nothing_wrong(solution: Solution) -> Verdict:
    """Every bit of the last record is flipped: that may be rot, or a torn tail; it must not be read."""
    module = solution.module("wal")
    made = Platter()
    wal, _ = module.open_wal(made, PATH)
    _play(wal, made, ("aaaa", None, "bbbb"))
    whole = made.read(PATH)
    for bit in range((whole.find(b"aaaa") + 4) * 8, len(whole) * 8):
        disk = Platter()
        disk.append_bytes(PATH, whole)
        disk.model.flip(PATH, bit)
        try:
            _, found = module.open_wal(disk, PATH)
        except DamagedFile:
            continue
        if found != [b"aaaa"]:
            return broken(
                f"bit {bit}, in the last record, is flipped", expected=[b"aaaa"], got=found
            )
    return kept()


EXAMS_S1 = (
    Exam("the format", _format, "wal"),
    Exam("every crash of a small script", _survives, "wal"),
    Exam("one sync for many records", _one_sync, "wal"),
)
EXAMS_S2 = (
    Exam("every bit of what was forced", _rot, "wal"),
    Exam("every bit of the last record", _nothing_wrong, "wal"),
)
