"""A client of the replicated store: asks until it is answered, by a name that never changes. Given.

It keeps several *sessions*, each with one thing under way: what a session asks for is numbered, and
has the same number when it is asked again, so that the servers can tell (thesis §6.3). Answers may
come twice, or late: one that does not name what is under way is nobody's.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Info, Node, Ok, Ticket, Timer
from labs.lab2_log.quorum import (
    AddServer,
    Append,
    Cas,
    ClientConfig,
    Command,
    Get,
    NotLeader,
    Put,
    RemoveServer,
    Reply,
    Request,
)


class Again(Timer, frozen=True):
    """Nothing was heard: ask another server."""

    session: str


class GiveUp(Timer, frozen=True):
    """Nobody can say what becomes of it."""

    session: str


class UnderWay(Struct):
    """What a session waits for."""

    ticket: Ticket
    command: Command
    turn: int
    """Whom it asked last without being told to: all are asked in turn, whatever those say who are no members."""
    hints: int = 0
    """How often it was sent on since it was asked last: two servers may each take the other for the leader."""


class KvClient(Node):
    config: ClientConfig
    free: list[str]
    """Sessions with nothing under way."""
    made: int
    """Sessions made so far."""
    seqs: dict[str, int]
    under_way: dict[str, UnderWay]
    believed: int
    """The server that is asked: its place in the configuration."""

    def on_start(self) -> None:
        self.free, self.made, self.seqs, self.under_way, self.believed = [], 0, {}, {}, 0

    def on_put(self, put: Put, ticket: Ticket) -> None:
        self.ask(put, ticket)

    def on_get(self, get: Get, ticket: Ticket) -> None:
        self.ask(get, ticket)

    def on_append(self, append: Append, ticket: Ticket) -> None:
        self.ask(append, ticket)

    def on_cas(self, cas: Cas, ticket: Ticket) -> None:
        self.ask(cas, ticket)

    def on_add_server(self, add: AddServer, ticket: Ticket) -> None:
        self.ask(add, ticket)

    def on_remove_server(self, remove: RemoveServer, ticket: Ticket) -> None:
        self.ask(remove, ticket)

    def ask(
        self, operation: Put | Get | Append | Cas | AddServer | RemoveServer, ticket: Ticket
    ) -> None:
        """Begin: in a session that is free, or in a new one."""
        if not self.free:
            self.made += 1
            self.free.append(f"{self.address}/{self.made}")
            self.seqs[self.free[-1]] = 0
        session = self.free.pop(0)
        self.seqs[session] += 1
        command = Command(session, self.seqs[session], operation)
        self.under_way[session] = UnderWay(ticket, command, self.believed)
        self.set_timer(GiveUp(session), self.config.patience)
        self.send_to(self.config.servers[self.believed], command)

    def send_to(self, server: Address, command: Command) -> None:
        self.send(server, Request(command))
        self.set_timer(Again(command.session), self.config.retry)

    def on_again(self, timer: Again) -> None:
        if (waiting := self.under_way.get(timer.session)) is not None:
            self.believed = waiting.turn = (waiting.turn + 1) % len(self.config.servers)
            waiting.hints = 0
            self.send_to(self.config.servers[self.believed], waiting.command)

    def on_not_leader(self, answer: NotLeader, server: Address) -> None:
        waiting = self.under_way.get(answer.session)
        if waiting is None or waiting.command.seq != answer.seq:
            return
        waiting.hints += 1
        if answer.leader in self.config.servers and answer.leader != server and waiting.hints < 4:
            self.believed = self.config.servers.index(answer.leader)
            self.send_to(answer.leader, waiting.command)

    def on_reply(self, reply: Reply, server: Address) -> None:
        waiting = self.under_way.get(reply.session)
        if waiting is None or waiting.command.seq != reply.seq:
            return
        if server in self.config.servers:
            self.believed = self.config.servers.index(server)
        self.end(reply.session)
        self.free.append(reply.session)
        self.finish(waiting.ticket, Ok(reply.result))

    def on_give_up(self, timer: GiveUp) -> None:
        """The session is given up too: what it asked for may still happen."""
        if (waiting := self.under_way.get(timer.session)) is not None:
            self.end(timer.session)
            self.finish(waiting.ticket, Info("no answer"))

    def end(self, session: str) -> None:
        del self.under_way[session]
        self.cancel_timer(Again(session))
        self.cancel_timer(GiveUp(session))
