"""Checks of one server with no cluster round it: how large its files grow, and how much it keeps in memory."""

from __future__ import annotations

from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import Address
from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    Command,
    Entry,
    Put,
    ServerConfig,
    Status,
)

MEMBERS = (Address("s1"), Address("s2"), Address("s3"))
ROUNDS, SNAPSHOT_AFTER = 400, 20
ROOM = 64_000
"""Bytes: some thousand entries would need more, and the state has less than two thousand."""


def files_stay_small(solution: Solution) -> Verdict:
    """Four hundred entries on ten keys, with a snapshot after every twenty; and it starts again from its files."""
    config = ServerConfig(MEMBERS, snapshot_after=SNAPSHOT_AFTER)
    server = Solo(solution.module("raft").Raft, config, "s1")
    prev = 0
    for index in range(1, ROUNDS + 1):
        command = Command("c1/1", index, Put(f"k{index % 10}", f"{index:0100}"))
        message = AppendEntries(1, prev, 1 if prev else 0, (Entry(1, command),), index)
        effects = server.deliver(message, "s2")
        if not _agreed(effects, index):
            return broken(f"entry {index} of a leader's log was not taken", got=effects[-1:])
        prev = index
    files = server.files
    size = sum(files.size(name) for name in files.files())
    if size > ROOM:
        return broken(
            f"after {ROUNDS} entries and a snapshot after every {SNAPSHOT_AFTER}, the files hold {size:,} bytes",
            expected=f"at most {ROOM:,}",
            got=f"{size:,}",
        )
    server.crash()
    server.start()
    status: Status = server.node.probe()
    if status.last_index != ROUNDS:
        return broken(
            "after a restart from a snapshot the log ends elsewhere",
            expected=ROUNDS,
            got=status.last_index,
        )
    return kept()


def _agreed(effects: list[Any], index: int) -> bool:
    return any(
        isinstance(effect, fx.Sent)
        and isinstance(effect.message, AppendReply)
        and effect.message.success
        and effect.message.match == index
        for effect in effects
    )


EXAMS_C1 = (Exam("four hundred entries, twenty snapshots", files_stay_small),)
