"""The task: a node that hosts one subtask. What every task does, whatever flows through it. Given.

A task opens a session to each task downstream, builds its operator, and hands it what its inputs bring. What you
write in part 5A is the rest: the two ends of a channel (``channels.py``), and the loop between them (``task.py``).

====================================  ==============================================================
you call                              and it does
====================================  ==============================================================
``self.readable()``                   the input channels that may be read now, in a fixed order
``self.handle(channel, element)``     lets the operator work on an element that you took from a queue
``self.poll()``                       a source: lets the operator emit its next batch, or end
``self.transmit(channel, element)``   sends an element, or a ``Credit``, on a channel
``self.busy``                         the operator is at work; ``run`` is called when it is done
``self.is_over``                      all inputs have ended, or the source has
====================================  ==============================================================

====================================  ==============================================================
it calls                              when
====================================  ==============================================================
``self.emit(records, tag)``           the operator wants records to be sent on
``self.broadcast(element)``           an element goes to every channel of every output
``self.arrived(channel, element)``    an element came in
``self.granted(channel, batches)``    credit came in
``self.run()``                        something changed: it may be possible to go on
====================================  ==============================================================

Each later part extends this task by a subclass, and changes nothing here. The places for it:

- 5B, event time: ``handle`` takes ``Watermark`` and ``Status``; ``context`` gives operators timers (``timed.py``).
- 5C, state: ``context`` gives operators keyed and broadcast state; a key's group says whose it is.
- 5D, checkpoints: ``handle`` takes ``Barrier``; ``readable`` leaves out a channel that has to wait for the others; the
  ``queue`` at both ends of a channel is what an unaligned checkpoint stores. A task that has lost a session stops, and
  the whole job is started again, each task with a handle, in its config, to what it had put into the shared store.
- 5E, the ends: ``poll`` and the barrier exclude each other, since a node does one thing at a time, so a source's offset
  belongs to what it has emitted; a sink hears of a barrier before it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from distlab.core import MS, Address, Message, Node
from labs.lab5_streaming.operators import Operator, build
from labs.lab5_streaming.stream import (
    Barrier,
    Batch,
    Channel,
    Credit,
    Element,
    Ended,
    EndOfInput,
    Read,
    Reconnect,
    Records,
    Resume,
    Status,
    TaskConfig,
    Watermark,
    Written,
)

RETRY = 20 * MS


class TaskBase(Node):
    """Sessions, the operator, and what becomes of each element."""

    config: TaskConfig
    inputs: dict[Channel, Any]
    """The receiver's end of each channel that ends here: an Input."""
    outputs: dict[Channel, Any]
    """The sender's end of each channel that begins here: an Output."""
    operator: Operator
    ended: set[Channel]
    open: set[Address]
    """Tasks with which a session was opened."""
    busy: bool
    is_over: bool

    def on_start(self) -> None:
        config = self.config
        self.open_channels()
        self.ended, self.open = set(), set()
        self.busy = self.is_over = False
        self.operator = build(config.operator, config.arguments)
        self.operator.open(self.context(self.address))
        for target in dict.fromkeys(channel.peer for channel in self.outputs):
            self.connect(target)
        if config.is_source:
            self.set_timer(Resume(), 0)

    # -- sessions -------------------------------------------------------------------------------------

    def on_connect(self, peer: Address) -> None:
        self.open.add(peer)
        for channel, end in self.inputs.items():
            if channel.peer == peer:
                self.transmit(channel, Credit(end.grant()))

    def on_disconnect(self, peer: Address) -> None:
        if peer in self.open:  # what was on its way is lost: only a restart of the whole job helps
            self.stop(f"the session with {peer} is lost")
        self.set_timer(Reconnect(peer), RETRY)

    def on_reconnect(self, timer: Reconnect) -> None:
        self.connect(timer.peer)

    def transmit(self, channel: Channel, element: Any) -> None:
        """Send an element, or a ``Credit``, on a channel."""
        self.send(channel.peer, structs.replace(element, edge=channel.edge))

    def on_batch(self, batch: Batch, sender: Address) -> None:
        self.arrived(Channel(batch.edge, sender), batch)

    def on_end_of_input(self, end: EndOfInput, sender: Address) -> None:
        self.arrived(Channel(end.edge, sender), end)

    def on_watermark(self, watermark: Watermark, sender: Address) -> None:
        self.arrived(Channel(watermark.edge, sender), watermark)

    def on_status(self, status: Status, sender: Address) -> None:
        self.arrived(Channel(status.edge, sender), status)

    def on_barrier(self, barrier: Barrier, sender: Address) -> None:
        self.arrived(Channel(barrier.edge, sender), barrier)

    def on_credit(self, credit: Credit, sender: Address) -> None:
        self.granted(Channel(credit.edge, sender), credit.batches)

    # -- the operator ---------------------------------------------------------------------------------

    def context(self, sender: Address) -> Hosted:
        """What the operator sees of its task."""
        return Hosted(self, sender)

    def readable(self) -> list[Channel]:
        """The input channels that may be read now; all, as long as nobody aligns barriers (part 5D)."""
        return list(self.inputs)

    def handle(self, channel: Channel, element: Element) -> None:
        """An element's turn has come."""
        context = self.context(channel.peer)
        match element:
            case Batch(records=records):
                self.operator.on_records(context, records, channel.edge)
                self.rest(self.operator.pace)
            case EndOfInput():
                self.ended.add(channel)
                if len(self.ended) == len(self.inputs):
                    self.finish_up(context)

    def poll(self) -> None:
        context = self.context(self.address)
        wait = self.operator.poll(context)
        if wait is None:
            self.finish_up(context)
        else:
            self.rest(wait)

    def finish_up(self, context: Hosted) -> None:
        self.is_over = True
        self.operator.on_end(context)
        self.broadcast(EndOfInput())

    def rest(self, pace: int) -> None:
        if pace:
            self.busy = True
            self.set_timer(Resume(), pace)

    def on_resume(self, timer: Resume) -> None:
        self.busy = False
        self.run()

    # -- yours ----------------------------------------------------------------------------------------

    def open_channels(self) -> None:
        raise NotImplementedError

    def emit(self, records: Records, tag: str = "") -> None:
        raise NotImplementedError

    def broadcast(self, element: Element) -> None:
        raise NotImplementedError

    def arrived(self, channel: Channel, element: Element) -> None:
        raise NotImplementedError

    def granted(self, channel: Channel, batches: int) -> None:
        raise NotImplementedError

    def run(self) -> None:
        raise NotImplementedError


@dataclass
class Hosted:
    """The context of an operator: its task, seen through a narrow window."""

    task: Any
    sender: Address

    @property
    def subtask(self) -> int:
        return int(self.task.config.subtask)

    @property
    def parallelism(self) -> int:
        return int(self.task.config.parallelism)

    def emit(self, records: Records, tag: str = "") -> None:
        self.task.emit(records, tag)

    def tell(self, message: Message) -> None:
        self.task.send(self.task.config.console, message)

    def now(self) -> int:
        return int(self.task.now())


class Console(Node):
    """The world outside: hears what sources read and what sinks write."""

    def on_read(self, read: Read) -> None:
        """So much was taken from it."""

    def on_written(self, written: Written) -> None:
        """So much was given to it."""

    def on_ended(self, ended: Ended) -> None:
        """One sink is done."""
