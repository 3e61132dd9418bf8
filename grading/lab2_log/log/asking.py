"""Exams of parts 2B and 2C: one broker and our questions, one rule of the handout at a time.

The other brokers and the controller are ourselves: we say who leads, who is in sync and how far a follower has come,
and look at what the broker answers, and when.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, Message
from distlab.core.effects import Sent, Stopped
from distlab.core.solo import Solo
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.ledger import Wrong
from grading.lab2_log.log.waiting import PROMPT
from labs.lab2_log.brokers import (
    ALL,
    NO_EPOCH,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    REQUEST_TIMED_OUT,
    AlterPartition,
    BrokerConfig,
    EpochEnd,
    Fetch,
    Fetched,
    LeaderAndIsr,
    PartitionState,
    Produce,
    Produced,
    Replica,
)

PARTITION = "orders-0"
NEVER = 10_000_000 * MS


class Desk:
    """A broker, what it was asked and told, and all that it sent."""

    def __init__(self, solution: Solution, code: str, name: str = "b1", **config: Any) -> None:
        self.code = code
        """The promise that is examined."""
        broker = solution.module("broker").Broker
        self.solo = Solo(broker, BrokerConfig(**config), name)
        self.name = name
        self.steps: list[str] = []
        self.sent: list[Message] = []
        self.version = self.requests = 0

    def wrong(self, reason: str, expected: object = "", got: object = "") -> Wrong:
        return Wrong(self.code, reason, expected, got, self.steps)

    def require(self, holds: bool, reason: str, expected: object = "", got: object = "") -> None:
        if not holds:
            raise self.wrong(reason, expected, got)

    def hand(self, step: str, effects: list[Any]) -> None:
        """That was done, and this is what the broker did then."""
        self.steps.append(step)
        for effect in effects:
            if isinstance(effect, Stopped):
                raise self.wrong(f"{self.name} stopped itself: {effect.reason}")
            if isinstance(effect, Sent):
                self.sent.append(effect.message)

    def leads(self, leader: str, epoch: int, *isr: str) -> None:
        """The controller has decided."""
        self.version += 1
        state = PartitionState(PARTITION, ("b1", "b2", "b3"), leader, epoch, isr, self.version)
        step = f"{leader} leads in epoch {epoch}, ISR {', '.join(isr)}"
        self.hand(step, self.solo.deliver(LeaderAndIsr(1, state), "controller"))

    def produce(self, acks: int, timeout: int = 400 * MS) -> int:
        """A batch of one record; returns the id of the request."""
        self.requests += 1
        blob = codec.seal(codec.batch_of([f"value {self.requests}"], [], self.requests))
        request = Produce(self.requests, PARTITION, acks, blob, timeout)
        step = f"Produce {self.requests}, acks {'ALL' if acks == ALL else acks}"
        self.hand(step, self.solo.deliver(request, "client"))
        return self.requests

    def fetch(self, follower: str, offset: int, epoch: int, last_epoch: int = NO_EPOCH) -> int:
        """The follower's log ends at ``offset``, with a batch of ``last_epoch``."""
        self.requests += 1
        request = Fetch(
            self.requests,
            PARTITION,
            offset,
            max_bytes=10_000,
            replica=follower,
            leader_epoch=epoch,
            last_epoch=last_epoch,
        )
        step = f"{follower} fetches at {offset}, its last epoch is {last_epoch}"
        self.hand(step, self.solo.deliver(request, follower))
        return self.requests

    def wait(self, duration: int) -> None:
        self.hand(f"{duration // MS} ms pass", self.solo.advance(duration))

    def answer(self, request: int) -> Any:
        """What was answered to it so far; None: nothing."""
        kinds = (Produced, Fetched)
        return next((m for m in self.sent if isinstance(m, kinds) and m.id == request), None)

    def view(self) -> Replica:
        found = self.solo.node.probe().of(PARTITION)
        return Replica(PARTITION) if found is None else found

    def ends(self, request: int, error: str, why: str) -> None:
        """That produce has been answered so."""
        given = self.answer(request)
        got = "no answer" if given is None else given.error or "no error"
        is_so = given is not None and given.error == error
        self.require(is_so, f"Produce {request}: {why}", error or "no error", got)


