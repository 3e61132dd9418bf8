"""The ApplicationMaster as a board: for each task a card, which says where it is.

Nothing is said at the moment at which something happens: whatever is to be said is read off the board at the next
tick.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab3_scheduler import binding
from labs.lab3_scheduler.cluster import (
    KILLED,
    Allocate,
    Allocated,
    Exit,
    FinishMaster,
    KillApp,
    MasterConfig,
    MasterFinished,
    MasterRefused,
    MasterRegistered,
    RegisterMaster,
    RunApp,
    SignedLease,
    StartContainer,
    Started,
    StartRefused,
    Task,
)
from labs.lab3_scheduler.failover import MasterUnknown
from labs.lab3_scheduler.scheduling import DUPLICATE, TOO_LARGE, UNKNOWN_APP


class Tick(Timer, frozen=True):
    """Time to say what is to be said."""


class Card(Struct):
    """A task, and the lease that it was given."""

    task: Task
    lease: SignedLease | None = None
    is_started: bool = False
    is_done: bool = False


class Board(Struct):
    name: str
    queue: str
    ticket: Ticket
    cards: list[Card]
    surplus: list[int]
    waiting_for_death: list[Ticket]
    epoch: int = 0
    """In which our registration is valid; 0 if in none."""
    heard: int = 0
    """The newest one that we have heard of."""
    number: int = 0
    asked: Allocate | None = None
    """The wish that is not answered yet."""
    given_up: str = ""
    is_over: bool = False

    def is_through(self) -> bool:
        return bool(self.given_up) or all(card.is_done for card in self.cards)

    def card_of(self, container: int) -> Card | None:
        held = (c for c in self.cards if c.lease and c.lease.lease.container == container)
        return next(held, None)


class ApplicationMaster(Node):
    config: MasterConfig
    boards: dict[str, Board]
    rm: int
    """Which of the RMs we speak to."""
    quiet: int
    """Ticks since it spoke to us, while we had something to say."""

    def on_start(self) -> None:
        self.boards, self.rm, self.quiet = {}, 0, 0
        self.set_timer(Tick(), self.config.heartbeat)

    def on_run_app(self, op: RunApp, ticket: Ticket) -> None:
        spec = op.spec
        if spec.name in self.boards:
            self.finish(ticket, Fail(DUPLICATE))
            return
        cards = [Card(task) for task in spec.tasks]
        self.boards[spec.name] = Board(spec.name, spec.queue, ticket, cards, [], [])

    def on_kill_app(self, op: KillApp, ticket: Ticket) -> None:
        board = self.boards.get(op.app)
        if board is None or board.is_over:
            self.finish(ticket, Fail(UNKNOWN_APP))
        else:
            board.given_up = board.given_up or KILLED
            board.waiting_for_death.append(ticket)

    def on_tick(self) -> None:
        self.set_timer(Tick(), self.config.heartbeat)
        to_read = [board for board in self.boards.values() if not board.is_over]
        self.quiet = self.quiet + 1 if to_read else 0
        if self.quiet > self.config.patience:
            self.rm, self.quiet = (self.rm + 1) % len(self.rms()), 0
        for board in to_read:
            self.read(board)

    def rms(self) -> list[Address]:
        return [Address(name) for name in (self.config.rm, *self.config.standby)]

    def spoke(self, rm: Address) -> None:
        """It leads, as far as we know."""
        self.rm, self.quiet = self.rms().index(rm), 0

    def read(self, board: Board) -> None:
        """Say what the board says."""
        rm = self.rms()[self.rm]
        if not board.epoch and not (board.heard and board.is_through()):
            held = [c.lease.lease.container for c in board.cards if c.lease is not None]
            who = RegisterMaster(board.name, board.queue, 1, board.heard, tuple(held))
            self.send(rm, who)
        elif board.is_through():
            self.send(rm, FinishMaster(board.name, 1))
        else:
            if board.asked is None:
                board.number += 1
                waiting = [c.task for c in board.cards if not (c.is_done or c.lease)]
                asks, surplus = binding.asks_for(waiting), tuple(board.surplus)
                board.surplus = []
                board.asked = Allocate(board.name, 1, board.epoch, board.number, asks, surplus)
            self.send(rm, board.asked)
            for card in board.cards:
                if card.lease is not None and not card.is_started:
                    self.start(card)

    def start(self, card: Card) -> None:
        assert card.lease is not None
        self.send(Address(card.lease.lease.node), StartContainer(card.lease, card.task))

    def on_master_registered(self, word: MasterRegistered, rm: Address) -> None:
        board = self.boards.get(word.app)
        if board is not None and not board.epoch and word.epoch >= board.heard:
            self.spoke(rm)
            board.epoch = board.heard = word.epoch
            board.number, board.asked, board.surplus = 0, None, []

    def on_master_unknown(self, word: MasterUnknown, rm: Address) -> None:
        board = self.boards.get(word.app)
        if board is not None and word.epoch > board.heard:
            self.spoke(rm)
            board.heard, board.epoch = word.epoch, 0

    def on_master_refused(self, word: MasterRefused) -> None:
        board = self.boards.get(word.app)
        if board is not None and not board.epoch and not board.is_over:
            self.close(board, Fail(word.code), Fail(UNKNOWN_APP))

    def on_master_finished(self, word: MasterFinished, rm: Address) -> None:
        self.spoke(rm)
        board = self.boards.get(word.app)
        if board is not None and not board.is_over and board.is_through():
            outcome = Fail(board.given_up) if board.given_up else Ok(len(board.cards))
            self.close(board, outcome, Ok())

    def close(self, board: Board, outcome: Ok | Fail, of_the_killers: Ok | Fail) -> None:
        board.is_over = True
        self.finish(board.ticket, outcome)
        for ticket in board.waiting_for_death:
            self.finish(ticket, of_the_killers)

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        board = self.boards.get(answer.app)
        if board is None or board.asked is None:
            return
        if (board.epoch, board.asked.number) != (answer.epoch, answer.number):
            return
        self.spoke(rm)
        board.asked = None
        for end in answer.completed:
            card = board.card_of(end.container)
            if card is not None:
                card.is_done = end.exit is Exit.DONE
                card.lease, card.is_started = None, False
        for signed in answer.grants:
            free = {c.task.name: c for c in board.cards if not (c.is_done or c.lease)}
            task = binding.choose([card.task for card in free.values()], signed.lease)
            if task is None or board.given_up:
                board.surplus.append(signed.lease.container)
            else:
                free[task.name].lease = signed
                self.start(free[task.name])
        for denied in answer.denied:
            if denied.code != TOO_LARGE:
                board.given_up = denied.code

    def on_started(self, word: Started) -> None:
        for board in self.boards.values():
            if (card := board.card_of(word.container)) is not None:
                card.is_started = True

    def on_start_refused(self, word: StartRefused) -> None:
        for board in self.boards.values():
            card = board.card_of(word.container)
            if card is not None and not card.is_started:
                card.lease = None
                board.surplus.append(word.container)
