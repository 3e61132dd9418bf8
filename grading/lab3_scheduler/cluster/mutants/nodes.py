"""Bugs of the NodeManager."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, JobOutcome
from distlab.grade.lab import bug
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    Completed,
    Exit,
    NodeAnswer,
    Resync,
    StartContainer,
)
from labs.lab3_scheduler.containers import RunContainer
from labs.lab3_scheduler.node_manager import Beat, NodeManager


class StartsEachTime(NodeManager):
    """Does not remember what it has started: a start that comes again when the container is over starts it again."""

    def on_start_container(self, start: StartContainer, master: Address) -> None:
        self.used.pop(start.lease.lease.container, None)
        super().on_start_container(start, master)


class ForgetsWhatIsNoted(NodeManager):
    """When the RM has noted the end of a container, it is forgotten altogether: an old start is news then."""

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        super().on_node_answer(answer, rm)
        for number in answer.noted:
            self.used.pop(number, None)
            self.unused.pop(number, None)


class NoTombstone(NodeManager):
    """Says that an unused container is over, and keeps no record of having said so: the start that was under way still
    starts it. (The same as an empty rollback without a record, in TCC.)"""

    def end_unused(self, container: int, code: str) -> None:
        super().end_unused(container, code)
        del self.unused[container]


class BurntByForgers(NodeManager):
    """A lease with a wrong signature ends the container that it names: anybody can void anybody's lease."""

    def on_start_container(self, start: StartContainer, master: Address) -> None:
        super().on_start_container(start, master)
        key, lease = self.config.key, start.lease.lease
        code = leases.fault(start.lease, key, self.address, self.life, self.epoch, 0)
        if code == BAD_SIGNATURE and lease.container not in self.used:
            self.end_unused(lease.container, code)


class WatchesItsOwnClock(NodeManager):
    """Compares the expiry, which is of the RM's clock, with its own wall clock."""

    def monotonic(self) -> int:
        return self.now()


class NeverHearsTheTime(NodeManager):
    """Compares the expiry with its own steady clock, which began at another moment than the RM's."""

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        super().on_node_answer(answer, rm)
        self.ahead = 0


class SameLifeAgain(NodeManager):
    """Keeps no count of its lives: each time it is the first one. The RM takes the new process for the old one."""

    def begin_life(self) -> None:
        self.life = 0
        super().begin_life()


class RunsOn(NodeManager):
    """Begins a new life when the RM has taken it for dead, and leaves running what ran: it has no room for both."""

    def on_resync(self, resync: Resync, rm: Address) -> None:
        if resync.life == self.life:
            self.running = {}
        super().on_resync(resync, rm)


class EveryResync(NodeManager):
    """Begins anew at each Resync, also at one that is meant for a life that is over: what has just begun is killed."""

    def on_resync(self, resync: Resync, rm: Address) -> None:
        super().on_resync(structs.replace(resync, life=self.life, heard=self.epoch), rm)


class SaysKilled(NodeManager):
    """Reports that a container is killed, and leaves its process alone."""

    def cancel_job(self, job: RunContainer) -> None:
        """Nothing."""


class VoidKills(NodeManager):
    """Takes a container back that was not used in time, also where it has been used since: work is thrown away."""

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        both = structs.replace(answer, kill=(*answer.kill, *answer.void), void=())
        super().on_node_answer(both, rm)


class TellsOnce(NodeManager):
    """Tells of the end of a container in one heartbeat. If that is lost, the RM waits for ever."""

    def beat(self) -> None:
        super().beat()
        if self.registered:
            self.completed = {}


class DiedIsDone(NodeManager):
    """Takes the end of a process for success, however it ended."""

    def on_run_container(self, job: RunContainer, outcome: JobOutcome) -> None:
        super().on_run_container(job, outcome)
        self.completed[job.lease.container] = Completed(job.lease.container, Exit.DONE)


class EndsInSilence(NodeManager):
    """A container that was to be ended and had never been used is not reported as over: its place stays taken."""

    def end_unused(self, container: int, code: str) -> None:
        super().end_unused(container, code)
        del self.completed[container]


class TellsForEver(NodeManager):
    """What was never used is told of in every heartbeat, whether the RM has noted it or not."""

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        noted = tuple(number for number in answer.noted if number not in self.unused)
        super().on_node_answer(structs.replace(answer, noted=noted), rm)


class BeatsForEach(NodeManager):
    """A heartbeat for each container, so that its news is fresh: the more work, the more the RM has to hear."""

    def beat(self) -> None:
        super().beat()
        self.set_timer(
            Beat(), self.config.heartbeat // max(1, len(self.running) + len(self.completed))
        )


_NODE = "node_manager:NodeManager"

NODES = (
    bug("starts-each-time", StartsEachTime, part="A", replaces=_NODE, breaks="SC-S2"),
    bug("forgets-what-is-noted", ForgetsWhatIsNoted, part="A", replaces=_NODE, breaks="SC-S2"),
    bug("no-tombstone", NoTombstone, part="A", replaces=_NODE, breaks="SC-S2"),
    bug("burnt-by-forgers", BurntByForgers, part="A", replaces=_NODE, breaks="SC-S2"),
    bug(
        "watches-its-own-clock",
        WatchesItsOwnClock,
        part="A",
        replaces=_NODE,
        breaks="SC-L1",
        kind="liveness",
    ),
    bug("never-hears-the-time", NeverHearsTheTime, part="A", replaces=_NODE, breaks="SC-S2"),
    bug(
        "same-life-again",
        SameLifeAgain,
        part="A",
        replaces=_NODE,
        breaks="SC-L1",
        kind="liveness",
    ),
    bug("runs-on", RunsOn, part="A", replaces=_NODE, breaks="SC-S1"),
    bug("every-resync", EveryResync, part="A", replaces=_NODE, breaks="SC-S2", kind="liveness"),
    bug("says-killed", SaysKilled, part="A", replaces=_NODE, breaks="SC-S1"),
    bug("void-kills", VoidKills, part="A", replaces=_NODE, breaks="SC-S2", kind="cost"),
    bug("tells-once", TellsOnce, part="A", replaces=_NODE, breaks="SC-L1", kind="liveness"),
    bug("died-is-done", DiedIsDone, part="A", replaces=_NODE, breaks="SC-L1"),
    bug("tells-for-ever", TellsForEver, part="A", replaces=_NODE, breaks="SC-L2", kind="cost"),
    bug(
        "ends-in-silence", EndsInSilence, part="A", replaces=_NODE, breaks="SC-S2", kind="liveness"
    ),
    bug("beats-for-each", BeatsForEach, part="A", replaces=_NODE, breaks="SC-C3", kind="cost"),
)
