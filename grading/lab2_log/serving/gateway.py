"""Takes people's requests to the brokers and to the groups' coordinators: one request of a person is one operation."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import SECOND, Address, Fail, Message, Ok, Ticket, Timer
from grading.lab2_log.serving.client import ClientConfig, LogClient
from grading.lab2_log.serving.requests import (
    NO_COORDINATOR,
    UNKNOWN_GROUP,
    GroupOf,
    Groups,
    List,
    NewTopic,
    Take,
    is_internal,
)
from grading.lab2_log.serving.topics import INVALID_TOPIC
from labs.lab2_log.groups import (
    NONE,
    CoordinatorFound,
    DescribeGroup,
    FindCoordinator,
    GroupDescribed,
    GroupsListed,
    ListGroups,
)


class GatewayConfig(ClientConfig, frozen=True):
    """Whom to ask."""

    coordinators: tuple[str, ...] = ()
    patience: int = 10 * SECOND
    """How long to look for a coordinator."""


class AskCoordinator(Timer, frozen=True):
    """Nobody has answered."""

    id: int


class Inquiry(Struct):
    """What somebody wants to know of groups."""

    ticket: Ticket
    operation: Groups | GroupOf
    deadline: int
    coordinator: str = ""
    """Empty: not known."""


class Gateway(LogClient):
    """Any number of requests at a time."""

    config: GatewayConfig
    inquiries: dict[int, Inquiry]
    turn: int
    """Which coordinator to ask next who it is."""

    def on_start(self) -> None:
        super().on_start()
        self.inquiries, self.turn = {}, 0

    def settled(self, about: Any, outcome: Ok | Fail) -> None:
        self.finish(Ticket(about), outcome)

    # -- of topics and partitions -------------------------------------------------------------------------------------

    def on_new_topic(self, op: NewTopic, ticket: Ticket) -> None:
        if is_internal(op.topic):
            self.finish(ticket, Fail(INVALID_TOPIC))
        else:
            self.submit(op, ticket)

    def on_list(self, op: List, ticket: Ticket) -> None:
        self.submit(op, ticket)

    def on_take(self, op: Take, ticket: Ticket) -> None:
        self.submit(op, ticket)

    # -- of groups ----------------------------------------------------------------------------------------------------

    def on_groups(self, op: Groups, ticket: Ticket) -> None:
        self.inquire(Inquiry(ticket, op, self.monotonic() + self.config.patience))

    def on_group_of(self, op: GroupOf, ticket: Ticket) -> None:
        self.inquire(Inquiry(ticket, op, self.monotonic() + self.config.patience))

    def inquire(self, inquiry: Inquiry) -> None:
        """Ask the coordinator; or ask who that is."""
        self.questions += 1
        number, operation = self.questions, inquiry.operation
        self.inquiries[number] = inquiry
        group = operation.group if isinstance(operation, GroupOf) else ""
        message: Message
        if not inquiry.coordinator:
            self.turn += 1
            to = self.config.coordinators[self.turn % len(self.config.coordinators)]
            message = FindCoordinator(number, group)
        else:
            to = inquiry.coordinator
            message = DescribeGroup(number, group) if group else ListGroups(number)
        self.send(Address(to), message)
        self.set_timer(AskCoordinator(number), self.config.timeout // 4)

    def on_ask_coordinator(self, timer: AskCoordinator) -> None:
        inquiry = self.inquiries.pop(timer.id, None)
        if inquiry is None:
            return
        if self.monotonic() >= inquiry.deadline:
            self.finish(inquiry.ticket, Fail(NO_COORDINATOR))
        else:
            inquiry.coordinator = ""
            self.inquire(inquiry)

    def on_coordinator_found(self, answer: CoordinatorFound, sender: Address) -> None:
        inquiry = self.inquiries.get(answer.id)
        if inquiry is not None and answer.coordinator:
            del self.inquiries[answer.id]
            self.cancel_timer(AskCoordinator(answer.id))
            inquiry.coordinator = answer.coordinator
            self.inquire(inquiry)

    def on_groups_listed(self, answer: GroupsListed, sender: Address) -> None:
        if answer.error == NONE:
            self.tell(answer.id, Ok([[g.group, g.state] for g in answer.groups]))

    def on_group_described(self, answer: GroupDescribed, sender: Address) -> None:
        if answer.error != NONE:
            return  # not it, or not yet: the timer asks again
        if answer.state == "Dead":
            self.tell(answer.id, Fail(UNKNOWN_GROUP))
            return
        members = [[m.member, m.address, [str(p) for p in m.partitions]] for m in answer.members]
        positions = [[str(p.partition), p.offset] for p in answer.positions]
        told = [answer.state, answer.generation, answer.assignor, members, positions]
        self.tell(answer.id, Ok(told))

    def tell(self, number: int, outcome: Ok | Fail) -> None:
        inquiry = self.inquiries.pop(number, None)
        if inquiry is not None:
            self.cancel_timer(AskCoordinator(number))
            self.finish(inquiry.ticket, outcome)
