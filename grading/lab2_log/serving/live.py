"""The whole log as real processes: producers, brokers, coordinators and a consumer group, over ZeroMQ.

``make live LAB=2``. Two producers of part 2F write to two partitions on three brokers, a group of part 2G reads them.
b1, a leader, is killed (-9) in the act of writing, b2 is stopped and wakes up as a zombie, and the group's coordinator
is killed, too. The controller is the world's; the groups' log stands on the brokers. What counts is what producers were
told, what members read, and what is in the logs in the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Address, Config, Fail, Ok, Operation, Ticket, Timer
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by
from distlab.grade.lab import RECORD_MESSAGES, Promise, Run
from distlab.grade.live import BadInput, Judged, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.live.recorder import Line
from distlab.trace import NOTICED, Kind
from grading.lab2_log.groups.parts import PART_G2, PART_G3
from grading.lab2_log.groups.world import Ends
from grading.lab2_log.producer import stage as producing
from grading.lab2_log.producer.controller import Overview, Registry, RegistryConfig
from grading.lab2_log.producer.parts import PART as PART_F
from grading.lab2_log.serving.client import ClientConfig
from grading.lab2_log.serving.offsets import PARTITION, OffsetsConfig, OffsetsLog
from grading.lab2_log.serving.requests import FROM_END, Take, is_internal, unpacked
from grading.lab2_log.serving.shelf import Shelf
from grading.lab2_log.serving.sight import table
from grading.lab2_log.serving.topics import TOPIC_EXISTS, CreateTopic, Metadata, MetadataAnswer
from labs.lab2_log.brokers import BrokerProbe
from labs.lab2_log.groups import CoordinatorConfig, MemberConfig, Poll, TopicPartition
from labs.lab2_log.producing import Flush, Send

ROUNDS: Final = 24
SENDS: Final = 8
COORDINATORS: Final = ("k1", "k2")
READERS: Final = ("m1", "m2")
PLAN = Plan(
    (
        Fault(Doing("b1", "sync", "orders-0/", n=16), Crash("b1", 1_200 * MS, Survival.ALL)),
        Fault(Doing("k1", "send", "OffsetCommitted", n=8), Crash("k1", 1_200 * MS, Survival.ALL)),
        Fault(Doing("b2", "sync", "orders-1/", n=40), Pause("b2", 900 * MS)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.03)
SHAPE: Final[dict[str, Any]] = {
    "brokers": 3,
    "partitions": 2,
    "producer": {
        "linger": 15,
        "batch_size": 150,
        "request_timeout": 500,
        "delivery_timeout": 20_000,
        "metadata_retry": 150,
    },
}
READER = MemberConfig(
    coordinators=COORDINATORS,
    broker="broker",
    session_timeout=2 * SECOND,
    heartbeat=250 * MS,
    max_poll_interval=4 * SECOND,
    auto_commit_every=200 * MS,
    retry=400 * MS,
    metadata_every=1 * SECOND,
    fetch_records=50,
    poll_records=10,
)
JUDGED_F: Final = ("PR-S1", "PR-S2", "PR-S3", "PR-S4")
JUDGED_G2: Final = ("CG-S1",)
JUDGED_G3: Final = ("CG-S3",)
"""The others promise times, or ask what somebody had heard when something happened elsewhere: a record of real
processes tells when it was said."""


# -- what the world plays ---------------------------------------------------------------------------------------------


class TopicRegistry(Registry):
    """The controller, also of the groups' log; and it tells clients of the log who leads."""

    def probe(self) -> Overview:
        shown = [s for s in self.states.values() if not is_internal(s.partition)]
        return Overview(tuple(shown))

    def on_metadata(self, request: Metadata, sender: Address) -> None:
        self.send(sender, MetadataAnswer(request.id, tuple(self.states.values())))

    def on_create_topic(self, request: CreateTopic, sender: Address) -> None:
        self.send(sender, MetadataAnswer(request.id, tuple(self.states.values()), TOPIC_EXISTS))


class CaughtUp(Operation, frozen=True):
    """Wait until the group has committed all that is in these partitions. Ok."""

    group: str
    partitions: tuple[str, ...]


class LookAgain(Timer, frozen=True):
    """Time to see how far the group is."""


class WatchedOffsets(OffsetsLog):
    """And somebody waits for the group."""

    config: OffsetsConfig
    waiting: tuple[Ticket, CaughtUp] | None
    ends: dict[str, int]

    def on_start(self) -> None:
        self.waiting, self.ends = None, {}
        super().on_start()

    def on_caught_up(self, op: CaughtUp, ticket: Ticket) -> None:
        self.waiting = ticket, op
        self.on_look_again(LookAgain())

    def on_look_again(self, _: LookAgain) -> None:
        if self.waiting is None:
            return
        ticket, op = self.waiting
        groups = {group.group: dict(group.positions) for group in self.probe().groups}
        committed = groups.get(op.group, {})
        if self.ends and all(self.ends.get(p) == committed.get(p) for p in op.partitions):
            self.waiting = None
            self.finish(ticket, Ok())
            return
        for partition in op.partitions:
            self.submit(Take(partition, FROM_END, max_bytes=1), ("end", partition))
        self.set_timer(LookAgain(), 250 * MS)

    def settled(self, about: Any, outcome: Ok | Fail) -> None:
        match about:
            case ("end", partition):
                if isinstance(outcome, Ok):
                    self.ends[partition] = outcome.value[1]
            case _:
                super().settled(about, outcome)


