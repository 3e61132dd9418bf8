"""A coordinator on the bench: no members but what we say for them, a log that answers at once or when we like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Message
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab2_log.group_log import Append, Appended, Entry, Lead, Load, Loaded
from labs.lab2_log.groups import (
    Assigned,
    CoordinatorConfig,
    Heartbeat,
    HeartbeatAnswer,
    Joined,
    JoinGroup,
    OffsetCommit,
    OffsetCommitted,
    OffsetFetch,
    OffsetsFetched,
    Position,
    Synced,
    SyncGroup,
    TopicPartition,
)

P0, P1 = TopicPartition("orders", 0), TopicPartition("orders", 1)


SOON = 20 * MS
"""What we grant a coordinator that looks at its groups only now and then."""


class Wrong(Exception):
    """A promise is broken."""

    def __init__(self, reason: str, expected: Any = "", got: Any = "") -> None:
        super().__init__(reason)
        self.reason, self.expected, self.got = reason, str(expected), str(got)


def require(holds: bool, reason: str, expected: Any = "", got: Any = "") -> None:
    if not holds:
        raise Wrong(reason, expected, got)


def exam(name: str, check: Callable[[Solution], None]) -> Exam:
    def guarded(solution: Solution) -> Verdict:
        try:
            check(solution)
        except Wrong as wrong:
            return broken(wrong.reason, expected=wrong.expected, got=wrong.got)
        return kept()

    return Exam(name, guarded)


class Bench:
    """One coordinator, its log, and what it has said to each member."""

    def __init__(
        self, solution: Solution, records: list[Entry] | None = None, *, is_quiet: bool = False
    ) -> None:
        self.log: list[Entry] = list(records or ())
        self.is_quiet = is_quiet
        """Whether the log answers nothing."""
        self.said: list[tuple[str, Message]] = []
        self.solo = Solo(solution.module("coordinator").Coordinator, CoordinatorConfig(), "k1")
        self.ids: dict[str, int] = {}
        self.epoch = 1
        self.see(self.solo.effects)
        self.see(self.solo.deliver(Lead(1, "k1"), "log"))

    def see(self, effects: list[Any]) -> None:
        """Carry what it says to where it goes, until it is silent."""
        for effect in list(effects):
            if not isinstance(effect, Sent):
                continue
            self.said.append((effect.to, effect.message))
            if effect.to != "log" or self.is_quiet:
                continue
            match effect.message:
                case Load(epoch, at):
                    answer: Message = Loaded(epoch, at, tuple(self.log[at:]), len(self.log))
                case Append(epoch, at, records):
                    if at == len(self.log):
                        self.log += records
                    answer = Appended(epoch, at)
                case _:
                    continue
            self.see(self.solo.deliver(answer, "log"))

    def tell(self, member: str, message: Message) -> None:
        self.see(self.solo.deliver(message, member.partition("-")[0]))

    def pass_time(self, duration: int) -> None:
        self.see(self.solo.advance(duration))

    def id(self, member: str) -> int:
        self.ids[member] = self.ids.get(member, 0) + 1
        return self.ids[member]

    def heard(self, member: str, kind: type, number: int = -1) -> list[Any]:
        """What it has said to that member, of that kind."""
        return [
            m
            for to, m in self.said
            if to == member.partition("-")[0]
            and isinstance(m, kind)
            and number in (-1, getattr(m, "id", -1))
        ]

    # -- members ----------------------------------------------------------------------------------------------------

    def join(self, member: str, **more: Any) -> JoinGroup:
        fields: dict[str, Any] = {
            "session_timeout": 200 * MS,
            "rebalance_timeout": 400 * MS,
            "assignor": "range",
            "topics": ("orders",),
        } | more
        message = JoinGroup(self.id(member), "g", member, **fields)
        self.tell(member, message)
        return message

    def joined(self, member: str) -> Joined:
        answers = self.heard(member, Joined)
        require(bool(answers), f"{member} joined, and is not answered", "Joined", "nothing")
        last: Joined = answers[-1]
        return last

    def sync(self, member: str, generation: int, shares: dict[str, Any] | None = None) -> SyncGroup:
        assignment = tuple(Assigned(m, tuple(parts)) for m, parts in (shares or {}).items())
        message = SyncGroup(self.id(member), "g", generation, member, assignment)
        self.tell(member, message)
        return message

    def beat(self, member: str, generation: int) -> str:
        number = self.id(member)
        self.tell(member, Heartbeat(number, "g", generation, member))
        answers = self.heard(member, HeartbeatAnswer, number)
        require(bool(answers), f"a heartbeat of {member} is not answered", "an answer", "nothing")
        error: str = answers[-1].error
        return error

    def commit(
        self, member: str, generation: int, offset: int, number: int = 0, part: Any = P0
    ) -> list[OffsetCommitted]:
        number = number or self.id(member)
        before = len(self.heard(member, OffsetCommitted, number))
        position = (Position(part, offset),)
        self.tell(member, OffsetCommit(number, "g", generation, member, position))
        return self.heard(member, OffsetCommitted, number)[before:]

    def committed(self, part: Any = P0, who: str = "tool") -> int | None:
        number = self.id(who)
        self.tell(who, OffsetFetch(number, "g", (part,)))
        answers = self.heard(who, OffsetsFetched, number)
        require(bool(answers), "OffsetFetch is not answered", "OffsetsFetched", "nothing")
        require(not answers[-1].error, "OffsetFetch is refused", "the offset", answers[-1].error)
        offset: int | None = answers[-1].positions[0].offset
        return offset

    def gather(self, *members: str) -> int:
        """These members, and no others, in a stable group; its generation."""
        for member in members:
            self.join(member)
        self.pass_time(60 * MS)
        answer = self.joined(members[0])
        parts = [P0, P1]
        shares = {m: parts[n :: len(members)] for n, m in enumerate(members)}
        for member in sorted(members, key=lambda m: m != answer.leader):
            self.sync(member, answer.generation, shares if member == answer.leader else None)
        self.pass_time(SOON)
        for member in members:
            got = [s for s in self.heard(member, Synced) if not s.error]
            require(bool(got), f"{member} does not get its share", "Synced", "nothing")
        return answer.generation

    def restarted(self, solution: Solution) -> Bench:
        """Another coordinator that finds this log."""
        return Bench(solution, self.log)
