"""What the tests of lab 2's quorum share: a solution's modules, and one server alone among names."""

from __future__ import annotations

from typing import Any

from distlab.core.solo import Solo
from tests.labs.solutions import Modules as Modules
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent

MEMBERS = ("s1", "s2", "s3")


lab, reference = fixtures("2", "D1")


def server(lab: Modules, **config: Any) -> Solo:
    return Solo(lab.raft.Raft, lab.quorum.ServerConfig(MEMBERS, **config), "s1")


def entry(lab: Modules, term: int, key: str = "x", value: str = "1", seq: int = 1) -> Any:
    q = lab.quorum
    return q.Entry(term, q.Command(f"c/{key}", seq, q.Put(key, value)))


def append(lab: Modules, term: int, log: list[Any], prev: int = 0, commit: int = 0) -> Any:
    """What a leader says that has this log."""
    prev_term = log[prev - 1].term if prev else 0
    return lab.quorum.AppendEntries(term, prev, prev_term, tuple(log[prev:]), commit)


def elect(lab: Modules, solo: Solo) -> list[Any]:
    """Time passes, s2 would vote for it and does; what it says as a leader."""
    q = lab.quorum
    effects = solo.advance(300_000)
    asked = sent(effects, q.PreVote)[-1]
    solo.deliver(q.PreVoteReply(asked.term - 1, asked.term, True), sender="s2")
    return solo.deliver(q.VoteReply(asked.term, True), sender="s2")
