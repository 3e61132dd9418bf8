"""Brokers on a table: no network and no controller but ourselves. The counterexamples of KIP-101, KIP-279 and KIP-320.

We say who hears of which epoch, who talks with whom and for how long; after every step the *strong ISR* property is
checked: whoever presumes that it leads, all members of the controller's ISR have the same records below its high
watermark (StrongIsr, in the TLA+ models of Kafka's replication).
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.core.effects import Sent, Stopped
from distlab.core.solo import Solo
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.ledger import Wrong
from labs.lab2_log.brokers import (
    ALL,
    BrokerConfig,
    LeaderAndIsr,
    PartitionState,
    Produce,
    Replica,
    crc_of,
)

PARTITION = "orders-0"
NAMES = ("b1", "b2", "b3")
STEP = 5 * MS


class Table:
    """Three brokers."""

    def __init__(self, solution: Solution, min_insync: int = 1) -> None:
        # Nobody falls out of the ISR by itself: that is for the story to say.
        config = BrokerConfig(min_insync=min_insync, lag_time=10_000_000 * MS)
        broker = solution.module("broker").Broker
        self.solos = {name: Solo(broker, config, name, seed=n) for n, name in enumerate(NAMES, 1)}
        self.pending: list[tuple[str, str, Any]] = []
        """(from, to, message), in the order of sending."""
        self.state = PartitionState(PARTITION, NAMES, "", -1, NAMES, -1)
        self.requests = 0
        self.written: dict[int, str] = {}
        """CRC -> value."""
        self.resting: set[str] = set()
        """Restarted, and told nothing since: they show nothing yet."""
        self.steps: list[str] = []

    # -- the story ----------------------------------------------------------------------------------------------------

    def elect(self, leader: str, *isr: str) -> PartitionState:
        """The controller decides; nobody has heard of it yet."""
        self.state = PartitionState(
            PARTITION,
            NAMES,
            leader,
            self.state.leader_epoch + 1,
            isr or self.state.isr,
            self.state.version + 1,
        )
        return self.state

    def tell(self, state: PartitionState, *brokers: str) -> None:
        for name in brokers:
            self.resting.discard(name)
            self._hand(name, LeaderAndIsr(1, state), "controller")
        self.check(
            f"{' and '.join(brokers)} told that {state.leader} leads in {state.leader_epoch}"
        )

    def write(self, leader: str, value: str, acks: int = 1) -> None:
        self.requests += 1
        blob = codec.seal(codec.batch_of([value], [], self.requests))
        self.written[crc_of(blob)] = value
        self._hand(leader, Produce(self.requests, PARTITION, acks, blob), "client")
        self.check(f"{leader} appends {value}")

    def talk(self, one: str, other: str, duration: int = 260 * MS, limit: int = 10_000) -> None:
        """The two can talk for so long, and for so many messages; what they send to others waits."""
        pair = {one, other}
        for _ in range(duration // STEP):
            while limit:
                found = next(
                    (n for n, (a, b, _) in enumerate(self.pending) if {a, b} == pair), None
                )
                if found is None:
                    break
                source, to, message = self.pending.pop(found)
                self._hand(to, message, source)
                self.check(f"{to} hears {type(message).__name__} from {source}", is_small=True)
                limit -= 1
            for name in (one, other):
                self._collect(name, self.solos[name].advance(STEP))
        self.check(f"{one} and {other} talked")

    def lose(self) -> None:
        """What is under way is lost."""
        self.pending.clear()
        self.steps.append("what is under way is lost")

    def restart(self, name: str) -> None:
        self.pending = [(a, b, m) for a, b, m in self.pending if name not in (a, b)]
        self.resting.add(name)
        self.steps.append(f"{name} restarts")
        self.solos[name].crash()
        self._collect(name, self.solos[name].start())

    # -- within -------------------------------------------------------------------------------------------------------

    def _hand(self, name: str, message: Any, sender: str) -> None:
        self._collect(name, self.solos[name].deliver(message, sender))

    def _collect(self, name: str, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Stopped):
                raise Wrong("RL-S2", f"{name} stopped itself: {effect.reason}", steps=self.steps)
            if isinstance(effect, Sent) and effect.to in NAMES:
                self.pending.append((name, effect.to, effect.message))

    def view(self, name: str) -> Replica:
        probe = self.solos[name].node.probe()
        found = None if probe is None else probe.of(PARTITION)
        return Replica(PARTITION) if found is None else found

    def values(self, name: str) -> list[str]:
        """Each batch: its offset, its value, its epoch."""
        return [
            f"{b.base_offset}: {self.written.get(b.crc, 'something else')} (epoch {b.epoch})"
            for b in self.view(name).batches
        ]

    def committed(self, name: str) -> list[str]:
        """Those below its high watermark."""
        view = self.view(name)
        count = sum(batch.base_offset < view.high_watermark for batch in view.batches)
        return self.values(name)[:count]

    def check(self, step: str, *, is_small: bool = False) -> None:
        """Strong ISR. Of the small steps only the one that breaks it is worth telling."""
        before = list(self.steps)
        if not is_small:
            self.steps.append(step)
        for leader in NAMES:
            view = self.view(leader)
            if view.leader != leader:
                continue
            committed = self.committed(leader)
            for member in self.state.isr:
                there = self.values(member)
                if member in self.resting:
                    continue
                if missing := [batch for batch in committed if batch not in there]:
                    raise Wrong(
                        "RL-S2",
                        f"{leader} leads in epoch {view.leader_epoch} and calls "
                        f"{missing[0].partition(' (')[0]} committed; {member} is in the ISR without it",
                        f"{member} has {missing[0]}",
                        ", ".join(there) or "an empty log",
                        [*before, step],
                    )

    def same(self, *names: str) -> None:
        """At the end of the story these brokers have the same log."""
        first = self.values(names[0])
        for name in names[1:]:
            if self.values(name) != first:
                raise Wrong(
                    "RL-S2",
                    f"in the end {name} has not the same log as {names[0]}",
                    ", ".join(first),
                    ", ".join(self.values(name)),
                    self.steps,
                )


def everybody_begins(table: Table, leader: str = "b1", *isr: str) -> None:
    """Epoch 0."""
    table.tell(table.elect(leader, *isr), *NAMES)


def kip_101(solution: Solution) -> None:
    """KAFKA-1211: a follower has a record that is committed, and has not heard that it is. A new epoch begins."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a")
    table.talk("b1", "b2", STEP, limit=4)
    again = table.elect("b1", "b1", "b2")
    table.tell(again, "b2")
    table.tell(again, "b1")
    table.talk("b1", "b2")
    table.same("b1", "b2")


