"""Bugs of part 0D: clocks that stand still, go back, know too little or too much."""

from __future__ import annotations

from functools import partial

from distlab.core import Address, Message
from grading.lab0_rpc.mutants import listed
from labs.lab0_rpc import clocks
from labs.lab0_rpc.clocks import Clocked, happened_before, ticked
from labs.lab0_rpc.protocol import Stamp, Stamped

received = clocks.received


def lamport_without_max(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    return Stamp(clock.lamport + 1, received(clock, stamp, node).vector)


def lamport_is_taken_over(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    return Stamp(stamp.lamport + 1, received(clock, stamp, node).vector)


def lamport_is_merged_only(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    return Stamp(max(clock.lamport, stamp.lamport), received(clock, stamp, node).vector)


def vector_not_merged(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    return Stamp(received(clock, stamp, node).lamport, ticked(clock, node).vector)


def vector_replaced(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    own = dict(clock.vector).get(node, 0)
    counts = {**dict(stamp.vector), node: own + 1}
    return Stamp(received(clock, stamp, node).lamport, tuple(sorted(counts.items())))


def vector_added_up(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    mine, theirs = dict(clock.vector), dict(stamp.vector)
    counts = {n: mine.get(n, 0) + theirs.get(n, 0) for n in mine | theirs}
    merged = Stamp(max(clock.lamport, stamp.lamport), tuple(sorted(counts.items())))
    return ticked(merged, node)


def ticks_everybody(clock: Stamp, node: str) -> Stamp:
    counts = {n: count + 1 for n, count in clock.vector} | {
        node: dict(clock.vector).get(node, 0) + 1
    }
    return Stamp(clock.lamport + 1, tuple(sorted(counts.items())))


def missing_is_not_zero(a: Stamp, b: Stamp) -> bool:
    known = dict(b.vector)
    return a.vector != b.vector and all(n <= known.get(node, -1) for node, n in a.vector)


def only_common_nodes(a: Stamp, b: Stamp) -> bool:
    mine, theirs = dict(a.vector), dict(b.vector)
    common = mine.keys() & theirs.keys()
    return a.vector != b.vector and all(mine[n] <= theirs[n] for n in common)


def by_lamport(a: Stamp, b: Stamp) -> bool:
    return a.lamport < b.lamport


def strictly_less_everywhere(a: Stamp, b: Stamp) -> bool:
    known = dict(b.vector)
    return bool(a.vector) and all(count < known.get(node, 0) for node, count in a.vector)


def equal_counts_as_before(a: Stamp, b: Stamp) -> bool:
    return a.vector == b.vector or happened_before(a, b)


def concurrent_if_numbers_are_equal(a: Stamp, b: Stamp) -> bool:
    return a.lamport == b.lamport and a.vector != b.vector


def order_without_address(a: Stamp, node: str) -> tuple[int, str]:
    return a.lamport, ""


def order_by_address(a: Stamp, node: str) -> tuple[str, int]:
    return node, a.lamport


class WallClock(Clocked):
    """The time of day is number enough."""

    def send(self, to: Address, message: Message) -> None:
        self.clock = Stamp(self.now(), ticked(self.clock, self.address).vector)
        super(Clocked, self).send(to, Stamped(self.clock, message))  # type: ignore[arg-type]


class HybridWithoutMax(Clocked):
    """The greater of the wall clock and what was received: but its own last number is forgotten."""

    def send(self, to: Address, message: Message) -> None:
        super().send(to, message)

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        super().on_stamped(stamped, sender)
        self.clock = Stamp(max(self.now(), stamped.stamp.lamport + 1), self.clock.vector)


class SilentSends(Clocked):
    """Sending is no event: the clock ticks when something arrives."""

    def send(self, to: Address, message: Message) -> None:
        if not self.clock.lamport:
            self.clock = clocks.ticked(self.clock, self.address)
        super(Clocked, self).send(to, Stamped(self.clock, message))  # type: ignore[arg-type]


class StampsAfterSending(Clocked):
    """The message carries the clock as it was before it was sent."""

    def send(self, to: Address, message: Message) -> None:
        super(Clocked, self).send(to, Stamped(self.clock, message))  # type: ignore[arg-type]
        self.clock = clocks.ticked(self.clock, self.address)


class HandlesBeforeLearning(Clocked):
    """The program handles the message first; what it sends then does not know of it yet."""

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        self.dispatch(stamped.message, sender)
        self.clock = clocks.received(self.clock, stamped.stamp, self.address)


class LearnsFromCallsOnly(Clocked):
    """An answer tells nothing new, or so it seems."""

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        if type(stamped.message).__name__ == "Answer":
            self.dispatch(stamped.message, sender)
        else:
            super().on_stamped(stamped, sender)


class DropsOldNews(Clocked):
    """What was sent before what is known already must be out of date."""

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        if stamped.stamp.lamport > self.clock.lamport:
            super().on_stamped(stamped, sender)


class OnePerEvent(Clocked):
    """A component for each event: nothing is ever forgotten, nor is anything ever short."""

    events: int

    def on_start(self) -> None:
        self.events = 0
        super().on_start()

    def send(self, to: Address, message: Message) -> None:
        self.events += 1
        self.clock = clocks.ticked(self.clock, f"{self.address}/{self.events}")
        super(Clocked, self).send(to, Stamped(self.clock, message))  # type: ignore[arg-type]


class OneNameForAll(Clocked):
    """All clients count in one component."""

    def send(self, to: Address, message: Message) -> None:
        name = self.address.rstrip("0123456789")
        self.clock = clocks.ticked(self.clock, name)
        super(Clocked, self).send(to, Stamped(self.clock, message))  # type: ignore[arg-type]


_mutant = partial(listed, "D")

LAMPORT = (
    "L. Lamport, 'Time, clocks, and the ordering of events in a distributed system', 1978, IR2"
)
FIDGE = "C. Fidge, 1988; F. Mattern, 1989"

MUTANTS = (
    _mutant(
        "lamport-without-max",
        "clocks:received",
        lamport_without_max,
        "RPC-S7",
        "safety",
        "A receiver only counts its own events: what it does next may have a smaller number than "
        "what made it do so.",
        LAMPORT,
    ),
    _mutant(
        "lamport-taken-over",
        "clocks:received",
        lamport_is_taken_over,
        "RPC-S7",
        "safety",
        "A receiver takes the sender's number over, also where its own was greater: its clock "
        "goes back.",
        LAMPORT,
    ),
    _mutant(
        "receipt-does-not-count",
        "clocks:received",
        lamport_is_merged_only,
        "RPC-S9",
        "safety",
        "The greater of the two numbers, and no step beyond: the clock stands still over a "
        "receipt.",
        LAMPORT,
    ),
    _mutant(
        "vector-not-merged",
        "clocks:received",
        vector_not_merged,
        "RPC-S8",
        "safety",
        "A receiver counts its own events in the vector, and learns nothing of the others'.",
        FIDGE,
    ),
    _mutant(
        "vector-replaced",
        "clocks:received",
        vector_replaced,
        "RPC-S8",
        "safety",
        "A receiver takes the sender's vector for its own, and forgets what only it had known.",
        FIDGE,
    ),
    _mutant(
        "vector-added-up",
        "clocks:received",
        vector_added_up,
        "RPC-S8",
        "safety",
        "Components are added and not compared: what both knew counts twice.",
    ),
    _mutant(
        "ticks-everybody",
        "clocks:ticked",
        ticks_everybody,
        "RPC-S8",
        "safety",
        "Every component goes up with every event: a node claims to know of things that have not "
        "happened.",
    ),
    _mutant(
        "missing-is-not-zero",
        "clocks:happened_before",
        missing_is_not_zero,
        "RPC-S9",
        "safety",
        "A zero that is written down and one that is left out are taken for different.",
    ),
    _mutant(
        "only-common-nodes",
        "clocks:happened_before",
        only_common_nodes,
        "RPC-S9",
        "safety",
        "Compares the nodes that both vectors list; one that is missing should count as 0.",
    ),
    _mutant(
        "before-by-number",
        "clocks:happened_before",
        by_lamport,
        "RPC-S9",
        "safety",
        "Takes a smaller Lamport number for proof of an earlier event.",
        LAMPORT,
    ),
    _mutant(
        "less-everywhere",
        "clocks:happened_before",
        strictly_less_everywhere,
        "RPC-S9",
        "safety",
        "Wants every component to be less, not at most equal and one of them less.",
        FIDGE,
    ),
    _mutant(
        "before-itself",
        "clocks:happened_before",
        equal_counts_as_before,
        "RPC-S9",
        "safety",
        "An event happened before itself.",
    ),
    _mutant(
        "concurrent-by-number",
        "clocks:concurrent",
        concurrent_if_numbers_are_equal,
        "RPC-S9",
        "safety",
        "Takes events for concurrent only if their Lamport numbers are equal.",
    ),
    _mutant(
        "order-with-ties",
        "clocks:total_order",
        order_without_address,
        "RPC-S9",
        "safety",
        "Sorts by number alone: two nodes may sort the same events differently.",
        LAMPORT,
    ),
    _mutant(
        "order-by-address",
        "clocks:total_order",
        order_by_address,
        "RPC-S9",
        "safety",
        "Sorts by address first: what happened before may come after.",
    ),
    _mutant(
        "wall-clock",
        "clocks:Clocked",
        WallClock,
        "RPC-S7",
        "safety",
        "The Lamport number is the time of day; a clock that is set back, or merely slow, makes "
        "effects precede causes.",
        "last-write-wins by client clocks in Cassandra (Jepsen, 2013)",
    ),
    _mutant(
        "hybrid-clock-goes-back",
        "clocks:Clocked",
        HybridWithoutMax,
        "RPC-S7",
        "safety",
        "The greater of wall clock and received number, without its own last one: a jump back "
        "shows.",
        "S. Kulkarni et al., 'Logical physical clocks', 2014, get it right",
    ),
    _mutant(
        "sending-is-no-event",
        "clocks:Clocked",
        SilentSends,
        "RPC-S7",
        "safety",
        "Two sends in a row have one stamp.",
        LAMPORT,
    ),
    _mutant(
        "stamped-too-early",
        "clocks:Clocked",
        StampsAfterSending,
        "RPC-S8",
        "safety",
        "The message carries the clock before the send: an empty vector, the first time, which is "
        "before everything.",
    ),
    _mutant(
        "handles-before-learning",
        "clocks:Clocked",
        HandlesBeforeLearning,
        "RPC-S7",
        "safety",
        "What a message causes is sent before the clock has heard of the message.",
    ),
    _mutant(
        "answers-teach-nothing",
        "clocks:Clocked",
        LearnsFromCallsOnly,
        "RPC-S8",
        "safety",
        "Stamps of answers are not looked at.",
    ),
    _mutant(
        "one-component-for-all-clients",
        "clocks:Clocked",
        OneNameForAll,
        "RPC-S8",
        "safety",
        "Components are kept by role, not by node: clients that never met seem to know of each "
        "other.",
    ),
    _mutant(
        "drops-old-news",
        "clocks:Clocked",
        DropsOldNews,
        "RPC-L4",
        "liveness",
        "Drops a message whose number is not greater than the clock: it is concurrent, not out of "
        "date.",
        "ordering mistaken for freshness; cf. total-order broadcast, which waits and does not drop",
    ),
    _mutant(
        "one-component-per-event",
        "clocks:Clocked",
        OnePerEvent,
        "RPC-S8",
        "cost",
        "The vector has a component for every event: it tells before and after, and grows without "
        "end.",
    ),
)