def the_table_of_acks(solution: Solution) -> None:
    """Each line of the handout's table, with two of three brokers in sync, and with one."""
    desk = Desk(solution, "RL-S10", min_insync=2, lag_time=NEVER)
    desk.leads("b1", 0, "b1")
    refused = desk.produce(ALL)
    desk.wait(PROMPT)
    desk.ends(refused, NOT_ENOUGH_REPLICAS, "the ISR is too small to begin with")
    desk.require(
        desk.view().end == 0, "a batch was refused, and appended", "end 0", desk.view().end
    )
    one = desk.produce(1)
    desk.wait(PROMPT)
    desk.ends(one, NONE, "the leader has appended it, and who wants 1 wants no more")
    none = desk.produce(0)
    desk.wait(PROMPT)
    desk.require(desk.answer(none) is None, "acks 0 was answered", "no answer", desk.answer(none))
    end = desk.view().end
    desk.require(
        end == 2, "acks of 0 and 1 are appended, whoever is in sync", "end 2", f"end {end}"
    )
    desk.leads("b1", 0, "b1", "b2")
    waits = desk.produce(ALL)
    desk.require(desk.answer(waits) is None, "acks ALL was answered before b2 had it", "no answer")
    desk.leads("b1", 0, "b1")
    desk.wait(PROMPT)
    desk.ends(waits, NOT_ENOUGH_REPLICAS_AFTER_APPEND, "the ISR has become too small")
    desk.leads("b1", 0, "b1", "b2")
    late = desk.produce(ALL, 100 * MS)
    desk.wait(100 * MS + PROMPT)
    desk.ends(late, REQUEST_TIMED_OUT, "b2 has not fetched it in 100 ms")
    good = desk.produce(ALL)
    desk.fetch("b2", desk.view().end, 0, 0)
    desk.wait(PROMPT)
    desk.ends(good, NONE, "b2 has it, and two are enough")


def keeps_up(solution: Solution) -> None:
    """KIP-16: a follower that always lacks what came a moment ago keeps up, and stays in the ISR."""
    desk = Desk(solution, "RL-L1", min_insync=1)
    desk.leads("b1", 0, "b1", "b2")
    had = 0
    for _ in range(40):
        end = desk.view().end
        desk.produce(1)
        desk.fetch("b2", had, 0, 0 if had else NO_EPOCH)
        had = end + 1  # all that there was at this fetch
        desk.wait(20 * MS)
        for message in desk.sent:
            if isinstance(message, AlterPartition) and "b2" not in message.isr:
                raise desk.wrong(
                    "b2 has at each fetch all that there was at the fetch before, 20 ms ago, and falls "
                    "out of the ISR",
                    "an ISR with b2",
                    ", ".join(message.isr),
                )


def falls_behind(solution: Solution) -> None:
    """A follower that asks again and again for the same is not caught up, however often it asks."""
    desk = Desk(solution, "RL-L1", min_insync=1)
    desk.leads("b1", 0, "b1", "b2")
    desk.produce(1)
    for _ in range(60):
        desk.fetch("b2", 0, 0)
        desk.wait(20 * MS)
    asked = [m.isr for m in desk.sent if isinstance(m, AlterPartition)]
    desk.require(
        any("b2" not in isr for isr in asked),
        "b2 fetches, and has had nothing of what there is for 1.2 s: it is not taken out of the ISR",
        "AlterPartition without b2, after lag_time",
        "none",
    )


def no_further_than_its_end(solution: Solution) -> None:
    """A follower hears that more is committed than it has."""
    desk = Desk(solution, "RL-S5", "b2")
    desk.leads("b1", 0, "b1", "b2")
    asked = next((m for m in desk.sent if isinstance(m, Fetch)), None)
    if asked is None:
        raise desk.wrong("b2 has an empty log and a leader, and does not fetch", "Fetch", "nothing")
    blob = codec.place(codec.seal(codec.batch_of(["a"], [], 1)), 0, 0)
    answer = Fetched(asked.id, PARTITION, high_watermark=5, leader_epoch=0, records=blob)
    desk.hand("b1 answers: offset 0, high watermark 5", desk.solo.deliver(answer, "b1"))
    view = desk.view()
    desk.require(
        view.high_watermark <= view.end,
        "a follower's high watermark is beyond the end of its log",
        f"at most {view.end}",
        view.high_watermark,
    )


def only_fetches(solution: Solution) -> None:
    """KIP-595: a follower that never asks where an epoch ends, and says with each fetch what its log ends with."""
    desk = Desk(solution, "RL-S2", min_insync=1, lag_time=NEVER)
    desk.leads("b1", 0, "b1", "b2", "b3")
    for _ in range(3):
        desk.produce(1)
    desk.leads("b2", 1, "b1", "b2", "b3")
    desk.leads("b1", 2, "b1", "b2", "b3")
    for _ in range(2):
        desk.produce(1)
    for offset, last, parting in (
        (4, 1, True),
        (5, 0, True),
        (4, 0, True),
        (3, 0, False),
        (2, 0, False),
    ):
        asked = desk.fetch("b3", offset, 2, last)
        desk.wait(PROMPT)
        answer = desk.answer(asked)
        got = "no answer" if answer is None else answer.error or answer.diverging or "records"
        if parting:
            desk.require(
                answer is not None and answer.diverging == EpochEnd(0, 3) and not answer.records,
                "b1's epoch 0 ends at 3, and its next one is 2: b3's log goes on differently",
                "diverging: epoch 0 ends at 3",
                got,
            )
        else:
            desk.require(
                answer is not None and answer.diverging is None and bool(answer.records),
                "b3's log is a prefix of b1's",
                "records",
                got,
            )
