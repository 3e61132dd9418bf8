"""Bugs of part 5A1: who gets a record, what credit is worth, and when one may go on."""

from __future__ import annotations

from random import Random
from typing import Any

from distlab.grade.lab import Mutant, bug
from labs.lab5_streaming.channels import Input, Output
from labs.lab5_streaming.partitioners import (
    PARTITIONERS,
    Broadcast,
    Forward,
    Partitioner,
    Rebalance,
    Shuffle,
    dealt,
    owner_of,
)
from labs.lab5_streaming.stream import Batch, Channel, Credit, Element, Records, key_group
from labs.lab5_streaming.task import Task

# -- partitioners -------------------------------------------------------------------------------------


class ModuloParallelism(Partitioner):
    """Key group modulo the number of subtasks: fine, until the job is rescaled and nearly every key moves."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        return dealt(records, [key_group(key) % self.targets for key in records.keys])


class ByKeyAndSender(Partitioner):
    """Hashes the key and its own subtask: each sender is consistent, and no two agree."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        mixed = [key_group(f"{self.subtask}{key}") for key in records.keys]
        return dealt(records, [owner_of(group, self.targets) for group in mixed])


class BatchByFirstKey(Partitioner):
    """Sends a whole batch where its first record must go."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        return {owner_of(key_group(key), self.targets): records for key in records.keys[:1]}


class TurnsBatches(Rebalance):
    """Rebalances batches, not records: large ones and small ones count alike."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        self.turn = (self.turn + 1) % self.targets
        return {self.turn: records}


class TurnForgotten(Rebalance):
    """Begins with the same target in each batch: small batches all go to the first."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        self.turn = self.subtask
        return super().deal(records, random)


class AllBeginAtZero(Rebalance):
    """Every sender begins with target 0: many senders of few records each all crowd there."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        self.turn = max(self.turn, 0)
        return super().deal(records, random)


class OneCopyOfAll(Broadcast):
    """Deals a broadcast out like a rebalance: each record goes to one target only."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        return dealt(records, [place % self.targets for place in range(len(records))])


class ShufflesByKey(Shuffle):
    """Shuffles by key: a hot key stays hot, which is what a shuffle is there to prevent."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        owners = [owner_of(key_group(key) // 2, self.targets) for key in records.keys]
        return dealt(records, owners)


class PartialIsFields(Partitioner):
    """Takes partialKey for fields: always the first choice, and the hot key is not halved."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        return dealt(records, [owner_of(key_group(key), self.targets) for key in records.keys])


class AnyTwoChoices(Partitioner):
    """Draws the second choice anew for each record: in the end a key is everywhere."""

    given: dict[int, int] | None = None

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        given, owners = self.given or {}, []
        for key in records.keys:
            choices = (owner_of(key_group(key), self.targets), random.randrange(self.targets))
            owners.append(min(choices, key=lambda choice: given.get(choice, 0)))
            given[owners[-1]] = given.get(owners[-1], 0) + 1
        self.given = given
        return dealt(records, owners)


class SortsAsItDeals(Forward):
    """Puts the records of a batch in the order of their keys: two keys overtake each other."""

    def deal(self, records: Records, random: Random) -> dict[int, Records]:
        return {0: records.pick(sorted(range(len(records)), key=lambda i: str(records.keys[i])))}


# -- channels -----------------------------------------------------------------------------------------


class NoCredit(Output):
    """Sends as soon as there is a session: the receiver's memory is the only bound."""

    def ready(self) -> list[Element]:
        self.credit = len(self.queue)
        return super().ready()


class ControlOvertakes(Output):
    """Lets elements that need no credit leave while batches wait: the end of the input arrives before the input."""

    def ready(self) -> list[Element]:
        leaving = super().ready()
        if self.is_open:
            leaving += [element for element in self.queue if not isinstance(element, Batch)]
            waiting = [element for element in self.queue if isinstance(element, Batch)]
            self.queue.clear()
            self.queue.extend(waiting)
        return leaving


class LastInFirstOut(Output):
    """What could not leave is a stack."""

    def put(self, element: Element) -> None:
        if isinstance(element, Batch):
            self.queue.appendleft(element)
        else:
            super().put(element)


class DropsWithoutCredit(Output):
    """Drops a batch for which there is no credit: load shedding that nobody asked for."""

    def put(self, element: Element) -> None:
        if self.credit or not self.is_open or not isinstance(element, Batch):
            super().put(element)


class GrantsOnArrival(Input):
    """Gives a credit back when the batch arrives, not when it is taken: the queue grows without bound."""

    def put(self, element: Element) -> None:
        super().put(element)
        self.owed += isinstance(element, Batch)

    def take(self) -> Element | None:
        owed = self.owed
        element = super().take()
        self.owed = owed
        return element


class GrantsAllAgain(Input):
    """Grants all its buffers again whenever a batch was taken."""

    def grant(self) -> int:
        return self.buffers if super().grant() else 0


class LosesOne(Input):
    """Gives nothing back for the batch that empties the queue: each time the queue runs empty, a credit is gone."""

    def take(self) -> Element | None:
        element = super().take()
        if isinstance(element, Batch) and not self.queue:
            self.owed = max(0, self.owed - 1)
        return element


class StopAndWait(Input):
    """Grants one batch at a time, whatever room there is: a round trip for each."""

    def grant(self) -> int:
        return min(1, super().grant())


# -- the loop -----------------------------------------------------------------------------------------


class TakesAlthoughHeldUp(Task):
    """Goes on taking while its outputs wait: back-pressure ends here, in this task's memory."""

    def is_held_up(self) -> bool:
        return False


