"""A ResourceManager's desk, and who stands before it: nodes and applications that tell a scheduler something. Given.

Theory of operation. A :class:`Desk` is a node of the cluster that owns a scheduler and does what it is told: each
message is one call of the scheduler, each answer what that call returned, or the refusal. A :class:`Player` is a
machine or an application, told by a scenario what to say and when. There is no lease, no heartbeat and no retry here:
those are part 3A's. Nothing is lost on the way, but what two players say at the same time may arrive in either order.
"""

from __future__ import annotations

from distlab.core import Address, Config, Fail, Message, Node, Ok, Operation, Ticket
from labs.lab3_scheduler.placing import Round
from labs.lab3_scheduler.reclaiming import Plan, Wish
from labs.lab3_scheduler.scheduling import (
    SINGLE,
    UNKNOWN_CONTAINER,
    Ask,
    Grant,
    NodeView,
    Queue,
    Refused,
    Resources,
    Scheduler,
)

DESK = Address("rm")

# -- what players are asked to do -------------------------------------------------------------------------------------


class Register(Operation):
    """A machine comes, with so much on it."""

    memory: int
    vcores: int
    rack: str = "rack"
    label: str = ""


class Leave(Operation):
    """A machine is gone."""


class Beat(Operation):
    """A machine reports: what shall run on it?"""


class Enter(Operation):
    """An application begins in a queue."""

    queue: str


class Quit(Operation):
    """An application is over."""


class Want(Operation):
    """An application says what it wants."""

    asks: tuple[Ask, ...]


class Free(Operation):
    """An application gives a container back: the n-th of those it has, counted round; or the one of that number."""

    nth: int = 0
    container: int = 0


class Report(Operation):
    """A machine reports a container that runs there already."""

    app: str
    container: int
    ask: Ask


class Look(Operation):
    """It is time for a new plan (part 3C), or a new round (3D)."""


Deed = Register | Leave | Beat | Enter | Quit | Want | Free | Report | Look

# -- what they say ----------------------------------------------------------------------------------------------------


class Told(Message):
    """Something happened to me; ``ticket`` names it."""

    ticket: int
    what: Deed


class Answered(Message):
    """What the scheduler said to that."""

    ticket: int
    refused: str = ""
    """The refusal, if it was one; its code comes first."""
    grants: tuple[Grant, ...] = ()
    """Granted; or, after ``Leave`` and ``Quit``, ended."""
    container: int = 0
    """Which one was given back."""
    plan: Plan | None = None
    """After ``Look``, in part 3C."""
    wishes: tuple[Wish, ...] = ()
    """What was waited for when that plan was made."""
    round: Round | None = None
    """After ``Look``, in part 3D."""


class DeskConfig(Config):
    queues: tuple[Queue, ...] = SINGLE


class Desk(Node):
    """Tells a scheduler what players say. A subclass says which scheduler."""

    config: DeskConfig
    scheduler: Scheduler
    held: dict[int, str]
    """Container -> whose it is."""

    def make_scheduler(self) -> Scheduler:
        raise NotImplementedError

    def on_start(self) -> None:
        self.scheduler = self.make_scheduler()
        self.held = {}

    def on_told(self, told: Told, sender: Address) -> None:
        if isinstance(told.what, Look):
            self.look(told.ticket, sender)
        else:
            self.do(told, sender)

    def look(self, ticket: int, sender: Address) -> None:
        """Only who makes plans can be told to look."""
        raise NotImplementedError

    def do(self, told: Told, sender: Address) -> None:
        container = 0
        try:
            if isinstance(told.what, Free):
                container = told.what.container or self.nth_of(sender, told.what.nth)
            grants = self.tell(told.what, sender, container)
        except Refused as refusal:
            self.send(sender, Answered(told.ticket, str(refusal), (), container))
        else:
            self.send(sender, Answered(told.ticket, "", tuple(grants), container))

    def tell(self, what: Deed, sender: str, container: int) -> list[Grant]:
        """One call of the scheduler."""
        scheduler = self.scheduler
        match what:
            case Register(memory, vcores, rack, label):
                scheduler.add_node(NodeView(sender, Resources(memory, vcores), rack, label))
            case Beat():
                grants = scheduler.allocate(sender, self.monotonic())
                self.held |= {grant.container: grant.app for grant in grants}
                return grants
            case Leave():
                return self.ended(scheduler.remove_node(sender))
            case Enter(queue):
                scheduler.add_app(sender, queue)
            case Quit():
                return self.ended(scheduler.remove_app(sender))
            case Want(asks):
                scheduler.ask(sender, asks)
            case Report(app, number, ask):
                scheduler.recover(Grant(number, app, sender, ask))
                self.held[number] = app
            case Free():
                scheduler.release(sender, container)
                self.held.pop(container, None)
        return []

    def ended(self, grants: list[Grant]) -> list[Grant]:
        for grant in grants:
            self.held.pop(grant.container, None)
        return grants

    def nth_of(self, app: str, nth: int) -> int:
        """A container of that application. Refuses where it has none."""
        mine = sorted(number for number, owner in self.held.items() if owner == app)
        if not mine:
            raise Refused(UNKNOWN_CONTAINER, f"{app} has none")
        return mine[nth % len(mine)]


class Player(Node):
    """A machine or an application: says what it is asked to say, and returns what it hears."""

    def act(self, what: Deed, ticket: Ticket) -> None:
        self.send(DESK, Told(ticket, what))

    def on_register(self, what: Register, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_leave(self, what: Leave, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_beat(self, what: Beat, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_enter(self, what: Enter, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_quit(self, what: Quit, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_want(self, what: Want, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_free(self, what: Free, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_report(self, what: Report, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_look(self, what: Look, ticket: Ticket) -> None:
        self.act(what, ticket)

    def on_answered(self, answer: Answered) -> None:
        ticket = Ticket(answer.ticket)
        if answer.refused:
            self.finish(ticket, Fail(answer.refused))
        else:
            self.finish(ticket, Ok(len(answer.grants)))
