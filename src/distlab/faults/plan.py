"""A fault plan: what goes wrong in one run, and when. A value: saved as JSON, replayed on any machine.

Triggers are keyed so that taking one fault or one operation out of a run moves as little as possible of the rest: a
message is counted on its own link, never in the run as a whole.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.faults.actions import MESSAGE_ACTIONS, AnyAction, Delay


class At(Struct, frozen=True, tag=True):
    """At a time, in microseconds from the start."""

    time: int


class Nth(Struct, frozen=True, tag=True):
    """The ``n``-th message (from 1) that ``source`` sends to ``to``: of one class where ``message`` names it."""

    source: str
    to: str
    n: int
    message: str = ""


class Doing(Struct, frozen=True, tag=True):
    """When a node does something for the ``n``-th time: the fault strikes right before that effect takes place.

    ``verb`` is ``start``, ``send``, ``sync``, ``job``, ``store`` or ``finish``; ``what`` narrows it to one class of
    message, job or outcome, or to one file or key (a prefix). A sync of several paths counts once for each. ``node``
    is an address or a role.
    """

    node: str
    verb: str
    what: str = ""
    n: int = 1


Trigger = At | Nth | Doing

_LEAST = {
    "duration": 0,
    "restart_after": 0,
    "after": 0,
    "cost": 0,
    "factor": 1,
    "bit": 0,
    "file": 0,
}
"""What a field of an action may be at least: nothing happens before it was caused."""

VERBS = frozenset(("start", "send", "sync", "job", "store", "finish"))


class Fault(Struct, frozen=True):
    """One thing that goes wrong, and when."""

    when: Trigger
    do: AnyAction


class Plan(Struct, frozen=True):
    """What goes wrong in one run."""

    faults: tuple[Fault, ...] = ()
    heal_at: int | None = None
    """When everything that is still wrong is mended: links open, nodes up, disks well, noise without losses."""

    @staticmethod
    def of(*faults: tuple[Trigger, AnyAction], heal_at: int | None = None) -> Plan:
        """A plan from pairs of when, and what."""
        return Plan(tuple(Fault(when, do) for when, do in faults), heal_at)

    def check(self) -> None:
        """Raise ``ScenarioError`` for what no world could carry out."""
        for fault in self.faults:
            if isinstance(fault.do, MESSAGE_ACTIONS) != isinstance(fault.when, Nth):
                raise ScenarioError(
                    f"{fault}: a message fault needs an Nth trigger, and nothing else may have one"
                )
            if isinstance(fault.when, Doing) and fault.when.verb not in VERBS:
                raise ScenarioError(f"{fault}: {fault.when.verb!r} is none of {sorted(VERBS)}")
            if isinstance(fault.when, (Nth, Doing)) and fault.when.n < 1:
                raise ScenarioError(f"{fault}: occurrences are counted from 1")
            if isinstance(fault.when, At) and fault.when.time < 0:
                raise ScenarioError(f"{fault}: time begins at 0")
            for name, least in _LEAST.items():
                value = getattr(fault.do, name, None)
                if value is not None and value < least:
                    raise ScenarioError(f"{fault}: {name} is at least {least}")
            if isinstance(fault.do, Delay) and fault.do.by < 0:
                raise ScenarioError(f"{fault}: nothing arrives before it was sent")
        if self.heal_at is not None and self.heal_at < 0:
            raise ScenarioError(f"heal_at={self.heal_at}: time begins at 0")

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def from_json(text: bytes | str) -> Plan:
        """Raises ``ScenarioError`` saying where the text is not a plan."""
        try:
            plan = msgspec.json.decode(text, type=Plan)
        except msgspec.DecodeError as error:
            raise ScenarioError(f"not a fault plan: {error}") from None
        plan.check()
        return plan
