"""A member's place in a run: incarnations come and go in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from distlab.core.cluster import Member
from distlab.core.values import Address
from distlab.faults import AnyAction, JumpClock
from distlab.live import control as say
from distlab.live.children import Child


class Failure(NamedTuple):
    """An error of the program, or of ours, that ended a process."""

    address: Address
    incarnation: int
    reason: str
    """The exception's class and text."""
    report: str
    """Several lines for a person."""
    error: str
    """The exception's class."""


class Seat:
    """A member's place."""

    def __init__(self, address: Address, member: Member, number: int) -> None:
        self.address = address
        self.member = member
        self.number = number
        self.incarnation = -1
        self.child: Child | None = None
        """The newest incarnation, if it is alive."""
        self.is_up = False
        """It was told to begin, and has not ended."""
        self.is_wanted = False
        """To be started again once it is gone."""
        self.has_failed = False
        """By an error of the program: starting it again would only fail again."""
        self.endpoint = ""
        self.old: dict[int, Child] = {}
        """Older incarnations that live on beside it."""
        self.overlap: Callable[[], None] = lambda: None
        """To be done when the newest has begun: sees to the end of the one before it."""
        self.standing: list[AnyAction] = []
        """What is wrong with the machine, and outlives a process."""
        self.figures = say.Figures()

    def say(self, word: say.Word) -> None:
        """To the newest incarnation, if it has begun."""
        if self.child is not None and self.is_up:
            self.child.say(word)

    def suffer(self, action: AnyAction) -> None:
        """Something goes wrong with the machine, until :meth:`recover`."""
        self.standing.append(action)
        self.say(say.Suffer(action))

    def recover(self, action: AnyAction) -> None:
        """It ends; of faults of a kind that overlap, the last to strike counts."""
        if action in self.standing:
            self.standing.remove(action)
            others = [other for other in self.standing if type(other) is type(action)]
            self.say(say.Suffer(others[-1]) if others else say.Suffer(action, over=True))

    def mend(self) -> None:
        """The plan heals; only a clock that was moved stays as it is."""
        self.standing = [action for action in self.standing if isinstance(action, JumpClock)]