def kip_101_restart(solution: Solution) -> None:
    """The same with a restart: the follower comes back, and its leader is gone before it has fetched again."""
    for limit in range(1, 8):
        table = Table(solution)
        everybody_begins(table, "b1", "b1", "b2")
        table.talk("b1", "b2")
        table.write("b1", "a", ALL)
        table.talk("b1", "b2", STEP, limit=limit)
        is_committed = table.view("b1").high_watermark > 0
        had = table.values("b1")
        table.restart("b2")
        table.tell(table.state, "b2")
        table.lose()
        table.tell(table.elect("b2", "b1", "b2"), "b2", "b1")
        table.talk("b1", "b2")
        if is_committed and table.values("b2")[:1] != had[:1]:
            raise Wrong(
                "RL-S2",
                "b2 was in sync, restarted, and leads without what was committed",
                ", ".join(had),
                steps=table.steps,
            )
        table.same("b1", "b2")


def kip_101_divergence(solution: Solution) -> None:
    """Two leaders append at one offset, each to itself. The follower's record must go, and the leader's come."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a")
    table.talk("b1", "b2")
    table.write("b1", "x")
    table.lose()
    second = table.elect("b2", "b1", "b2")
    table.tell(second, "b2")
    table.write("b2", "y")
    table.tell(second, "b1")
    table.talk("b1", "b2")
    table.same("b1", "b2")
    table.write("b2", "z")
    table.talk("b1", "b2")
    table.same("b1", "b2")


def kip_279(solution: Solution) -> None:
    """KAFKA-6361: the leader never heard of the follower's last epoch, and of the one before it has more."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a0")
    table.talk("b1", "b2")
    table.write("b1", "a1")
    table.write("b1", "a2")
    table.lose()
    table.tell(table.elect("b2", "b1", "b2"), "b2")
    for value in ("y1", "y2", "y3"):
        table.write("b2", value)
    table.lose()
    third = table.elect("b1", "b1", "b2")
    table.tell(third, "b1")
    table.write("b1", "z")
    table.tell(third, "b2")
    table.talk("b1", "b2")
    table.same("b1", "b2")