# -- what the run is held to ------------------------------------------------------------------------------------------


def is_read(run: Run) -> Verdict:
    """RL-S8: what a producer was told to be in the log, the group has read there, as it was sent."""
    read: dict[tuple[int, int], set[str]] = {}
    for entry in run.history.of_type(Poll):
        for record in entry.value if entry.is_ok and entry.value else ():
            _, _, value = unpacked(record.value)
            place = record.partition.number, record.offset
            read.setdefault(place, set()).add((value or b"").decode())
    for entry in run.history.of_type(Send):
        if entry.is_ok and read.get(tuple(entry.value)) != {entry.operation.value}:  # type: ignore[attr-defined]
            number, offset = entry.value
            return broken(
                f"orders-{number}, offset {offset}: acknowledged, and the group read something else there",
                entry.ret,
                expected=entry.operation.value,  # type: ignore[attr-defined]
                got=", ".join(sorted(read.get((number, offset), {"nothing"}))),
            )
    return kept()


READ_BY_THE_GROUP: Final = Promise(
    code="RL-S8",
    title="what was acknowledged is read by the group, in its place",
    points=0,
    judge=is_read,
    page="labs/lab2.md#consumed",
)


def judged(run: Run) -> list[Judged]:
    """Producers, members, and what lies between them."""
    ended = structs.replace(run, probes={**run.probes, Address("broker"): ends_of(run)})
    return [
        *judged_by(PART_F.promises, JUDGED_F)(ended),
        *judged_by(PART_G2.promises, JUDGED_G2)(ended),
        *judged_by(PART_G3.promises, JUDGED_G3)(ended),
        Judged(READ_BY_THE_GROUP, is_read(ended)),
    ]


def ends_of(run: Run) -> tuple[Ends, ...]:
    """Where each partition begins and ends, as its leader says."""
    found = []
    for state in run.probes[Address("controller")].partitions:
        probe = run.probes.get(Address(state.leader))
        view = probe.of(state.partition) if isinstance(probe, BrokerProbe) else None
        if view is not None:
            topic, _, number = state.partition.rpartition("-")
            part = TopicPartition(topic, int(number))
            found.append(Ends(part, view.log_start, view.high_watermark))
    return tuple(found)


# -- the run ----------------------------------------------------------------------------------------------------------


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Producers send, again and again; at the end of each round they flush. The group reads all the while."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    partitions = producing.partitions(SHAPE)
    rounds = [_round(number) for number in range(ROUNDS)]
    rounds.append([("offsets", CaughtUp("g", partitions))])
    return LiveStage(
        about=[
            f"two producers send {ROUNDS * SENDS} records to two partitions on three brokers,",
            "a group of two reads them",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "b1, a leader, will be killed (-9) in the act of writing; so will k1, which",
            "coordinates the group; b2 will be stopped (SIGSTOP)",
            "to use the log yourself: make live LAB=2 KEEP=1",
        ],
        cluster=cluster(solution),
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Traffic(rounds),
        judge=judged,
        table=table,
        shape=SHAPE,
        record=NOTICED | RECORD_MESSAGES,
    )


class Traffic(Operations):
    """What was asked for from outside; and how often the group's programs have polled, which they do by themselves."""

    polls = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        if line.kind == Kind.RETURN and line.node in READERS:
            self.polls += 1
        else:
            super().see(line)

    def lines(self) -> list[str]:
        return [
            self.ended(),
            f"polls and work of the group {self.polls}  messages lost {self.lost}",
        ]


def cluster(solution: Solution) -> Cluster:
    """Part 2F's cluster, and a group beside it."""
    registry = RegistryConfig(producing.brokers(SHAPE), (*producing.partitions(SHAPE), PARTITION))
    ours: dict[str, tuple[Any, Config]] = {
        "controller": (TopicRegistry, registry),
        "offsets": (WatchedOffsets, OffsetsConfig(coordinators=COORDINATORS)),
        "broker": (Shelf, ClientConfig()),
    }
    keeping = CoordinatorConfig("offsets", initial_delay=300 * MS, retry=300 * MS)
    coordinator = solution.module("coordinator").Coordinator
    ours |= dict.fromkeys(COORDINATORS, (coordinator, keeping))
    ours |= dict.fromkeys(READERS, (solution.module("member").Member, READER))
    members = producing.stage(solution, Scenario(shape=SHAPE)).cluster.members
    theirs = {str(name): member for name, member in members.items()}
    added = {name: Member(program, config) for name, (program, config) in ours.items()}
    return Cluster({**theirs, **added})


def _round(number: int) -> list[tuple[str, Operation]]:
    """What is asked for at once: records with and without keys, and a flush behind them."""
    asked: list[tuple[str, Operation]] = []
    for n in range(SENDS):
        key = f"k{n % 3}" if n % 2 else None
        asked.append(("p2" if n % 4 == 3 else "p1", Send(f"{number}.{n}", key)))
    return [*asked, ("p1", Flush())]
