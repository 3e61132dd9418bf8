"""The task's loop: from its input channels through the operator to its output channels (part 5A1).

Rule: an element is taken from an input only when there is somewhere to go for what comes of it.

Theory. All of back-pressure is that one rule. While an output has something waiting, the task takes nothing; so its
input queues fill, it grants no more credit, and whoever feeds it comes to stand in the same place. What waits in an
output is then no more than what came of one batch. Inputs are read in turn, or a busy one starves the others.
"""

from __future__ import annotations

from labs.lab5_streaming.channels import Input, Output
from labs.lab5_streaming.hosting import TaskBase
from labs.lab5_streaming.partitioners import Partitioner, partitioner
from labs.lab5_streaming.stream import Batch, Channel, Credit, Element, Records


class Task(TaskBase):
    """Hosts one subtask."""

    inputs: dict[Channel, Input]
    outputs: dict[Channel, Output]
    partitioners: dict[int, Partitioner]
    """For each edge that begins here."""
    # BEGIN SOLUTION 5A1: declare your state
    last: Channel | None
    """The input that was read last."""
    # END SOLUTION

    def on_start(self) -> None:
        super().on_start()
        # BEGIN SOLUTION 5A1: nothing was read yet
        self.last = None
        # END SOLUTION

    def open_channels(self) -> None:
        config = self.config
        self.inputs = {
            Channel(end.edge, sender): Input(config.buffers)
            for end in config.inputs
            for sender in end.senders
        }
        self.outputs = {
            Channel(end.edge, target): Output() for end in config.outputs for target in end.targets
        }
        self.partitioners = {
            end.edge: partitioner(end.partitioner, config.subtask, len(end.targets))
            for end in config.outputs
        }

    def emit(self, records: Records, tag: str = "") -> None:
        """The operator wants these records to be sent on: on every edge that carries this tag, dealt out."""
        # BEGIN SOLUTION 5A1: deal them out, and let leave what may
        for end in self.config.outputs:
            if end.tag == tag and len(records):
                dealt = self.partitioners[end.edge].deal(records, self.random)
                for target, share in dealt.items():
                    self.put(Channel(end.edge, end.targets[target]), Batch(share))
        # END SOLUTION

    def broadcast(self, element: Element) -> None:
        """An element that is no batch goes to every channel of every output, behind what waits there."""
        # BEGIN SOLUTION 5A1: to all
        for channel in self.outputs:
            self.put(channel, element)
        # END SOLUTION

    def arrived(self, channel: Channel, element: Element) -> None:
        """An element came in on an input channel."""
        # BEGIN SOLUTION 5A1: it joins the queue
        self.inputs[channel].put(element)
        self.run()
        # END SOLUTION

    def granted(self, channel: Channel, batches: int) -> None:
        """Credit came in for an output channel."""
        # BEGIN SOLUTION 5A1: let leave what may
        self.outputs[channel].grant(batches)
        self.flush(channel)
        self.run()
        # END SOLUTION

    def run(self) -> None:
        """Go on as long as you can: until the operator is at work, an output waits, or nothing is there."""
        # BEGIN SOLUTION 5A1: take, handle, grant; in turn
        while not self.busy and not self.is_over and not self.is_held_up():
            if self.config.is_source:
                self.poll()
                continue
            channel = self.next_input()
            if channel is None:
                return
            element = self.inputs[channel].take()
            assert element is not None
            self.last = channel
            self.handle(channel, element)
            if granted := self.inputs[channel].grant():
                self.transmit(channel, Credit(granted))
        # END SOLUTION

    # BEGIN SOLUTION 5A1: your helpers
    def is_held_up(self) -> bool:
        """Something waits for credit."""
        return any(output.queue for output in self.outputs.values())

    def next_input(self) -> Channel | None:
        """The next one, after the one that was read last, that has something."""
        filled = [channel for channel in self.readable() if self.inputs[channel].queue]
        later = [channel for channel in filled if self.last is None or channel > self.last]
        return min(later or filled, default=None)

    def put(self, channel: Channel, element: Element) -> None:
        self.outputs[channel].put(element)
        self.flush(channel)

    def flush(self, channel: Channel) -> None:
        for element in self.outputs[channel].ready():
            self.transmit(channel, element)

    # END SOLUTION
