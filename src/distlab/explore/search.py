"""Breadth-first search: every world of a scope, the nearest first, so that the first violation is a shortest one.

Theory. Worlds are whole numbers (:mod:`distlab.explore.space`). One dictionary holds every world that was met and the
one it was met from; a trace is read off it backwards, and the steps are worked out anew then, since only the few worlds
of one trace need them. Layer by layer: expand all worlds of a depth, then judge what is new. So a search with a
violation has judged no world that is farther away than the one it reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from distlab.core.errors import ScenarioError
from distlab.core.values import Address
from distlab.explore.errors import CannotExplore
from distlab.explore.scope import Alarms, Finding, Result, Scope, Step
from distlab.explore.space import Move, Moves, Space
from distlab.explore.symmetry import Symmetry
from distlab.explore.transitions import TooManyRecords
from distlab.explore.world import Watch, World

BUDGET = 1_000_000
"""Worlds that a search judges, unless it is told otherwise."""

RAISES = "no handler raises an exception"
"""The invariant that every scope has."""

Progress = Callable[[int, int], None]
"""Called after each layer with (worlds, depth)."""


class _Stop(Exception):
    """The search is over."""

    def __init__(self, finding: Finding, world: int = 0, name: str = "", reason: str = "") -> None:
        super().__init__(name)
        self.finding = finding
        self.world = world
        self.name = name
        self.reason = reason


def explore(
    scope: Scope,
    *,
    budget: int = BUDGET,
    after: Result | None = None,
    progress: Progress = lambda states, depth: None,
) -> Result:
    """Search the scope. With ``after``, from the world that another search has found in the same cluster.

    The budget counts worlds, never seconds. Raises :class:`~distlab.explore.CannotExplore` for a program that is no
    function of its declared state or uses what the explorer does not model.
    """
    return Search(scope, budget, progress).run(after)


class Search:
    """One search."""

    def __init__(self, scope: Scope, budget: int, progress: Progress) -> None:
        self.scope = scope
        self.space = Space(scope)
        self.budget = budget
        self.depth = 0
        self.transitions = 0
        self.parents: dict[int, int] = {}
        """Every world that was met -> the one it was met from; the first ones -> -1."""
        self._progress = progress
        self._symmetry = Symmetry(self.space) if scope.symmetry else None
        self._tables: list[dict[int, Moves]] = [{} for _ in self.space.nodes]
        self._memo: dict[tuple[int, int], list[Move]] = {}
        self._firsts: dict[int, tuple[int, dict[Address, tuple[int, ...]]]] = {}
        """A world that the search began with -> the one that it stands for, and what was drawn at its start."""
        watch = self._watch
        self._invariants = [watch(n, p, as_invariant=True) for n, p in scope.invariants.items()]
        self._prune = watch("prune", scope.prune) if scope.prune is not None else None
        self._goal = watch("goal", scope.goal) if scope.goal is not None else None
        self._unseen = [watch(name, ask) for name, ask in scope.seen.items()]

    def _watch(self, name: str, ask: object, *, as_invariant: bool = False) -> Watch:
        return Watch(self.space, name, ask, as_invariant=as_invariant)  # type: ignore[arg-type]

    def run(self, after: Result | None = None) -> Result:
        """Search to the end of the scope or of the budget, or to what was looked for."""
        began = time.process_time()
        before = after.trace if after is not None else ()
        try:
            self._search(before)
        except _Stop as stop:
            end = stop
        except TooManyRecords as error:
            why = f"{error}: more than {self.space.nodes[0].limit:,}. {self._growth()}"
            end = _Stop(Finding.UNKNOWN, 0, "", why)
        if end.finding is Finding.EXHAUSTED:
            for node in self.space.nodes:
                node.verify()
        first, steps, world = ({}, (), 0) if not end.world else self.trace(end.world)
        reason = end.reason if self._symmetry is None else self._said_of(world, end)
        return Result(
            finding=end.finding,
            states=len(self.parents),
            depth=self.depth,
            transitions=self.transitions,
            handler_runs=sum(node.handler_runs for node in self.space.nodes),
            local_states={node.address: len(node.records) for node in self.space.nodes},
            invariant=end.name,
            reason=reason,
            draws=first if after is None else after.draws,
            trace=(*before, *steps),
            unseen=tuple(watch.name for watch in self._unseen),
            seconds=time.process_time() - began,
        )

    # -- the search -------------------------------------------------------------------------------------------------

    def _search(self, before: tuple[Step, ...]) -> None:
        frontier = []
        for packed, draws in self.space.starts():
            world = self._follow(packed, before)
            if world is None:
                continue
            first = self._canonical(world)
            if first not in self.parents:
                self.parents[first] = -1
                self._firsts[first] = (world, draws)
                frontier.append(first)
        if not frontier:
            raise ScenarioError("the trace to go on from is not one of this scope")
        frontier = self._judged(frontier)
        general = self.space.is_bag or self._symmetry is not None
        while frontier:
            self.depth += 1
            met = self._expand_general(frontier) if general else self._expand(frontier)
            if not met:
                self.depth -= 1
                break
            frontier = self._judged(met)
            self._progress(len(self.parents), self.depth)
            if len(self.parents) >= self.budget and frontier:
                raise _Stop(Finding.UNKNOWN, reason=self._out_of_budget())
        raise _Stop(Finding.EXHAUSTED)

    def _expand(self, frontier: list[int]) -> list[int]:
        """The new worlds one step from these, in a ``SET``: the loop in which all the time goes."""
        parents, masks, budget = self.parents, self.space.masks, self.budget
        lanes = list(enumerate(self._tables))
        met: list[int] = []
        add = met.append
        tried = 0
        for world in frontier:
            for place, table in lanes:
                key = world & masks[place]
                moves = table.get(key)
                if moves is None:
                    moves = table[key] = self._moves(place, key)
                for flip, on in moves:
                    next_world = (world ^ flip) | on
                    if next_world not in parents:
                        parents[next_world] = world
                        add(next_world)
                tried += len(moves)
            if len(parents) >= budget:
                break
        self.transitions += tried
        return met

    def _moves(self, place: int, key: int) -> Moves:
        """What the lane's moves do to a world, each once."""
        send = self.space.send
        found = [(move.flip, send(0, move.letters)) for move in self.space.moves(place, key)]
        return list(dict.fromkeys(found))

    def _expand_general(self, frontier: list[int]) -> list[int]:
        """The same where copies are counted, alarms are patient, or names do not matter."""
        met: list[int] = []
        for world in frontier:
            for successor, _ in self.successors(world):
                self.transitions += 1
                successor = self._canonical(successor)
                if successor not in self.parents:
                    self.parents[successor] = world
                    met.append(successor)
            if len(self.parents) >= self.budget:
                break
        return met

    def successors(self, world: int) -> Iterator[tuple[int, Move]]:
        """Every world one step away, and the step."""
        space = self.space
        quiet = self.scope.alarms is Alarms.PATIENT and not world >> space.net_at
        for place in range(len(space.nodes)):
            key = world & space.masks[place]
            for move in self._full_moves(place, ~key if quiet else key):
                yield space.send(world ^ move.flip, move.letters), move

    def _full_moves(self, place: int, key: int) -> list[Move]:
        memo = self._memo
        found = memo.get((place, key))
        if found is None:
            found = memo[place, key] = self.space.moves(place, key)
        return found

    def _canonical(self, world: int) -> int:
        return world if self._symmetry is None else self._symmetry.canonical(world)

    # -- judging ----------------------------------------------------------------------------------------------------

    def _judged(self, met: list[int]) -> list[int]:
        """Judge these worlds; those of them from which the search goes on. Raises :class:`_Stop`."""
        space = self.space
        if space.raised:
            for world in met:
                for place in range(len(space.nodes)):
                    if problem := space.record(world, place).problem:
                        raise _Stop(Finding.VIOLATED, world, RAISES, problem)
        for watch in self._invariants:
            if found := self._first(watch, met):
                raise _Stop(Finding.VIOLATED, found[0], watch.name, found[1])
        for watch in list(self._unseen):
            if self._first(watch, met):
                self._unseen.remove(watch)
        if self._goal is not None and (found := self._first(self._goal, met)):
            raise _Stop(Finding.REACHED, found[0])
        if (prune := self._prune) is None:
            return met
        kept = []
        for world in met:
            answer = prune.known.get(world & prune.mask)
            if not (self._ask(prune, world) if answer is None else answer):
                kept.append(world)
        return kept

    def _first(self, watch: Watch, met: list[int]) -> tuple[int, str] | None:
        """The first of these worlds of which the predicate says no (or, of a situation, yes), and the reason."""
        mask, known = watch.mask, watch.known
        for world in met:
            answer = known.get(world & mask)
            if answer is None:
                answer = self._ask(watch, world)
                mask = watch.mask
            if answer:
                return world, answer
        return None

    def _ask(self, watch: Watch, world: int) -> str:
        if self._symmetry is not None:
            return self._symmetry.ask(watch, world)
        return watch(world)

    # -- words ------------------------------------------------------------------------------------------------------

    def _out_of_budget(self) -> str:
        return f"the budget of {self.budget:,} states is spent. {self._growth()}"

    def _growth(self) -> str:
        """The fields that took most values: where the states come from."""
        counts: dict[str, tuple[int, str]] = {}
        for node in self.space.nodes:
            states = [dict(r.key[0]) for r in node.records if r.state is not None]  # type: ignore[index]
            for field in node.program.state_fields:
                name = f"{node.program.__name__}.{field}"
                count = len({state.get(field) for state in states})
                counts[name] = max(counts.get(name, (0, "")), (count, f" of {node.address}"))
        most = sorted(counts, key=lambda name: (-counts[name][0], name))[:3]
        words = [
            f"{name}{counts[name][1]} took {counts[name][0]:,} different values" for name in most
        ]
        advice = (
            "A field that only ever grows (a counter, a term) makes the space infinite: prune it"
        )
        return f"{'; '.join(words)}. {advice}" if words else advice

    # -- traces -----------------------------------------------------------------------------------------------------

    def trace(self, world: int) -> tuple[dict[Address, tuple[int, ...]], tuple[Step, ...], int]:
        """What was drawn at the start, the steps from there, and the world that they lead to."""
        path = [world]
        while (parent := self.parents[path[-1]]) >= 0:
            path.append(parent)
        path.reverse()
        at, draws = self._firsts[path[0]]
        steps = []
        for target in path[1:]:
            for successor, move in self.successors(at):
                if self._canonical(successor) == target:
                    steps.append(move.step)
                    at = (
                        successor  # under symmetry the world itself, not the one that stands for it
                    )
                    break
            else:
                raise AssertionError("a world that was met has no step that leads to it")
        return draws, tuple(steps), at

    def _said_of(self, world: int, end: _Stop) -> str:
        """The reason, in the names of the world that the trace leads to, which another may have stood for."""
        if end.name == RAISES:
            problems = (self.space.record(world, p).problem for p in range(len(self.space.nodes)))
            return next(filter(None, problems))
        watch = next((w for w in self._invariants if w.name == end.name), None)
        return watch(world) if watch is not None else end.reason

    def _follow(self, world: int, steps: tuple[Step, ...]) -> int | None:
        """The world that these steps lead to; None if they do not fit."""
        for step in steps:
            for successor, move in self.successors(world):
                if move.step == step:
                    world = successor
                    break
            else:
                return None
        return world

    def world(self, packed: int) -> World:
        """For whoever wants to look."""
        return World(self.space, packed)


__all__ = ["BUDGET", "RAISES", "CannotExplore", "Search", "explore"]
