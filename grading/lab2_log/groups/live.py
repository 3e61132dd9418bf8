"""Part 2G as real processes: three members and two coordinators over ZeroMQ, with kills, and a zombie.

``make live LAB=2 PART=g``. A member is killed (-9) as it commits, and so is the coordinator as it answers. Another
member is stopped for longer than its session: others take over what it had, and it wakes up as a zombie that commits.
The topics' broker and the log of the groups are the world's. What counts is what was handed out, to whom, and what was
committed; and that in the end the group has read everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Address, Config, Fail, Node, Ok, Operation, Ticket, Timer
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by, sends
from distlab.grade.lab import RECORD_MESSAGES, Run
from distlab.grade.live import BadInput, Judged, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.live.recorder import Line
from distlab.trace import NOTICED
from grading.lab2_log.groups import scenarios
from grading.lab2_log.groups.parts import PART_G2, PART_G3
from grading.lab2_log.groups.world import Produce
from labs.lab2_log.groups import (
    NONE,
    FetchRecords,
    MemberProbe,
    OffsetFetch,
    OffsetsFetched,
    RecordsFetched,
    TopicPartition,
    Want,
)

ROUNDS: Final = 24
RECORDS: Final = 3
"""In each partition and round."""
PARTITIONS: Final = 6
PATIENCE: Final = 30 * SECOND
"""So long after the records of a round were written, the group has read them."""
PLAN = Plan(
    (
        Fault(Doing("m1", "send", "OffsetCommit", n=8), Crash("m1", 1_500 * MS, Survival.ALL)),
        Fault(Doing("m2", "send", "OffsetCommit", n=16), Pause("m2", 1_800 * MS)),
        Fault(Doing("k1", "send", "OffsetCommitted", n=40), Crash("k1", 1_200 * MS, Survival.ALL)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.05)
SHAPE: Final[dict[str, Any]] = {
    "members": [{}, {}, {}],
    "topics": {"orders": PARTITIONS},
    "records": 0,
    "dead_after": 600,
    "config": {
        "assignor": "cooperative-sticky",
        "session_timeout": 800 * MS,
        "heartbeat": 120 * MS,
        "max_poll_interval": 3_000 * MS,
        "auto_commit_every": 120 * MS,
        "retry": 150 * MS,
        "poll_wait": 100 * MS,
        "metadata_every": 500 * MS,
        "work": 8 * MS,
    },
}
JUDGED: Final = {"CG-S1": PART_G2, "CG-S2": PART_G3, "CG-S3": PART_G3, "CG-S4": PART_G3}
"""The others promise times, which a busy machine need not keep; or ask what a coordinator had heard when it decided to
say something, and a record of real processes tells when it was said."""


class UntilRead(Operation, frozen=True):
    """Wait until the group has no lag. Ok; Fail(what it lacks) after a while."""


class Ask(Timer, frozen=True):
    """Time to look again."""


class Auditor(Node):
    """A tool: compares what is committed with where partitions end, as one does who watches a group's lag."""

    config: Config
    waiting: dict[int, int]
    """Ticket -> until when."""
    questions: int
    ends: dict[TopicPartition, int]
    committed: dict[TopicPartition, int]

    def on_start(self) -> None:
        self.waiting, self.questions, self.ends, self.committed = {}, 0, {}, {}

    def on_until_read(self, op: UntilRead, ticket: Ticket) -> None:
        self.ends.clear()
        self.waiting[ticket] = self.monotonic() + PATIENCE
        self.on_ask(Ask())

    def on_ask(self, _: Ask) -> None:
        """Ask everybody who may know."""
        self.questions += 1
        wants = tuple(Want(TopicPartition("orders", n), -1) for n in range(PARTITIONS))
        self.send(Address("broker"), FetchRecords(self.questions, wants))
        for coordinator in scenarios.COORDINATORS:
            self.send(Address(coordinator), OffsetFetch(self.questions, "g"))
        self.set_timer(Ask(), 150 * MS)
        for ticket, until in list(self.waiting.items()):
            if self.monotonic() > until:
                del self.waiting[ticket]
                self.finish(Ticket(ticket), Fail(f"{self.lag()} records are not committed"))

    def lag(self) -> int:
        """How many records are not committed."""
        return sum(max(0, end - self.committed.get(part, 0)) for part, end in self.ends.items())

    def on_records_fetched(self, answer: RecordsFetched) -> None:
        self.ends = {found.partition: found.high_watermark for found in answer.found}
        self.look()

    def on_offsets_fetched(self, answer: OffsetsFetched) -> None:
        if answer.error == NONE:
            self.committed |= {p.partition: p.offset or 0 for p in answer.positions}
            self.look()

    def look(self) -> None:
        if len(self.ends) == PARTITIONS and not self.lag():
            for ticket in self.waiting:
                self.finish(Ticket(ticket), Ok())
            self.waiting.clear()
            self.cancel_timer(Ask())


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Records are written, and read; and again."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    simulated = scenarios.stage(solution, Scenario(shape=SHAPE)).cluster
    members: dict[str, Member] = {str(name): each for name, each in simulated.members.items()}
    members["tool"] = Member(Auditor, Config(), "tool")
    rounds: list[list[tuple[str, Operation]]] = []
    for _ in range(ROUNDS):
        writes = [("broker", Produce("orders", n, RECORDS)) for n in range(PARTITIONS)]
        rounds += [[*writes], [("tool", UntilRead())]]
    return LiveStage(
        about=[
            f"three members read {ROUNDS * RECORDS * PARTITIONS} records from {PARTITIONS} partitions",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "m1 and the coordinator k1 will be killed (-9), and m2 will be stopped (SIGSTOP)",
        ],
        cluster=Cluster(members),
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Rebalances(rounds),
        judge=_judged,
        table=_table,
        shape=SHAPE,
        record=NOTICED | RECORD_MESSAGES,
    )


def _judged(run: Run) -> Sequence[Judged]:
    found = [
        judged for code, part in JUDGED.items() for judged in judged_by(part.promises, (code,))(run)
    ]
    whole = next(promise for promise in PART_G3.promises if promise.code == "CG-L1")
    return [*found, Judged(whole, _all_read(run))]


def _all_read(run: Run) -> Verdict:
    """CG-L1, with patience: everything is read, sooner or later."""
    for entry in run.history:
        if isinstance(entry.operation, UntilRead) and not entry.is_ok:
            return broken(
                f"{PATIENCE // SECOND} s after records were written they were not read",
                entry.call,
                expected="Ok",
                got=repr(entry.outcome),
            )
    return kept()


class Rebalances(Operations):
    """How far the group is: rounds, joins, commits."""

    def __init__(self, rounds: Sequence[Sequence[object]]) -> None:
        super().__init__(rounds)
        self.joins = self.commits = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        if line.node.startswith("m"):  # what programs do is counted by commits
            self.joins += sends(line, "JoinGroup")
            self.commits += sends(line, "OffsetCommit")
        else:
            super().see(line)

    def lines(self) -> list[str]:
        """For the screen."""
        return [
            self.ended(),
            f"joins sent {self.joins}  commits sent {self.commits}  messages lost {self.lost}",
        ]


def _table(probes: Mapping[Address, Any]) -> Sequence[str]:
    """Who owns what, as far as each member knows."""
    return [
        f"{name}  generation {probe.generation:>3}  "
        + (" ".join(str(part.number) for part in probe.owned) or "nothing")
        for name, probe in sorted(probes.items())
        if isinstance(probe, MemberProbe)
    ]
