"""The outside's hold on the process of the inside: starts it, takes turns with it, watches it, ends it.

No request has a meaning here. What is heard is well formed or the process is lost; a silence is measured in what the
process burns, which does not depend on how busy the machine is, and in time, for those that only wait.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from distlab.core.errors import HarnessBug
from distlab.grade.guard import RUN_LIMIT
from distlab.grade.perform import frame_at
from distlab.grade.result import Frame
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.channel import Channel, Closed, Nonsense
from distlab.grade.sealed.errors import Hung, IsolationBroken
from distlab.grade.sealed.spawn import Child, Nursery

SILENCE_LIMIT = 60.0
"""Seconds of wall time without a word after which the inside is taken to wait for something that never comes."""

SILENCE_AGAIN = 2.0
"""The same for a program that has been found waiting once."""

LAST_WORDS = 1.0
"""Seconds that it has for saying where it stands."""

RUN_BYTES = 1 << 26
"""What the inside may say in one run."""

RUN_WORDS = 4_000_000
"""How often it may say something in one run."""

LOOK_EVERY = 512
"""Words between two looks at what the inside has burnt, however quickly it answers."""


class Link:
    """To one process at a time."""

    def __init__(self, folders: Sequence[str], nursery: Nursery | None = None) -> None:
        self._nursery = nursery
        self._folders = [Path(folder) for folder in folders]
        """Where the student's code stands."""
        self.child: Child | None = None
        self.channel: Channel[fr.Said] | None = None
        self.is_lost = False
        """This process must not be used any more."""
        self.is_in_flight = False
        """Whether it is the inside's turn."""
        self._was_silent = False
        self.words = 0
        """Heard from this process."""
        self._limit = RUN_LIMIT
        self._burnt_before = 0.0
        self._bytes_before = 0
        self._words_before = 0
        self._heard_last = 0.0

    def open(self) -> None:
        """Start a process."""
        try:
            self.child = Child(self._nursery)
        except Closed:
            raise HarnessBug("the process for sealed grading did not start") from None
        self.channel = Channel(self.child.socket, fr.Said, self.waiting)
        self.words = 0
        self.measure(self._limit)

    def measure(self, limit: float) -> None:
        """From now on, the process may burn ``limit`` seconds more, and say as much as a run may."""
        self._limit = limit
        if self.child is not None and self.channel is not None:
            self._heard_last = time.monotonic()
            self._bytes_before, self._words_before = self.channel.received, self.words
            with contextlib.suppress(Closed):
                self._burnt_before = self.child.processor_seconds()

    def kill(self) -> None:
        """End the process. It is lost, if it was there."""
        self.is_lost = True
        if self.child is not None:
            self.child.kill()

    def forget(self) -> None:
        """End the process; there may be another one."""
        self.kill()
        self.child = self.channel = None
        self.is_lost = self.is_in_flight = False

    # -- turns --------------------------------------------------------------------------------------------------------

    def say(self, frame: fr.Frame) -> None:
        """Hand the turn to the inside."""
        assert self.channel is not None
        self._heard_last = time.monotonic()
        self.is_in_flight = True
        try:
            self.channel.send(frame)
        except Closed:
            self._lose_who_ended()

    def hear(self) -> fr.Said:
        """The inside's next word."""
        assert self.channel is not None
        self.words += 1
        if self.words % LOOK_EVERY == 0:
            self._look()
        try:
            said = self.channel.receive()
        except Closed:
            self._lose_who_ended()
        except MemoryError:
            self.lose("the program says more at once than there is memory for")
        except Nonsense as error:
            self.lose(f"the program's process sent what makes no sense: {error}")
        self.is_in_flight = False
        return said

    def _lose_who_ended(self) -> NoReturn:
        how = self.child.how_it_ended() if self.child is not None else ""
        self.lose(f"the program ended its own process ({how})")

    def lose(self, why: str) -> NoReturn:
        """The inside did what no program can do."""
        self.is_lost = True
        raise IsolationBroken(f"isolation: {why}")

    # -- watching -----------------------------------------------------------------------------------------------------

    def waiting(self) -> None:
        """Nothing has been heard for a moment."""
        assert self.child is not None
        self._look()
        patience = SILENCE_AGAIN if self._was_silent else SILENCE_LIMIT
        if time.monotonic() - self._heard_last > patience and self.child.is_waiting():
            self._was_silent = True
            self.give_up()

    def _look(self) -> None:
        assert self.child is not None
        assert self.channel is not None
        with contextlib.suppress(Closed):  # then the next word will not come
            if self.child.processor_seconds() - self._burnt_before > self._limit:
                self.give_up()
        said = self.channel.received - self._bytes_before
        if said > RUN_BYTES or self.words - self._words_before > RUN_WORDS:
            self.lose("the program says more in one run than any program needs")

    def give_up(self) -> NoReturn:
        """The inside does not return: ask where it stands, and end it."""
        assert self.child is not None
        assert self.channel is not None
        self.is_lost = True
        child, until = self.child, time.monotonic() + LAST_WORDS

        def waiting() -> None:
            if time.monotonic() > until:
                raise Closed
            child.ask_where_it_stands()  # again: it may have been too deep in recursion to answer

        self.channel.waiting = waiting
        child.ask_where_it_stands()
        hung = Hung()
        for said in self.channel.rest():
            if isinstance(said.word, fr.Hung):
                hung.frames = self.frames(said.word.places)
        raise hung

    # -- the student's lines ------------------------------------------------------------------------------------------

    def frames(self, places: tuple[fr.Place, ...]) -> tuple[Frame, ...]:
        """The student's frames. What does not stand in the student's folders is left out."""
        return tuple(frame_at(*line) for line in self.lines(places))

    def lines(self, places: tuple[fr.Place, ...]) -> tuple[tuple[str, int, str], ...]:
        """The same as file, line and function."""
        found = []
        for place in places[-50:]:
            file = Path(place.file)
            theirs = any(file.is_relative_to(folder) for folder in self._folders)
            if theirs and ".." not in file.parts:
                found.append((place.file, place.line, place.function[:200]))
        return tuple(found)