def kip_279_rounds(solution: Solution) -> None:
    """Epochs that only one of the two has, in turn: the follower must ask more than once."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a")
    table.talk("b1", "b2")
    for n in range(3):
        for name in ("b2", "b1"):
            table.tell(table.elect(name, "b1", "b2"), name)
            table.write(name, f"{name} {n}")
            if n % 2:
                table.write(name, f"{name} {n} more")
            table.lose()
    last = table.elect("b1", "b1", "b2")
    table.tell(last, "b1", "b2")
    table.talk("b1", "b2", 600 * MS)
    table.same("b1", "b2")


def kip_320(solution: Solution) -> None:
    """A follower that is two epochs behind fetches from the new leader; then it hears of the epoch in between."""
    table = Table(solution)
    everybody_begins(table)
    table.talk("b1", "b3")
    table.lose()
    between = table.elect("b2")
    table.tell(between, "b2")
    newest = table.elect("b1", "b1", "b3")
    table.tell(newest, "b1")
    table.write("b1", "a")
    table.talk("b1", "b3", 400 * MS)
    table.tell(between, "b3")
    table.talk("b2", "b3")
    table.tell(newest, "b3")
    table.talk("b1", "b3")
    table.same("b1", "b3")


def kip_320_stale_truncation(solution: Solution) -> None:
    """A follower's log is cut by somebody who led once: only the leader of its own epoch may say where."""
    table = Table(solution)
    everybody_begins(table)
    table.talk("b1", "b3")
    table.talk("b1", "b2")
    old = table.elect("b2")
    table.tell(old, "b2")
    newest = table.elect("b1", "b1", "b3")
    table.tell(newest, "b1", "b3")
    table.write("b1", "a")
    table.talk("b1", "b3")
    table.tell(old, "b3")
    table.talk("b2", "b3")
    table.talk("b1", "b3")
    table.same("b1", "b3")


def first_try(solution: Solution) -> None:
    """Nobody cuts when an epoch begins, only when a fetch fails: but a fetch at a good offset does not fail."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "x")
    table.lose()
    second = table.elect("b2", "b1", "b2")
    table.tell(second, "b2")
    table.write("b2", "y")
    table.write("b2", "z")
    table.tell(second, "b1")
    table.talk("b1", "b2")
    table.same("b1", "b2")


def unknown_epoch(solution: Solution) -> None:
    """KAFKA-6857: the leader has no epoch that is old enough. That is no reason to keep anything."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "x")
    table.write("b1", "x2")
    table.lose()
    second = table.elect("b2", "b1", "b2")
    table.tell(second, "b2")
    table.write("b2", "y")
    table.write("b2", "y2")
    table.tell(second, "b1")
    table.talk("b1", "b2")
    table.same("b1", "b2")


def empty_fetch(solution: Solution) -> None:
    """KAFKA-15510: a fetch brings nothing, and the follower forgets which epoch its log ends with."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a")
    table.talk("b1", "b2", 400 * MS)
    table.tell(table.elect("b2", "b1", "b2"), "b2", "b1")
    table.talk("b1", "b2", 400 * MS)
    table.write("b2", "x")
    table.lose()
    third = table.elect("b1", "b1", "b2")
    table.tell(third, "b1")
    table.write("b1", "y")
    table.tell(third, "b2")
    table.talk("b1", "b2", 400 * MS)
    table.same("b1", "b2")


def empty_epochs(solution: Solution) -> None:
    """KAFKA-10706: leaders come and go, and append nothing. Their epochs leave no trace that somebody trips over."""
    table = Table(solution)
    everybody_begins(table, "b1", "b1", "b2")
    table.talk("b1", "b2")
    table.write("b1", "a")
    table.talk("b1", "b2")
    for name in ("b2", "b1", "b2", "b1"):
        table.tell(table.elect(name, "b1", "b2"), "b1", "b2")
        table.talk("b1", "b2", 300 * MS)
    table.write("b1", "b")
    table.talk("b1", "b2", 400 * MS)
    table.same("b1", "b2")


def former_progress(solution: Solution) -> None:
    """A leader leads again: how far its followers had come in its former epoch says nothing now."""
    table = Table(solution)
    everybody_begins(table)
    table.talk("b1", "b2")
    for value in ("a", "b"):
        table.write("b1", value)
    table.talk("b1", "b2")
    table.lose()
    table.tell(table.elect("b3"), "b3", "b2")
    table.talk("b2", "b3")
    table.lose()
    third = table.elect("b1", "b1", "b2")
    table.tell(third, "b1")
    table.write("b1", "c")
    table.tell(third, "b2")
    table.talk("b1", "b2")
    table.same("b1", "b2")


STORIES = {
    "KIP-101: committed, and not known to be": kip_101,
    "KIP-101: restarted, and elected": kip_101_restart,
    "KIP-101: two records at one offset": kip_101_divergence,
    "KIP-279: an epoch that the leader never had": kip_279,
    "KIP-279: several rounds": kip_279_rounds,
    "KIP-320: two epochs behind": kip_320,
    "KIP-320: cut by a former leader": kip_320_stale_truncation,
    "the first try at KIP-320": first_try,
    "KAFKA-6857: an epoch before all that there are": unknown_epoch,
    "KAFKA-15510: a fetch that brings nothing": empty_fetch,
    "KAFKA-10706: epochs without records": empty_epochs,
    "what was known in a former epoch": former_progress,
}
