"""Chains of versions, and whether their zones leave room for each other: near-linear, for unique values.

Theory of operation. Where every written value is unique, each read names the write that it saw (Gibbons and Korach,
SIAM J. Comput. 1997: checking with a read mapping). Operations on one object then fall into *versions*: a write and the
reads of its value. An atomic read-modify-write consumes one version and makes the next: nothing can come between the
two, so versions form *chains*.

1. In a chain the order is fixed up to what is free anyway: writer 0, readers 0, writer 1, readers 1, ... The chain is
   sound in itself if and only if no operation returned before one at an earlier position was called.
2. Let *first* be the least return in a chain and *last* the greatest call. If first < last, the chain is current from
   first to last without interruption: a *forward zone*. Otherwise all its operations overlap in [last, first], and the
   whole chain fits into one instant there: a *backward zone*. (The names as in Golab, Li and Shah, PODC 2011; chains
   in the place of single writes are our extension, held against a plain search in ``tests/check``.)
3. The object is linearizable if and only if no two forward zones overlap, and no backward zone lies strictly inside a
   forward one. Any order of a forward chain can be squeezed into its zone, since every operation of it meets the zone;
   a backward chain goes to an instant that no forward zone covers.

The first value is a version that was written before all time. An open write counts only if somebody saw its value, and
so does an open read-modify-write, with all that it is built upon.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from distlab.check.history import Entry
from distlab.check.linear.conflict import Conflict, Decision, Quick
from distlab.check.linear.parts import BEFORE, NEVER, Part
from distlab.check.linear.words import said

NOBODY = -1
"""In the place of an operation: the first value's writer, or no reader."""

OUT_OF_ORDER: Final = NEVER + 1

Wording = Callable[[Entry | None, Entry, Entry, Entry], str]


