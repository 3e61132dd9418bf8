"""What a node draws from ``random`` or reads off a clock, where every possibility counts.

Theory. A search must see every value that a draw can have, so a draw is a *choice*: the handler is run once for each
alternative (:class:`Choices` is the odometer). A draw among too many values, and what a node's clock shows (``now``),
is an :class:`Unknown`: a number that is only known to lie between two others. A program may add to it, log it, and wait
that long; nothing else. So a time-out drawn from 200 to 400 ms is one case and not 200,000, and a program that would
decide by such a number, keep it or send it is told so.

A reading of the steady clock is different: programs keep it, to know later how long ago something was. What
``monotonic()`` returns is an :class:`Instant`. One is as good as any other, so all of them are one value of the state;
and which of two comes first is a choice between both answers, each time it is asked. So a program is explored as if it
knew nothing of how long anything takes: more can happen than in any world with clocks, and what never goes wrong here
does not go wrong there. No randomness lives here.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar, NoReturn

from distlab.explore.errors import CannotExplore
from distlab.faults import FEW

LATER, EARLIER = -1, -2
"""How two instants compare, among a handler's draws."""


class Choices:
    """One way through the choices of a handler, and what comes next: ``draws`` counts up like an odometer."""

    def __init__(self, script: Sequence[int] = ()) -> None:
        self._script = script
        self.draws: list[int] = []
        self._of: list[int] = []

    def among(self, count: int) -> int:
        """The next choice: 0 to ``count - 1``."""
        at = len(self.draws)
        chosen = self._script[at] if at < len(self._script) else 0
        self.draws.append(chosen)
        self._of.append(count)
        return chosen

    def comes_first(self) -> bool:
        """Which of two instants does: the same as a choice of two, but noted as -1 (no) or -2 (yes)."""
        at = len(self.draws)
        chosen = self._script[at] if at < len(self._script) else LATER
        self.draws.append(chosen)
        self._of.append(0)
        return chosen == EARLIER

    def following(self) -> list[int] | None:
        """The script of the next way through; None if this was the last."""
        for at in range(len(self.draws) - 1, -1, -1):
            drawn = self.draws[at]
            if drawn == LATER:
                return [*self.draws[:at], EARLIER]
            if 0 <= drawn < self._of[at] - 1:
                return [*self.draws[:at], drawn + 1]
        return None


class Chance(Random):
    """A node's ``random`` in the explorer."""

    def __init__(self, choices: Choices) -> None:
        super().__init__(0)
        self._choices = choices

    def _randbelow(self, n: int) -> Any:
        # What randrange, randint, choice, shuffle and sample all draw from.
        if n <= FEW:
            return self._choices.among(n)
        return Unknown(0, n - 1, f"a draw among {n:,} values (at most {FEW} are tried)")

    def random(self) -> Any:
        return Unknown(0.0, 1.0, "random.random()")

    def getrandbits(self, k: int, /) -> Any:
        return self._randbelow(1 << k)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to seed."""


class Instant(int):
    """What ``monotonic()`` says, and what is computed from that. Equal to each other; which one is less is a choice."""

    choices: ClassVar[Choices | None] = None
    """Those of the handler that runs now."""

    def __new__(cls) -> Instant:
        return super().__new__(cls, 1 << 80)  # a number that no program has

    def _moved(self, other: Any) -> Any:
        return Instant() if isinstance(other, int | float) else NotImplemented

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _moved
    __floordiv__ = __truediv__ = __mod__ = _moved

    def __neg__(self) -> Instant:
        return self

    def _comes_first(self, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        if Instant.choices is None:
            raise CannotExplore("a predicate compares times; the explorer knows none")
        return Instant.choices.comes_first()

    __lt__ = __le__ = __gt__ = __ge__ = _comes_first

    def _refuse(self) -> NoReturn:
        raise CannotExplore("monotonic() is turned into a number; the explorer knows none")

    __int__ = __float__ = __trunc__ = __round__ = _refuse  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<some time>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


class Unknown:
    """A number between ``least`` and ``greatest``. Whoever wants to know more is refused."""

    __slots__ = ("greatest", "least", "what")

    def __init__(self, least: float, greatest: float, what: str) -> None:
        self.least = least
        self.greatest = greatest
        self.what = what

    def __add__(self, other: Any) -> Unknown:
        low, high = _range(other)
        return Unknown(self.least + low, self.greatest + high, self.what)

    __radd__ = __add__

    def __neg__(self) -> Unknown:
        return Unknown(-self.greatest, -self.least, self.what)

    def __sub__(self, other: Any) -> Unknown:
        low, high = _range(other)
        return Unknown(self.least - high, self.greatest - low, self.what)

    def __rsub__(self, other: Any) -> Unknown:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Unknown:
        corners = [a * b for a in (self.least, self.greatest) for b in _range(other)]
        return Unknown(min(corners), max(corners), self.what)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Unknown:
        return Unknown(self.least // other, self.greatest // other, self.what)

    def __int__(self) -> Any:
        self._refuse("turned into a number")

    def __trunc__(self) -> Any:
        self._refuse("turned into a number")

    def __float__(self) -> Any:
        self._refuse("turned into a number")

    def __index__(self) -> int:
        return self._refuse("used as an index")

    def __bool__(self) -> bool:
        return self._refuse("used as a condition")

    def __hash__(self) -> int:
        return self._refuse("hashed")

    def __eq__(self, other: object) -> Any:
        self._refuse("compared")

    def __lt__(self, other: object) -> Any:
        self._refuse("compared")

    __le__ = __gt__ = __ge__ = __lt__

    def __mod__(self, other: object) -> Any:
        self._refuse("taken modulo something")

    def __repr__(self) -> str:
        return f"<{self.what}>"

    def _refuse(self, done: str) -> NoReturn:
        raise CannotExplore(
            f"{self.what} is {done}. The explorer does not know such a number; a program may add to it and wait that "
            "long (set_timer). Draw from fewer values, or explore the part that does not depend on it"
        )


def _range(value: Any) -> tuple[Any, Any]:
    return (value.least, value.greatest) if isinstance(value, Unknown) else (value, value)
