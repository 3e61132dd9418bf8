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
    # TODO 5A1: declare your state

    def on_start(self) -> None:
        super().on_start()
        raise NotImplementedError("5A1: nothing was read yet")

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
        raise NotImplementedError("5A1: deal them out, and let leave what may")

    def broadcast(self, element: Element) -> None:
        """An element that is no batch goes to every channel of every output, behind what waits there."""
        raise NotImplementedError("5A1: to all")

    def arrived(self, channel: Channel, element: Element) -> None:
        """An element came in on an input channel."""
        raise NotImplementedError("5A1: it joins the queue")

    def granted(self, channel: Channel, batches: int) -> None:
        """Credit came in for an output channel."""
        raise NotImplementedError("5A1: let leave what may")

    def run(self) -> None:
        """Go on as long as you can: until the operator is at work, an output waits, or nothing is there."""
        raise NotImplementedError("5A1: take, handle, grant; in turn")

    # TODO 5A1: your helpers
