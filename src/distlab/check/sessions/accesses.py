"""Single reads and writes of registers, by client: what :mod:`distlab.check.sessions` judges.

Writes that failed are left out, and reads that were not answered.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from msgspec import Struct

from distlab.check.history import Entry, History
from distlab.check.transactions import Read, Write, steps_of, well_formed
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok


class Access(Struct, frozen=True):
    """One operation that counts."""

    entry: Entry
    kind: str
    """read or write"""
    key: Hashable
    value: Any
    acknowledged: bool

    def __str__(self) -> str:
        verb = "read" if self.kind == "read" else "wrote"
        what = "nothing" if self.value is None else repr(self.value)
        return f"{self.entry.client} {verb} {what} {'of' if verb == 'read' else 'to'} {self.key!r}"


class Accesses:
    """The reads and writes of a history, by client, and which write each read names."""

    def __init__(self, history: History) -> None:
        well_formed(history)
        self.ops: list[Access] = []
        self.writer: dict[tuple[Hashable, Any], int] = {}
        self.out_of_thin_air: tuple[str, tuple[Entry, ...]] | None = None
        """The first read of what was never written: why, and the operations that show it."""
        failed: dict[tuple[Hashable, Any], Entry] = {}
        for entry in history:
            self._add(entry, failed)
        self.source: dict[int, int] = {}
        """Read -> the write that it answers with; a read of nothing has none."""
        for index, op in enumerate(self.ops):
            if op.kind == "read" and op.value is not None:
                place = (op.key, op.value)
                if place in self.writer:
                    self.source[index] = self.writer[place]
                elif self.out_of_thin_air is None:
                    lost = failed.get(place)
                    why = (
                        f", which {lost.client} had failed to write"
                        if lost
                        else ", which nobody wrote"
                    )
                    who = (lost, op.entry) if lost else (op.entry,)
                    self.out_of_thin_air = (f"{op}{why}", who)
        self.clients: dict[str, list[int]] = {}
        for index, op in enumerate(self.ops):
            self.clients.setdefault(op.entry.client, []).append(index)

    def _add(self, entry: Entry, failed: dict[tuple[Hashable, Any], Entry]) -> None:
        steps = steps_of(entry)
        if len(steps) != 1 or not isinstance(steps[0], Read | Write):
            raise ScenarioError(
                f"operation {entry.ticket} is not one read or one write of a register"
            )
        step = steps[0]
        ok = isinstance(entry.outcome, Ok)
        try:
            place = (step.key, step.value)
            if isinstance(step, Read):
                hash(place)
                if ok:
                    self.ops.append(Access(entry, "read", step.key, step.value, True))
                return
            if step.value is None:
                raise ScenarioError("None is what was never written; it cannot be written")
            if place in self.writer or place in failed:
                raise ScenarioError(
                    f"value {step.value!r} of key {step.key!r} is written twice; each must be written once"
                )
        except TypeError:
            raise ScenarioError(
                f"operation {entry.ticket} has a key or value that cannot be compared: {step!r}"
            ) from None
        if isinstance(entry.outcome, Fail):
            failed[place] = entry
        else:
            self.writer[place] = len(self.ops)
            self.ops.append(Access(entry, "write", step.key, step.value, ok))
