"""The task's loop, with a line of channels: who has something stands in it once."""

from __future__ import annotations

from collections import deque

from labs.lab5_streaming.channels import Input, Output
from labs.lab5_streaming.hosting import TaskBase
from labs.lab5_streaming.partitioners import Partitioner, partitioner
from labs.lab5_streaming.stream import Batch, Channel, Credit, Element, Outgoing, Records


class Task(TaskBase):
    """Hosts one subtask."""

    inputs: dict[Channel, Input]
    outputs: dict[Channel, Output]
    partitioners: dict[int, Partitioner]
    line: deque[Channel]
    waiting: set[Channel]
    """Outputs in which something waits."""

    def on_start(self) -> None:
        self.line, self.waiting = deque(), set()
        super().on_start()

    def open_channels(self) -> None:
        self.inputs, self.outputs, self.partitioners = {}, {}, {}
        for incoming in self.config.inputs:
            for sender in incoming.senders:
                self.inputs[Channel(incoming.edge, sender)] = Input(self.config.buffers)
        for outgoing in self.config.outputs:
            how, targets = outgoing.partitioner, len(outgoing.targets)
            self.partitioners[outgoing.edge] = partitioner(how, self.config.subtask, targets)
            for target in outgoing.targets:
                self.outputs[Channel(outgoing.edge, target)] = Output()

    def emit(self, records: Records, tag: str = "") -> None:
        for end in self.config.outputs if len(records) else ():
            if end.tag == tag:
                self.deal(end, records)

    def deal(self, end: Outgoing, records: Records) -> None:
        dealer = self.partitioners[end.edge]
        for target, share in dealer.deal(records, self.random).items():
            self.pass_on(Channel(end.edge, end.targets[target]), Batch(share))

    def broadcast(self, element: Element) -> None:
        for channel in self.outputs:
            self.pass_on(channel, element)

    def pass_on(self, channel: Channel, element: Element | None = None) -> None:
        output = self.outputs[channel]
        if element is not None:
            output.put(element)
        for leaving in output.ready():
            self.transmit(channel, leaving)
        if output.queue:
            self.waiting.add(channel)
        else:
            self.waiting.discard(channel)

    def arrived(self, channel: Channel, element: Element) -> None:
        self.inputs[channel].put(element)
        if channel not in self.line:
            self.line.append(channel)
        self.run()

    def granted(self, channel: Channel, batches: int) -> None:
        self.outputs[channel].grant(batches)
        self.pass_on(channel)
        self.run()

    def run(self) -> None:
        while not (self.busy or self.is_over or self.waiting):
            if self.config.is_source:
                self.poll()
            elif not self.read():
                return

    def read(self) -> bool:
        """One element, of the first in the line that may be read."""
        allowed = self.readable()
        for channel in self.line:
            if channel in allowed:
                break
        else:
            return False
        end = self.inputs[channel]
        element = end.take()
        assert element is not None
        if not end.queue:
            self.line.remove(channel)
        elif isinstance(element, Batch):
            self.line.remove(channel)
            self.line.append(channel)
        self.handle(channel, element)
        if more := end.grant():
            self.transmit(channel, Credit(more))
        return True
