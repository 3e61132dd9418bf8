"""Logical time: what happened before what, when no clock can be trusted. Part 0D.

Lamport ("Time, clocks, and the ordering of events in a distributed system", CACM 1978): event a
*happened before* event b if both are on one node and a came first, or if a sent the message whose
receipt is b, or by way of other events so related. Two events of which neither happened before the
other are *concurrent*: nothing that one did can have reached the other.

* A Lamport clock is one number with ``a -> b  implies  L(a) < L(b)``. The converse fails: a smaller
  number does not prove an earlier event. With the node's address to break ties it orders all events
  of a run, in a way that never contradicts happened-before.
* A vector clock (Fidge 1988, Mattern 1989) has one number per node, with ``a -> b  if and only if
  V(a) < V(b)``: each component at most as great, and not all are equal. It costs a number per node.

A :class:`Stamp` holds both. The functions are pure; the layer applies them where things happen.
"""

from __future__ import annotations

from distlab.core import Address, Message
from labs.lab0_rpc.layer import Layer
from labs.lab0_rpc.protocol import Stamp, Stamped


def ticked(clock: Stamp, node: str) -> Stamp:
    """The clock of ``node`` after one more event there."""
    raise NotImplementedError("0D: one more, in the number and in the node's own component")


def received(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    """The clock of ``node`` after it received a message that was sent at ``stamp``: an event, too."""
    raise NotImplementedError("0D: know what both knew; the receipt is an event too")


def is_known(a: Stamp, b: Stamp) -> bool:
    """Whether all events that were known at ``a`` were known at ``b`` too."""
    raise NotImplementedError("0D: component by component; who is not listed counts as 0")


def happened_before(a: Stamp, b: Stamp) -> bool:
    """Whether the event stamped ``a`` could have had any influence on the one stamped ``b``."""
    raise NotImplementedError("0D: b knew all that a knew, and not the other way round")


def concurrent(a: Stamp, b: Stamp) -> bool:
    """Whether the two are stamps of different events, neither of which happened before the other."""
    raise NotImplementedError("0D: each knew something that the other did not")


def total_order(a: Stamp, node: str) -> tuple[int, str]:
    """A key that sorts all events of a run in one line, on every node alike: no two are equal.

    ``node`` is where the event happened. Whatever happened before comes before.
    """
    raise NotImplementedError("0D: Lamport's number, then the address")


class Clocked(Layer):
    """Stamps whatever a program sends, and learns from the stamps of what it receives."""

    clock: Stamp

    def on_start(self) -> None:
        """Nothing has happened here yet."""
        raise NotImplementedError("0D: a clock at zero; then let the program start")

    def send(self, to: Address, message: Message) -> None:
        """Sending is an event; the message carries its stamp."""
        raise NotImplementedError("0D: tick, and send the message stamped")

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        """So is receiving."""
        raise NotImplementedError(
            "0D: bring the clock up to date, and let the program handle the message"
        )
