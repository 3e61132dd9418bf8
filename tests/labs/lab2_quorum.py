"""What the tests of lab 2's quorum share: a solution's modules, and one server alone among names."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.grade.solution import Solution, load_lab, load_solution

MEMBERS = ("s1", "s2", "s3")


class Modules:
    """``modules.raft.Raft``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        lab = load_lab("2")
        self._solution = load_solution(lab, lab.part("D1"), solution)

    @classmethod
    def of(cls, solution: Solution) -> Modules:
        """Of a solution that is loaded already."""
        modules = cls.__new__(cls)
        modules._solution = solution
        return modules

    def __getattr__(self, name: str) -> ModuleType:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


@pytest.fixture
def reference() -> Modules:
    """For tests of functions that only the reference has."""
    return Modules("reference")


def server(lab: Modules, **config: Any) -> Solo:
    return Solo(lab.raft.Raft, lab.quorum.ServerConfig(MEMBERS, **config), "s1")


def sent(effects: list[Any], kind: type | None = None, to: str = "") -> list[Any]:
    """The messages among the effects."""
    return [
        e.message
        for e in effects
        if isinstance(e, fx.Sent)
        and (kind is None or isinstance(e.message, kind))
        and to in ("", e.to)
    ]


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
