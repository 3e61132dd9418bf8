"""What a master remembers: data only, given, so that the parts of the reference fit together.

A task is *idle* when it is not over and nobody works on it, *in progress* while some attempt of it
runs, *completed* once one attempt has been accepted (§3.2). A completed map task becomes idle again
when its output is lost. You need not use these if your own master remembers otherwise; all parts of
one master must agree, though.
"""

from __future__ import annotations

from msgspec import Struct, field

from distlab.core import Address
from labs.lab1_mapreduce.protocol import Attempt, Counters, JobSpec, Phase, Split


class Running(Struct):
    """An attempt in progress."""

    worker: Address
    since: int
    """When it was ordered, by the master's steady clock."""


class Accepted(Struct, frozen=True):
    """The attempt that counts for a task."""

    attempt: Attempt
    holder: Address
    """Who ran it. On its disk lies the output of a map attempt; a reduce attempt's is in the store."""
    sizes: tuple[int, ...] = ()
    """Of a map attempt: bytes in each partition."""


class Task(Struct):
    """One task and all its attempts."""

    phase: Phase
    index: int
    split: Split | None = None
    """What a map task reads."""
    running: dict[Attempt, Running] = field(default_factory=dict)
    accepted: Accepted | None = None
    counters: Counters | None = None
    """Of the attempt accepted last: they count even when its output has been lost since. None before that."""
    lost: set[Attempt] = field(default_factory=set)
    """Attempts that were accepted once, and whose output is lost."""
    took: int | None = None
    """How long the accepted attempt ran, if this epoch of the master saw it begin."""
    failures: int = 0
    """Attempts that died since a record was last skipped."""
    careful: bool = False
    """Whether further attempts report each record."""
    blamed: dict[int, int] = field(default_factory=dict)
    """Record -> how many attempts died of it."""
    skip: tuple[int, ...] = ()
    """Records that are left out."""

    @property
    def is_idle(self) -> bool:
        return self.accepted is None and not self.running


class JobTable(Struct):
    """One job that is not over."""

    spec: JobSpec
    maps: list[Task]
    reduces: list[Task]
    client: Address | None = None
    """Whom to tell how it ended."""

    @property
    def tasks(self) -> list[Task]:
        return self.maps + self.reduces

    def task(self, attempt: Attempt) -> Task:
        """The task that this is an attempt of."""
        return (self.maps if attempt.phase == "map" else self.reduces)[attempt.task]

    @property
    def maps_are_over(self) -> bool:
        return all(task.accepted is not None for task in self.maps)

    @property
    def reduces_are_over(self) -> bool:
        return all(task.accepted is not None for task in self.reduces)

    @property
    def is_complete(self) -> bool:
        """Whether all outputs are there, and all counters known: a successor finds outputs, and no counters."""
        return self.reduces_are_over and all(task.counters is not None for task in self.maps)
