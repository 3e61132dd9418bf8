"""What lab 0 promises, part by part: sentences, and the judges that hold runs against them.

Judges see messages, calls and outcomes, logs, and the servers' probes; never a node's private state. They know classes
by name, since each submission is loaded with its own copy of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distlab.core import Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind


def is_a(value: Any, *names: str) -> bool:
    """Whether the value's class is called so."""
    return type(value).__name__ in names


def messages(run: Run, kind: str, *names: str) -> Iterator[Event]:
    """The sends or deliveries of these classes of message, in order."""
    return (event for event in run.trace.of(kind) if is_a(event.what, *names))


def role(run: Run, node: str) -> str:
    """What the node is: client, front, server. Empty for what is no node (a healing network)."""
    return run.cluster.role(Address(node)) if node in run.cluster.members else ""


def inner(message: Any) -> Any:
    """What a layer's message wraps; a plain message itself."""
    return message.message if is_a(message, "Traced", "Stamped") else message


def named(message: Any) -> str:
    """``Call 3 of c0``; the life is said where it is not the first one."""
    id_ = message.id
    life = f", life {id_.incarnation}" if id_.incarnation > 1 else ""
    return f"{type(message).__name__} {id_.number} of {id_.client}{life}"


def dropped(run: Run) -> bool:
    """Some message was lost on its way."""
    return any(run.trace.of(Kind.DROP))
