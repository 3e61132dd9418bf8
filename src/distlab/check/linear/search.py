"""The general judge: a search for an order, operation by operation, within a budget of steps.

Theory of operation. Deciding linearizability is NP-complete in general (Gibbons and Korach 1997), so this may take too
long; it then says so. It is depth-first *just-in-time linearization* (Lowe, Testing for linearizability, 2017), with
the memory of Wing and Gong's search (1993). Time goes from return to return. A *configuration* is the state of the
object, the operations in progress that have taken effect already, and the open operations that have. At a return, the
operation that returns must have taken effect; if it has not, it does so now, perhaps after others that are in progress.

Four things keep it small:

* what only observes takes effect as soon as its answer fits: it disturbs nobody;
* a configuration that was seen is not tried again; neither is one that has used more of the open operations than
  another which is otherwise equal (*dominance*: open operations need never happen, so unused ones only add choices);
* of open operations that are equal, the one called first goes first;
* states and (operation, answer) pairs are interned, and each transition is computed once.

Steps are counted, not seconds, so that a verdict is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Hashable

from distlab.check.linear.model import Model
from distlab.check.linear.parts import NEVER, Part, answer_of

Path = tuple[int, "Path"] | None
"""Operations in the order in which they took effect, the last one first."""


class Search:
    """One search over one part, which can be interrupted and continued."""

    def __init__(self, part: Part, model: Model) -> None:
        self.part, self.model = part, model
        self.steps = 0
        """Transitions tried so far."""
        self.is_linearizable: bool | None = None
        """None while it is not decided."""
        self.reached = 0
        """Returns that the best order so far gets past."""
        self._longest: Path = None
        self._states: list[Hashable] = []
        self._state_ids: dict[Hashable, int] = {}
        self._moves: dict[tuple[int, int], tuple[int, ...]] = {}
        self._kinds: list[int] = []
        self._observes: list[bool] = []
        self._name_kinds()
        self._bit: list[int] = [0] * len(part)
        """Of a returning operation its place in the mask of those in progress; of an open one in that of open ones."""
        self._returns: list[int] = []
        """The operations that returned, in that order."""
        self._progressing: list[tuple[int, ...]] = []
        """At each of these returns, the returning operations in progress: the one that returns next comes first."""
        self._open: list[int] = []
        """The open operations that could change something, in the order of their calls."""
        self._opened: list[int] = []
        """At each of these returns, how many of them had been called before."""
        self._lay_out()
        self._seen: dict[tuple[int, int, int], list[int]] = {}
        self._stack: list[tuple[int, int, int, int, Path]] = [
            (0, self._intern(model.initial), 0, 0, None)
        ]

    @property
    def order(self) -> list[int]:
        """The longest order that was found: all that returned, if there is one for all of them."""
        found, path = [], self._longest
        while path is not None:
            operation, path = path
            found.append(operation)
        return found[::-1]

    @property
    def stuck_at(self) -> int | None:
        """The operation whose return no order gets past; None if there is an order."""
        return self._returns[self.reached] if self.reached < len(self._returns) else None

    # ------------------------------------------------------------ layout

    def _name_kinds(self) -> None:
        """Equal operations with equal answers have one number."""
        numbers: dict[Hashable, int] = {}
        for i, entry in enumerate(self.part.entries):
            answer = answer_of(entry)
            said = tuple(answer) if isinstance(answer, list) else answer
            kind: Hashable = (type(said), entry.operation, said)
            try:
                self._kinds.append(numbers.setdefault(kind, len(numbers)))
            except TypeError:  # an answer that cannot be hashed stands for itself
                self._kinds.append(numbers.setdefault(("alone", i), len(numbers)))
            self._observes.append(self.model.observes(entry.operation, answer))

    def _lay_out(self) -> None:
        called, returned = self.part.called, self.part.returned
        # At equal times calls come first: such intervals overlap.
        events = [(called[i], 0, i) for i in range(len(self.part))]
        events += [(returned[i], 1, i) for i in range(len(self.part)) if returned[i] != NEVER]
        events.sort()
        free: list[int] = []
        places = 0
        running: set[int] = set()
        for _, is_return, i in events:
            if is_return:
                self._returns.append(i)
                self._progressing.append(tuple(sorted(running, key=returned.__getitem__)))
                self._opened.append(len(self._open))
                running.remove(i)
                free.append(self._bit[i])
            elif returned[i] == NEVER:
                if not self._observes[i]:
                    self._bit[i] = 1 << len(self._open)
                    self._open.append(i)
            else:
                if not free:
                    free.append(1 << places)
                    places += 1
                self._bit[i] = free.pop()
                running.add(i)

    # ------------------------------------------------------------ search

    def run(self, steps: int) -> bool | None:
        """Go on for about so many steps. True: an order exists; False: none does; None: not decided yet."""
        until = self.steps + steps
        stack, returns = self._stack, self._returns
        while stack:
            if self.steps >= until:
                return None
            position, state, done, used, path = stack.pop()
            self.steps += 1
            # Past every return whose operation has taken effect.
            while position < len(returns) and done & self._bit[returns[position]]:
                done &= ~self._bit[returns[position]]
                position += 1
            if position > self.reached or self._longest is None:
                self.reached, self._longest = position, path
            if position == len(returns):
                self.is_linearizable = True
                self._longest = path
                return True
            done, path, moved = self._observe(position, state, done, path)
            if moved:
                stack.append((position, state, done, used, path))
                continue
            if self._is_known(position, state, done, used):
                continue
            self._branch(position, state, done, used, path)
        self.is_linearizable = False
        return False

    def _observe(self, position: int, state: int, done: int, path: Path) -> tuple[int, Path, bool]:
        """Let every observation in progress take effect that fits this state. Whether the next to return did."""
        for i in self._progressing[position]:
            if (
                self._observes[i]
                and not done & self._bit[i]
                and state in self._next_states(state, i)
            ):
                done |= self._bit[i]
                path = (i, path)
        return done, path, bool(done & self._bit[self._returns[position]])

    def _is_known(self, position: int, state: int, done: int, used: int) -> bool:
        """Whether an equal or better configuration was seen; if not, this one is from now on."""
        seen = self._seen.setdefault((position, state, done), [])
        if any(better & ~used == 0 for better in seen):
            return True
        seen[:] = [worse for worse in seen if used & ~worse]
        seen.append(used)
        return False

    def _branch(self, position: int, state: int, done: int, used: int, path: Path) -> None:
        """Every operation that may take effect next; what is pushed last is tried first."""
        stack = self._stack
        tried: set[int] = set()
        for i in self._open[: self._opened[position]]:
            if not used & self._bit[i] and self._kinds[i] not in tried:
                tried.add(self._kinds[i])
                for after in self._next_states(state, i):
                    if after != state:
                        stack.append((position, after, done, used | self._bit[i], (i, path)))
        for i in reversed(self._progressing[position]):
            if not done & self._bit[i]:
                for after in self._next_states(state, i):
                    stack.append((position, after, done | self._bit[i], used, (i, path)))

    def _next_states(self, state: int, operation: int) -> tuple[int, ...]:
        self.steps += 1
        move = (state, self._kinds[operation])
        known = self._moves.get(move)
        if known is None:
            entry = self.part.entries[operation]
            after = self.model.step(self._states[state], entry.operation, answer_of(entry))
            known = self._moves[move] = tuple(map(self._intern, after))
        return known

    def _intern(self, state: Hashable) -> int:
        number = self._state_ids.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number
