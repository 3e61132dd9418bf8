"""Changes of the ISR in a world so small that it can be searched whole: KIP-497's AsyncIsr, with your rules.

A leader and two followers of one partition, and two controllers: one decides, the other one was deposed, does not know
it, and answers every question with what was true in the beginning. The leader appends, followers stay away, come back
and catch up, and whenever the leader wants another ISR it asks. Messages arrive never, once or again, in any order.

Of the solution only rules are asked, which are functions of values: ``insync.py`` for the leader, ``decisions.py`` for
the controller. All the rest is here, so the search needs no clock and no disk. Followers and leader are one node: what
a leader knows of a follower is never more than what is so, and the danger lies elsewhere.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.check import Verdict, broken, kept
from distlab.core import SECOND, Address, Node, Timer
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope
from distlab.grade.lab import Exhaustive, Run, Stage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from labs.lab2_log.brokers import AlterPartition, PartitionAltered, PartitionState
from labs.lab2_log.metadata import Alter, BrokerState, Rules
from labs.lab2_log.metadata import Cluster as Decided
from labs.lab2_log.replicas import Progress

NAMES = ("b1", "b2", "b3")
FOLLOWERS = NAMES[1:]
BEGINNING = PartitionState("p", NAMES, "b1", 1, NAMES, 0)
RETURNS = "b2"
"""The follower that comes and goes; the other one goes once."""
NOW, LONG_AGO, LAG = 1_000, 0, 100
VERSIONS = 3


class Write(Timer, frozen=True):
    """The leader appends a record."""


class Fetch(Timer, frozen=True):
    """The follower has fetched all that there is."""

    broker: str


class Back(Timer, frozen=True):
    """The follower has fetched something, and by no means all."""

    broker: str


class Away(Timer, frozen=True):
    """The follower has not fetched for longer than lag_time."""

    broker: str


class View(Struct, frozen=True):
    """What the nodes of the model show of themselves."""

    ends: tuple[int, ...]
    high_watermark: int
    state: PartitionState


def with_item(items: tuple[Any, ...], broker: str, item: Any) -> tuple[Any, ...]:
    """The same, but for that follower."""
    return tuple(
        item if name == broker else old for name, old in zip(FOLLOWERS, items, strict=True)
    )


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """The cluster of the model, with the solution's rules in it."""
    insync, decisions = solution.module("insync"), solution.module("decisions")

    class Leader(Node):
        known: PartitionState
        proposal: tuple[str, ...] | None
        ends: tuple[int, ...]
        """Of each follower."""
        away: tuple[bool, ...]
        """Who has not fetched for too long."""
        behind: tuple[bool, ...]
        """Who has not been caught up for too long."""
        end: int
        high_watermark: int

        def on_start(self) -> None:
            self.known, self.proposal = BEGINNING, None
            self.ends, self.away, self.behind = (0, 0), (False, False), (False, False)
            self.end = self.high_watermark = 0
            self.set_timer(Write(), SECOND)
            for broker in FOLLOWERS:
                self.set_timer(Fetch(broker), SECOND)
                self.set_timer(Away(broker), SECOND)

        def on_write(self) -> None:
            self.end = 1
            self.commit()

        def on_fetch(self, timer: Fetch) -> None:
            self.ends = with_item(self.ends, timer.broker, self.end)
            self.set_timer(timer, SECOND)
            self.came(timer.broker, is_away=False, is_behind=False)

        def on_away(self, timer: Away) -> None:
            if timer.broker == RETURNS:
                self.set_timer(Back(timer.broker), SECOND)
            else:
                self.cancel_timer(Fetch(timer.broker))
            self.came(timer.broker, is_away=True, is_behind=True)

        def on_back(self, timer: Back) -> None:
            self.set_timer(Away(timer.broker), SECOND)
            self.came(timer.broker, is_away=False, is_behind=True)

        def came(self, broker: str, *, is_away: bool, is_behind: bool) -> None:
            self.away = with_item(self.away, broker, is_away)
            self.behind = with_item(self.behind, broker, is_behind)
            self.review()
            self.commit()

        def review(self) -> None:
            progress = {
                broker: Progress(
                    end, LONG_AGO if is_behind else NOW, self.end, LONG_AGO if is_away else NOW
                )
                for broker, end, is_away, is_behind in zip(
                    FOLLOWERS, self.ends, self.away, self.behind, strict=True
                )
            }
            wanted = insync.wanted_isr(self.known, progress, self.high_watermark, NOW, LAG)
            self.proposal = insync.proposal_now(self.known, self.proposal, wanted)
            if self.proposal is not None:
                request = AlterPartition(1, "p", 1, self.proposal, self.known.version)
                for controller in ("controller", "deposed"):
                    self.send(Address(controller), request)

        def commit(self) -> None:
            """Everything is committed that all have who are, or may be, in the ISR."""
            members = (*self.known.isr, *(self.proposal or ()))
            ends = [end for name, end in zip(FOLLOWERS, self.ends, strict=True) if name in members]
            self.high_watermark = max(self.high_watermark, min([self.end, *ends]))

        def on_partition_altered(self, answer: PartitionAltered) -> None:
            self.proposal = insync.proposal_after(self.proposal, self.known, answer.state)
            if answer.state.version > self.known.version:
                self.known = answer.state
            self.commit()

        def probe(self) -> View:
            return View(self.ends, self.high_watermark, self.known)

    class Decides(Node):
        decided: PartitionState

        def on_start(self) -> None:
            self.decided = BEGINNING

        def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
            cluster = Decided({name: BrokerState(1) for name in NAMES}, {"p": self.decided})
            cluster = decisions.apply(cluster, Alter("b1", request), Rules(1))
            self.decided = cluster.partitions["p"]
            self.send(sender, PartitionAltered(request.id, self.decided))

        def probe(self) -> View:
            return View((), 0, self.decided)

    class Deposed(Node):
        def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
            self.send(sender, PartitionAltered(request.id, BEGINNING))

    members = {
        "leader": Member(Leader, None, "leader"),
        "controller": Member(Decides, None, "controller"),
        "deposed": Member(Deposed, None, "deposed"),
    }
    return Stage(cluster=Cluster(members), until=SECOND)


