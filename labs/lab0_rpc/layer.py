"""Layers: code that stands between a program and the world, on every node alike.

Given. A layer is put on a program by inheritance, ``class TracedClient(Tracing, Client)``: what the
program sends passes through the layer's ``send``, and what comes for the program comes to the layer
first, wrapped in a message of the layer's own. The program need not know.
"""

from __future__ import annotations

from typing import Any

from distlab.core import Node
from labs.lab0_rpc.protocol import Span


class Program(Node):
    """A node whose handlers can ask on whose behalf they run."""

    context: Span | None = None
    """The span under way; None where no layer traces, or nothing is done for any request.

    A program that puts work aside keeps its context with it, and restores it when it goes on.
    """


class Layer(Program):
    """A layer: unpacks what comes, and hands it to the program beneath."""

    def dispatch(self, value: Any, *extra: Any) -> None:
        """Call the program's handler for ``value`` (a message and its sender, or a timer)."""
        handler, count = self.handlers[type(value)]
        getattr(self, handler)(*(value, *extra)[:count])