class Chains:
    """The versions of one object, numbered as they are added; each column has one place for each version."""

    __slots__ = (
        "_grounded",
        "following",
        "part",
        "preceding",
        "read_called",
        "read_called_by",
        "read_returned",
        "read_returned_by",
        "wanted",
        "write_called",
        "write_returned",
        "writer",
    )

    def __init__(self, part: Part, *, with_first_value: bool = True) -> None:
        self.part = part
        self.writer: list[int] = []
        """Which operation wrote it."""
        self.write_called: list[int] = []
        self.write_returned: list[int] = []
        self.read_returned: list[int] = []
        """The least return among its readers, and whose that is."""
        self.read_returned_by: list[int] = []
        self.read_called: list[int] = []
        """The greatest call among its readers, and whose that is."""
        self.read_called_by: list[int] = []
        self.following: dict[int, int] = {}
        """Version -> the one that was made of it."""
        self.preceding: dict[int, int] = {}
        self.wanted: list[bool] = []
        """Whether it certainly exists: its writer returned, or somebody saw it. What is not wanted is left out."""
        self._grounded: set[int] = set()
        if with_first_value:
            self._add(NOBODY, BEFORE, BEFORE)
            self.wanted[0] = False  # unless somebody reads it, or builds upon it

    def add(self, writer: int) -> int:
        """A version that this operation wrote; returns its number."""
        return self._add(writer, self.part.called[writer], self.part.returned[writer])

    def _add(self, writer: int, called: int, returned: int) -> int:
        self.writer.append(writer)
        self.write_called.append(called)
        self.write_returned.append(returned)
        self.read_returned.append(NEVER)
        self.read_returned_by.append(NOBODY)
        self.read_called.append(BEFORE)
        self.read_called_by.append(NOBODY)
        self.wanted.append(returned != NEVER)
        return len(self.writer) - 1

    def read(self, version: int, reader: int) -> None:
        """This operation saw this version."""
        called, returned = self.part.called[reader], self.part.returned[reader]
        if returned < self.read_returned[version]:
            self.read_returned[version], self.read_returned_by[version] = returned, reader
        if called > self.read_called[version]:
            self.read_called[version], self.read_called_by[version] = called, reader
        self.wanted[version] = True

    def want(self, version: int | None) -> None:
        """It exists, and so does all that it is built upon."""
        while version is not None and version not in self._grounded:
            self._grounded.add(version)
            self.wanted[version] = True
            version = self.preceding.get(version)

    # ------------------------------------------------------------ judgement

    def judge(self, wording: Wording | None = None) -> Decision:
        """Whether all chains together have an order."""
        forward: list[tuple[int, int, int]] = []
        backward: list[tuple[int, int, int]] = []
        following, preceding = self.following, self.preceding
        columns = zip(
            self.wanted,
            self.write_called,
            self.write_returned,
            self.read_called,
            self.read_returned,
            strict=True,
        )
        for start, (wanted, called, returned, read_called, read_returned) in enumerate(columns):
            if not wanted or start in preceding:
                continue
            if start in following:
                first, last = self._along(start)
            else:
                first = read_returned if read_returned < returned else returned
                last = read_called if read_called > called else called
                if read_returned < called:
                    last = OUT_OF_ORDER
            if last == OUT_OF_ORDER:
                return self._out_of_order(start)
            if first < last:
                forward.append((first, last, start))
            else:
                backward.append((last, first, start))
        return self._room(forward, backward, wording or stale)

    def _along(self, start: int) -> tuple[int, int]:
        """Walk a chain: its least return and its greatest call; or :data:`OUT_OF_ORDER` in place of the call."""
        first, latest = NEVER, BEFORE
        version: int | None = start
        while version is not None:
            for called, returned in (
                (self.write_called[version], self.write_returned[version]),
                (self.read_called[version], self.read_returned[version]),
            ):
                if returned < latest:
                    return first, OUT_OF_ORDER
                if returned < first:
                    first = returned
                if called > latest:
                    latest = called
            version = self.following.get(version)
        return first, latest

    def _room(
        self,
        forward: list[tuple[int, int, int]],
        backward: list[tuple[int, int, int]],
        wording: Wording,
    ) -> Decision:
        forward.sort()
        for (_, last, one), (first, _, other) in pairwise(forward):
            if first < last:
                return self._overlap(one, other, wording)
        starts = [first for first, _, _ in forward]
        ends = [last for _, last, _ in forward]
        for last, first, chain in backward:
            around = bisect_left(starts, last) - 1
            if around >= 0 and first < ends[around]:
                return self._overlap(forward[around][2], chain, wording)
        return Quick.ORDERED

    # ------------------------------------------------------------ evidence

    def _out_of_order(self, start: int) -> Conflict:
        """The first operation of a chain that returned before an earlier one was called, and that one."""
        before, latest = NOBODY, BEFORE
        version: int | None = start
        while version is not None:
            writer = self.writer[version]
            if self.write_returned[version] < latest:
                return self._too_early(before, writer, NOBODY)
            if self.write_called[version] > latest:
                before, latest = writer, self.write_called[version]
            if self.read_returned[version] < latest:
                return self._too_early(before, self.read_returned_by[version], writer)
            if self.read_called[version] > latest:
                before, latest = self.read_called_by[version], self.read_called[version]
            version = self.following.get(version)
        raise AssertionError("the chain is in order")

    def _too_early(self, before: int, after: int, its_writer: int) -> Conflict:
        one, other = self.part.entries[before], self.part.entries[after]
        why = "saw its value" if before == its_writer else "is of a later state"
        return Conflict(
            f"{said(one)} was called only after {said(other)} had returned, which {why}",
            (other, one),
            expected=f"{said(one)} takes effect first",
            got=f"{said(other)} had returned before",
        )

    def _overlap(self, one: int, other: int, wording: Wording) -> Conflict:
        """``one`` is a forward chain; ``other`` has no place before it, after it or around it.

        As few operations as show it: of ``other`` one alone if it lies between the ends of ``one``; of ``one`` first
        of all who wrote.
        """
        mine, others = self._spans(one), self._spans(other)
        last = max(mine)
        other_first = min(others, key=lambda span: span[1])
        other_last = max(others)
        first = min(mine, key=lambda span: span[1])
        for span in others:
            if first[1] < span[0] and span[1] < last[0]:
                other_first = other_last = span
                break
        first = next(span for span in mine if span[1] < other_last[0])
        entries = self.part.entries
        begun = None if first[2] == NOBODY else entries[first[2]]
        inner = entries[other_first[2]], entries[other_last[2]]
        reason = wording(begun, entries[last[2]], *inner)
        seen = [entry for entry in (begun, *inner, entries[last[2]]) if entry is not None]
        return Conflict(reason, tuple({entry.ticket: entry for entry in seen}.values()))

    def _spans(self, start: int) -> list[tuple[int, int, int]]:
        """(call, return, operation) of a chain in order; of readers those at the ends."""
        spans: list[tuple[int, int, int]] = []
        called, returned = self.part.called, self.part.returned
        version: int | None = start
        while version is not None:
            writer, latest = self.writer[version], self.read_called[version]
            spans.append((self.write_called[version], self.write_returned[version], writer))
            readers = (self.read_returned_by[version], self.read_called_by[version])
            spans += [(called[i], returned[i], i) for i in readers if i != NOBODY]
            if (
                latest == NEVER
            ):  # a turn without an end lasts as if somebody called after all others
                spans.append((NEVER, NEVER, writer))
            version = self.following.get(version)
        return spans


def stale(first: Entry | None, last: Entry, other_first: Entry, other_last: Entry) -> str:
    """Why two chains have no room: something else was current in the midst of what should have lasted."""
    held = f"after {said(first)} had returned" if first is not None else "after the beginning"
    if other_first is other_last:
        return (
            f"{said(other_first)} was called {held}, and had returned before {said(last)} was called, "
            f"which cannot see past it"
        )
    return (
        f"{said(other_last)} was called {held}, and {said(other_first)} returned before {said(last)} was called: "
        f"neither of the two states can come first"
    )