def everybody_has_it(ends: tuple[int, ...], high_watermark: int, isr: tuple[str, ...]) -> str:
    """Who is in the ISR, as it is decided, and lacks something that is committed; empty: nobody."""
    for broker, end in zip(FOLLOWERS, ends, strict=True):
        if broker in isr and end < high_watermark:
            return f"{broker} is in the ISR, and lacks a record that is committed"
    return ""


def _valid(world: Any) -> str | bool:
    leader, decided = world["leader"], world["controller"].decided
    return everybody_has_it(leader.ends, leader.high_watermark, decided.isr) or True


def _came_back(world: Any) -> bool:
    decided = world["controller"].decided
    return decided.version >= 2 and len(decided.isr) == 3


def _is_told_late(world: Any) -> bool:
    decided = world["controller"].decided
    return decided.version > world["leader"].known.version and bool(world["leader"].high_watermark)


def scope(cluster: Cluster) -> Scope:
    return Scope(
        cluster=cluster,
        invariants={"what is committed is on all members of the ISR": _valid},
        prune=lambda world: world["controller"].decided.version >= VERSIONS,
        seen={
            "a follower fell out of the ISR, and came back": _came_back,
            "the ISR was changed, something was committed, and the leader had not heard of the change": _is_told_late,
        },
    )


SMALL = Exhaustive(
    name="changes of the ISR",
    about=(
        "A leader, two followers, one record, three changes of the ISR; messages arrive never, once or again, "
        "and a controller that was deposed answers, too."
    ),
    promise="RL-S9",
    scope=scope,
    scenario=Scenario(shape={"model": "AsyncIsr"}),
    budget=60_000,
    is_apart=True,
)


def judge(run: Run) -> Verdict:
    """What the scope's invariant says, of a run that follows its trace."""
    leader, decided = run.probes.get(Address("leader")), run.probes.get(Address("controller"))
    if not isinstance(leader, View) or not isinstance(decided, View):
        return kept()
    if reason := everybody_has_it(leader.ends, leader.high_watermark, decided.state.isr):
        return broken(
            reason, expected="all records that are committed", got=", ".join(decided.state.isr)
        )
    return kept()