class FirstInputFirst(Task):
    """Always reads the first input that has something: a busy one starves the others."""

    def next_input(self) -> Channel | None:
        self.last = None
        return super().next_input()


class DeafOnOneEar(Task):
    """Credit for its first output makes it go on; credit for any other only lets leave what waits there."""

    def granted(self, channel: Channel, batches: int) -> None:
        self.outputs[channel].grant(batches)
        self.flush(channel)
        if channel == min(self.outputs):
            self.run()


class WaitsForTheNext(Task):
    """What waits for credit is looked at when the next element is put, not when the credit comes."""

    def granted(self, channel: Channel, batches: int) -> None:
        is_first = not self.outputs[channel].is_open
        self.outputs[channel].grant(batches)
        if is_first:
            self.flush(channel)
        self.run()


class OneAtATime(Task):
    """Takes one element when something happens, not all it could: what is left waits for an event that never comes."""

    def run(self) -> None:
        channel = self.next_input()
        if self.config.is_source or channel is None or self.busy or self.is_held_up():
            super().run()
            return
        element = self.inputs[channel].take()
        assert element is not None
        self.last = channel
        self.handle(channel, element)
        self.transmit(channel, Credit(self.inputs[channel].grant()))


class RecordByRecord(Task):
    """A message for each record."""

    def put(self, channel: Channel, element: Element) -> None:
        if not isinstance(element, Batch):
            super().put(channel, element)
            return
        for place in range(len(element.records)):
            super().put(channel, Batch(element.records.pick([place])))


class SaysZero(Task):
    """Tells every sender of its credit after each batch of any other one, where there is nothing new."""

    def handle(self, channel: Channel, element: Element) -> None:
        super().handle(channel, element)
        for other in self.inputs:
            if other != channel:
                self.transmit(other, Credit(0))


class OneToEach(Task):
    """Deals to the first target of a batch's shares only: the others are forgotten."""

    def emit(self, records: Records, tag: str = "") -> None:
        for end in self.config.outputs:
            if end.tag == tag and len(records):
                dealt_out = self.partitioners[end.edge].deal(records, self.random)
                for target in list(dealt_out)[:1]:
                    self.put(Channel(end.edge, end.targets[target]), Batch(dealt_out[target]))


class EndsTheFirst(Task):
    """Says the end on its first output only."""

    def broadcast(self, element: Element) -> None:
        for channel in list(self.outputs)[:1]:
            self.put(channel, element)


def dealing(name: str, how: str, by: Any, **more: Any) -> Mutant:
    table = {**PARTITIONERS, how: by}
    story = " ".join((by.__doc__ or "").split())
    replaces, breaks = "partitioners:PARTITIONERS", more.pop("breaks", "ST-S7")
    return bug(name, table, part="A1", replaces=replaces, breaks=breaks, story=story, **more)


def end(name: str, by: Any, breaks: str, **more: Any) -> Mutant:
    side = "Output" if issubclass(by, Output) else "Input"
    return bug(name, by, part="A1", replaces=f"channels:{side}", breaks=breaks, **more)


def loop(name: str, by: Any, breaks: str, **more: Any) -> Mutant:
    return bug(name, by, part="A1", replaces="task:Task", breaks=breaks, **more)


FLOW = (
    dealing("modulo-parallelism", "key_by", ModuloParallelism, code="m21", source="classic"),
    dealing("by-key-and-sender", "key_by", ByKeyAndSender),
    dealing("batch-by-first-key", "key_by", BatchByFirstKey),
    dealing("turns-batches", "rebalance", TurnsBatches),
    dealing("turn-forgotten", "rebalance", TurnForgotten),
    dealing("all-begin-at-zero", "rebalance", AllBeginAtZero, kind="cost"),
    dealing("one-copy-of-all", "broadcast", OneCopyOfAll, breaks="CH-S1"),
    dealing("shuffles-by-key", "shuffle", ShufflesByKey, kind="cost"),
    dealing("partial-is-fields", "partial_key", PartialIsFields, kind="cost"),
    dealing("any-two-choices", "partial_key", AnyTwoChoices),
    dealing("sorts-as-it-deals", "forward", SortsAsItDeals, breaks="CH-S1"),
    end("no-credit", NoCredit, "CH-S2"),
    end("control-overtakes", ControlOvertakes, "CH-S1"),
    end("last-in-first-out", LastInFirstOut, "CH-S1"),
    end("drops-without-credit", DropsWithoutCredit, "CH-S1"),
    end("grants-on-arrival", GrantsOnArrival, "CH-S2"),
    end("grants-all-again", GrantsAllAgain, "CH-S2"),
    end("loses-one", LosesOne, "CH-L1", kind="liveness"),
    end("stop-and-wait", StopAndWait, "CH-L1", kind="cost"),
    loop("takes-although-held-up", TakesAlthoughHeldUp, "CH-S2"),
    loop("first-input-first", FirstInputFirst, "CH-L2", kind="liveness"),
    loop("deaf-on-one-ear", DeafOnOneEar, "CH-L1", kind="liveness"),
    loop("waits-for-the-next", WaitsForTheNext, "CH-L1", kind="liveness"),
    loop("one-at-a-time", OneAtATime, "CH-L1", kind="liveness"),
    loop("record-by-record", RecordByRecord, "CH-C1", kind="cost"),
    loop("says-zero", SaysZero, "CH-C1", kind="cost"),
    loop("one-to-each", OneToEach, "CH-S1"),
    loop("ends-the-first", EndsTheFirst, "CH-L1", kind="liveness"),
)
