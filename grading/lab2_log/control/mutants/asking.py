"""Bugs of the brokers: whom a leader wants in the ISR, what it concludes, what it tells the controllers."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Ok, Ticket
from distlab.grade.lab import bug
from labs.lab2_log import insync
from labs.lab2_log.broker import Broker
from labs.lab2_log.brokers import Alive, AlterPartition, PartitionState, ShutDown
from labs.lab2_log.membership import FAREWELL, Farewell
from labs.lab2_log.replicas import Partition, Progress

_wanted_isr = insync.wanted_isr


def counts_records(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    """Who lacks more than ten records is out of sync: a burst, and everybody is (replica.lag.max.messages, KIP-16)."""
    end = max([needed, *(known.leader_end for known in progress.values())])
    wanted = _wanted_isr(state, progress, needed, now, lag_time)
    return tuple(b for b in wanted if b not in progress or progress[b].end >= end - 10)


def anybody_comes(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    """A follower that fetches is in sync, however much it lacks."""
    return _wanted_isr(state, progress, 0, now, lag_time)


def nobody_goes(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    """Never takes anybody out: one slow follower, and nothing is committed while the controller hears it."""
    wanted = _wanted_isr(state, progress, needed, now, lag_time)
    return tuple(b for b in state.replicas if b in (*wanted, *state.isr))


def nobody_comes(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    """Takes followers out, and never in again."""
    wanted = _wanted_isr(state, progress, needed, now, lag_time)
    return tuple(b for b in wanted if b in state.isr)


def changes_its_mind(
    state: PartitionState, proposal: tuple[str, ...] | None, wanted: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Asks for something else while it waits, and forgets whom it asked for before: that may have been granted."""
    return wanted if wanted != state.isr else None


def any_answer_settles(
    proposal: tuple[str, ...] | None, before: PartitionState, heard: PartitionState
) -> tuple[str, ...] | None:
    """Whatever is heard settles the question, what it knew already, too; and what counts is still to come."""
    return None


class TakesAnyNews(Broker):
    """Takes the ISR of whatever state arrives, also of one that is older than what it knows."""

    def take_isr(self, partition: Partition, state: PartitionState) -> None:
        super().take_isr(partition, state)
        assert partition.state is not None
        partition.state = structs.replace(partition.state, isr=state.isr)
        self.isr_changed(partition)


class AsksTheControllerOnce(Broker):
    """Asks the controllers once. The question is lost, and until the end of the epoch it waits for the answer."""

    def review(self, partition: Partition, *, again: bool = False) -> None:
        if partition.proposal is None:
            super().review(partition, again=again)


class SaysFarewellAtOnce(Broker):
    """Says farewell when it starts, so as not to forget it: whoever is killed says that it ended cleanly."""

    def read_farewell(self) -> int:
        before = super().read_farewell()
        self.disk.append(FAREWELL, Farewell(self.life))
        self.disk.sync(FAREWELL, "/")
        return before


class TellsTheFirst(Broker):
    """Speaks to the first controller of its list. It is one of three."""

    def tell_controllers(self, message: Alive | AlterPartition) -> None:
        self.send(Address(self.config.controllers[0]), message)


class LeavesWithoutAWord(Broker):
    """Shuts down and leaves no farewell: the last replica in sync ends cleanly, and nobody may ever know."""

    def on_shut_down(self, _: ShutDown, ticket: Ticket) -> None:
        self.finish(ticket, Ok())
        self.stop("asked to shut down")


ASKING = (
    bug(
        "counts-records",
        counts_records,
        part="E",
        replaces="insync:wanted_isr",
        breaks="RL-L2",
        code="2E-m18",
        source="KIP-16",
        kind="cost",
    ),
    bug(
        "anybody-comes",
        anybody_comes,
        part="E",
        replaces="insync:wanted_isr",
        breaks="RL-S9",
        code="2E-m13",
        source="KIP-320, rule 4",
    ),
    bug(
        "nobody-goes",
        nobody_goes,
        part="E",
        replaces="insync:wanted_isr",
        breaks="RL-L2",
        kind="liveness",
    ),
    bug(
        "nobody-comes",
        nobody_comes,
        part="E",
        replaces="insync:wanted_isr",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug(
        "changes-its-mind",
        changes_its_mind,
        part="E",
        replaces="insync:proposal_now",
        breaks="RL-S9",
        code="2E-m10",
        source="KIP-497, AsyncIsr.tla",
    ),
    bug(
        "any-answer-settles",
        any_answer_settles,
        part="E",
        replaces="insync:proposal_after",
        breaks="RL-S9",
        code="2E-m9",
        source="KIP-497, AsyncIsr.tla",
    ),
    bug("takes-any-news", TakesAnyNews, part="E", replaces="broker:Broker", breaks="RL-S10"),
    bug(
        "asks-the-controller-once",
        AsksTheControllerOnce,
        part="E",
        replaces="broker:Broker",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug(
        "says-farewell-at-once",
        SaysFarewellAtOnce,
        part="E",
        replaces="broker:Broker",
        breaks="RL-S4",
        source="KIP-966",
    ),
    bug(
        "leaves-without-a-word",
        LeavesWithoutAWord,
        part="E",
        replaces="broker:Broker",
        breaks="RL-L4",
        kind="liveness",
        source="KIP-966",
    ),
    bug(
        "tells-the-first",
        TellsTheFirst,
        part="E",
        replaces="broker:Broker",
        breaks="RL-L4",
        kind="liveness",
    ),
)
