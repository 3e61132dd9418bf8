"""The NodeManager: owns a machine, starts what leases allow, and says truthfully what runs (part 3A).

Theory of operation. *The node is the truth.* What the RM believes of a container comes from this
node's heartbeats, and the RM gives a place away only after the node has said that nothing is in it, and
nothing ever will be. So each container goes one way only, whatever arrives how often:

    unknown ── StartContainer ──▶ running ── end, kill ──▶ over
    unknown ── kill, void, or a lease that is too late ──▶ over (unused)

and what is over stays over: the node remembers every container that it has said a word about, for as
long as its *life* lasts. A life ends with the process, or when the RM has taken the node for dead; leases
of an earlier life are void, so what was remembered of it can be forgotten.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Finished, JobOutcome, Node, Timer
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    OLD_LIFE,
    USED,
    VOID,
    WRONG_NODE,
    Completed,
    Exit,
    Held,
    NodeAnswer,
    NodeConfig,
    NodeHeartbeat,
    NodeRefused,
    NodeRegistered,
    RegisterNode,
    Resync,
    StartContainer,
    Started,
    StartRefused,
)
from labs.lab3_scheduler.containers import RunContainer


class Beat(Timer, frozen=True):
    """Time for the next heartbeat."""


class Life(Struct, frozen=True):
    """A record on disk: a life began."""

    number: int


def job_of(start: StartContainer) -> RunContainer:
    """What runs in the container."""
    return RunContainer(start.lease.lease, start.task)


class NodeManager(Node):
    """One machine of the cluster."""

    config: NodeConfig
    life: int
    registered: bool
    """Whether the RM knows of this life."""
    epoch: int
    """The newest life of the RM that we have heard of."""
    ahead: int | None
    """How far the RM's steady clock is ahead of ours, at least; None before it has told us the time."""
    rms: list[Address]
    """The one that we speak to, then the others."""
    unanswered: int
    """Heartbeats since one was answered."""
    beats: int
    running: dict[int, StartContainer]
    used: dict[int, str]
    """Every container in which something was started -> the task's name."""
    unused: dict[int, str]
    """Every container in which nothing was started, and never will be -> the code of the refusal."""
    completed: dict[int, Completed]
    """What is over, until the RM has noted it."""

    def on_start(self) -> None:
        """Begin a new life, and make it known."""
        # BEGIN SOLUTION 3A: a number that was never used before; then register
        self.life = 0
        self.epoch = 0
        self.rms = [Address(rm) for rm in (self.config.rm, *self.config.standby)]
        self.unanswered = 0
        self.ahead = None
        self.running = {}
        for life in self.disk.recover("lives", Life):
            self.life = life.number
        self.begin_life()
        # END SOLUTION

    def probe(self) -> Held:
        """What runs here. Judges and pictures look at it."""
        # BEGIN SOLUTION 3A: the containers in which something runs, and those that are over
        return Held(tuple(self.running), tuple(self.completed))
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def begin_life(self) -> None:
        """Everything that runs is ended; nothing of what was said before is valid."""
        for start in self.running.values():
            self.cancel_job(job_of(start))
        self.life += 1
        self.disk.append("lives", Life(self.life))
        self.disk.sync("lives", "/")
        self.registered = False
        self.beats = 0
        self.running = {}
        self.used = {}
        self.unused = {}
        self.completed = {}
        self.beat()

    def beat(self) -> None:
        """Say how things are; or who we are, as long as nobody has heard it."""
        self.turn_to_the_next()
        rm = self.rms[0]
        if self.registered:
            self.beats += 1
            over = tuple(self.completed.values())
            self.send(
                rm, NodeHeartbeat(self.life, self.epoch, self.beats, tuple(self.running), over)
            )
        else:
            config = self.config
            here = RegisterNode(
                self.life,
                config.capacity,
                config.rack,
                config.label,
                self.epoch,
                tuple(start.lease for start in self.running.values()),
            )
            self.send(rm, here)
        self.set_timer(Beat(), self.config.heartbeat)

    def turn_to_the_next(self) -> None:
        """Count heartbeats without an answer; after too many, the next RM is in front."""
        self.unanswered += 1
        if self.unanswered > self.config.patience:
            self.rms.append(self.rms.pop(0))
            self.unanswered = 1

    def heard(self, rm: Address) -> None:
        """That RM leads: speak to it from now on."""
        self.unanswered = 0
        if rm in self.rms:
            self.rms.remove(rm)
            self.rms.insert(0, rm)

    def end_unused(self, container: int, code: str) -> None:
        """Nothing was started in it; see to it that nothing ever is."""
        self.unused[container] = code
        self.completed[container] = Completed(container, Exit.UNUSED)

    # END SOLUTION

    def on_beat(self) -> None:
        # BEGIN SOLUTION 3A: say how things are
        self.beat()
        # END SOLUTION

    def on_node_registered(self, registered: NodeRegistered, rm: Address) -> None:
        # BEGIN SOLUTION 3A: the RM knows of this life
        if registered.life == self.life and registered.epoch >= self.epoch:
            self.heard(rm)
            self.registered = True
            self.epoch = registered.epoch
        # END SOLUTION

    def on_node_refused(self, refused: NodeRefused, rm: Address) -> None:
        self.log.error("node", "this machine was refused", code=refused.code)

    def on_resync(self, resync: Resync, rm: Address) -> None:
        """The RM has taken this life for dead: end it. A *new* RM cannot have: tell it what runs (part 3E1)."""
        # BEGIN SOLUTION 3A: if it is this life that is meant
        if (resync.life, resync.heard) != (self.life, self.epoch) or resync.epoch < self.epoch:
            return
        self.heard(rm)
        if resync.epoch > self.epoch:
            self.follow(resync.epoch)
        else:
            self.begin_life()
        # END SOLUTION

    # BEGIN SOLUTION 3E1: your own helpers
    def follow(self, epoch: int) -> None:
        """There is a new RM. What runs goes on; what was granted and is not used yet is void."""
        self.epoch = epoch
        self.ahead = None  # its clock is another one
        self.registered = False
        self.beats = 0
        self.beat()

    # END SOLUTION

    def on_start_container(self, start: StartContainer, master: Address) -> None:
        """Run the task, if the lease is good; the same request once more gets the same answer."""
        # BEGIN SOLUTION 3A: what was decided stays decided; else check the lease
        lease, task = start.lease.lease, start.task
        number = lease.container
        # By the RM's clock, which is this or a little more: a message has come from there since.
        time = 0 if self.ahead is None else self.monotonic() + self.ahead
        key, here = self.config.key, self.address
        code = leases.fault(start.lease, key, here, self.life, self.epoch, time)
        # A lease that is not for this life of this node says nothing about a container: no word about it.
        if code in (BAD_SIGNATURE, WRONG_NODE, OLD_LIFE):
            self.send(master, StartRefused(number, code))
        elif number in self.used:
            is_same = self.used[number] == task.name
            self.send(master, Started(number) if is_same else StartRefused(number, USED))
        elif number in self.unused:
            self.send(master, StartRefused(number, self.unused[number]))
        elif code:
            self.end_unused(number, code)  # else it might be good tomorrow: clocks go back
            self.send(master, StartRefused(number, code))
        else:
            self.used[number] = task.name
            self.running[number] = start
            self.run_job(job_of(start))
            self.send(master, Started(number))
        # END SOLUTION

    def on_run_container(self, job: RunContainer, outcome: JobOutcome) -> None:
        """What ran has ended by itself, or was killed by somebody else."""
        # BEGIN SOLUTION 3A: remember how it ended, until the RM knows
        number = job.lease.container
        self.running.pop(number, None)
        how = Exit.DONE if isinstance(outcome, Finished) else Exit.FAILED
        self.completed[number] = Completed(number, how)
        # END SOLUTION

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        """End what is to be ended; forget what the RM has noted."""
        # BEGIN SOLUTION 3A: for this life only; an answer may come late, and more than once
        if answer.life != self.life or answer.epoch != self.epoch:
            return
        self.heard(rm)
        ahead = answer.time - self.monotonic()
        self.ahead = ahead if self.ahead is None else max(self.ahead, ahead)
        for number in answer.kill:
            if number in self.running:
                self.cancel_job(job_of(self.running.pop(number)))
                self.completed[number] = Completed(number, Exit.KILLED)
        for number in (*answer.kill, *answer.void):
            if number not in self.used and number not in self.unused:
                self.end_unused(number, VOID)
        for number in answer.noted:
            self.completed.pop(number, None)
        # END SOLUTION
