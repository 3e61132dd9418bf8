"""Worlds that differ only in the names of interchangeable nodes, taken as one: a saving of up to n! for n of them.

Theory. A renaming of a group's addresses, applied to everything in a world (whose record it is, what is in it, who sent
what to whom), gives another world. If the program does not tell the names apart, that world can be reached too and
breaks what this one breaks, so it is enough to search one of them: the one whose whole number is least.

*If.* Programs do tell names apart: the first in a list, the least of all, a number for each. So it is checked and not
believed: every handler that runs is also run on the renamed record and event, and must come to the renamed outcome;
every predicate is asked about the renamed worlds as well. The neighbours' transpositions are enough, if whatever they
lead to is checked with them too: they generate all renamings. Where the check fails, the search is refused with what
differs; then search without symmetry, which is always right.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, groupby, pairwise, permutations, product
from typing import Any, NoReturn

from distlab.core.errors import ScenarioError
from distlab.core.state import freeze
from distlab.core.values import Address
from distlab.explore.errors import CannotExplore
from distlab.explore.record import Record
from distlab.explore.renaming import Names, Renaming, faceless
from distlab.explore.space import Space
from distlab.explore.transitions import Event, Outcome
from distlab.explore.world import Watch


class Symmetry:
    """The renamings of a scope, and what they do to its worlds."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._groups = [
            [space.index[Address(name)] for name in group] for group in space.scope.symmetry
        ]
        self._renamings: dict[tuple[int, ...], Renaming] = {}
        self._shapes: dict[tuple[Record, int], int] = {}
        self._numbers: dict[Any, int] = {}
        self._swaps = [Renaming(space, names) for names in self._neighbours()]
        self._least: dict[int, int] = {}
        for group in self._groups:
            for place in group:
                if space.nodes[place].calls:
                    raise ScenarioError(
                        f"{space.nodes[place].address} has calls to make: who is asked something is not interchangeable"
                    )
        for node in space.nodes:
            node.on_new = self._check
        self._waiting: list[tuple[int, Record, Event]] = []

    def _neighbours(self) -> Iterable[Names]:
        nodes = self._space.nodes
        for group in self._groups:
            for a, b in pairwise(group):
                one, other = nodes[a].address, nodes[b].address
                yield {one: other, other: one}

    # -- the one that stands for all ----------------------------------------------------------------------------------

    def canonical(self, world: int) -> int:
        """The least of the worlds that this one can be renamed to, of those that put the nodes' looks in order."""
        least = self._least.get(world)
        if least is None:
            self._settle()
            least = min(self._renaming(names).world(world) for names in self._in_order(world))
            self._settle()
            self._least[world] = least
        return least

    def _in_order(self, world: int) -> Iterable[tuple[int, ...]]:
        """The renamings after which the nodes of each group stand in the order of their looks; equals in any order."""
        ways: list[list[tuple[tuple[int, int], ...]]] = []
        for group in self._groups:
            looks = {place: self._look(world, place) for place in group}
            runs = [
                self._orders(world, tuple(equal))
                for _, equal in groupby(sorted(group, key=looks.__getitem__), looks.__getitem__)
            ]
            ways.append(
                [tuple(zip(chain(*way), sorted(group), strict=True)) for way in product(*runs)]
            )
        for chosen in product(*ways):
            places = list(range(len(self._space.nodes)))
            for place, to in chain(*chosen):
                places[place] = to
            yield tuple(places)

    def _orders(self, world: int, equal: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The orders in which nodes that look equal are to be tried: one, if they really are."""
        for one, other in pairwise(equal):
            places = list(range(len(self._space.nodes)))
            places[one], places[other] = other, one
            if self._renaming(tuple(places)).world(world) != world:
                return list(permutations(equal))
        return [equal]

    def _look(self, world: int, place: int) -> tuple[int, ...]:
        """What a renaming does not change about a node: all records as it sees them, and what it has to read."""
        space = self._space
        inbox = world >> space.net_at & space.masks[place] >> space.net_at
        seen = [
            self._shape_of(space.record(world, other), other, place)
            for other in range(len(space.nodes))
        ]
        own = seen.pop(place)
        return own, inbox.bit_count(), *sorted(seen)

    def _shape_of(self, record: Record, owner: int, looker: int) -> int:
        """A record but for the group's names: whether one of them is the looker's, and which group it is of."""
        shape = self._shapes.get((record, looker))
        if shape is None:
            nodes = self._space.nodes
            names: dict[str, str] = {
                nodes[other].address: "it" if other == looker else f"group {number}"
                for number, group in enumerate(self._groups)
                for other in group
            }
            contents = record.state, list(record.timers), record.history
            key = repr(faceless((nodes[owner].address, contents), names))
            shape = self._numbers.setdefault(key, len(self._numbers))
            self._shapes[record, looker] = shape
        return shape

    def _renaming(self, places: tuple[int, ...]) -> Renaming:
        found = self._renamings.get(places)
        if found is None:
            nodes = self._space.nodes
            names: dict[str, str] = {
                nodes[place].address: nodes[to].address
                for place, to in enumerate(places)
                if place != to
            }
            found = self._renamings[places] = Renaming(self._space, names)
        return found

    # -- is it symmetric? ---------------------------------------------------------------------------------------------

    def _check(self, place: int, record: Record, event: Event) -> None:
        """An outcome was worked out: to be compared with those of the renamed record and event."""
        self._waiting.append((place, record, event))

    def _settle(self) -> None:
        """Compare all that waits; what is worked out for that waits too, until nothing new comes."""
        while self._waiting:
            place, record, event = self._waiting.pop()
            outcomes = self._space.nodes[place].outcomes(record, event)
            for swap in self._swaps:
                to = swap.places[place]
                twin = swap.record(place, record)
                renamed = [swap.outcome(place, outcome) for outcome in outcomes]
                others = self._space.nodes[to].outcomes(twin, swap.event(event))
                if {_key(o) for o in renamed} != {_key(o) for o in others}:
                    self._refuse(place, swap, record, event, renamed, others)

    def _refuse(
        self,
        place: int,
        swap: Renaming,
        record: Record,
        event: Event,
        renamed: list[Outcome],
        others: Iterable[Outcome],
    ) -> NoReturn:
        node = self._space.nodes[place]
        one, other = sorted(swap.names)
        what = "the outcome differs"
        for a, b in zip(renamed, others, strict=False):
            if (
                a.record is not b.record
                and a.record.state is not None
                and b.record.state is not None
            ):
                fields = [
                    name
                    for name in a.record.state
                    if freeze(a.record.state[name]) != freeze(b.record.state.get(name))
                ]
                what = f"self.{fields[0]} differs" if fields else "its timers or files differ"
                if fields:
                    mine, theirs = a.record.state[fields[0]], b.record.state.get(fields[0])
                    what = f"self.{fields[0]} should be {mine!r} with the names exchanged, and is {theirs!r}"
                break
            if a.sent != b.sent:
                what = "other messages are sent"
                break
        raise CannotExplore(
            f"{one} and {other} are not interchangeable: {node.program.__name__}.{node.handler_of(event)}, handling "
            f"{node.words(event)} on {node.address}, tells them apart: {what}. Leave them out of symmetry"
        )

    def ask(self, watch: Watch, world: int) -> str:
        """A predicate's answer; the same for all renamings of the world, or the search is refused."""
        answer = watch(world)
        met = {world & watch.mask}
        waiting = [world]
        while waiting:
            at = waiting.pop()
            for swap in self._swaps:
                other = swap.world(at)
                if other & watch.mask in met:
                    continue
                met.add(other & watch.mask)
                waiting.append(other)
                known = watch.known.get(other & watch.mask)
                said = watch(other) if known is None else known
                if bool(said) != bool(answer):
                    one, two = sorted(swap.names)
                    raise CannotExplore(
                        f"{one} and {two} are not interchangeable: {watch.name!r} says one thing of a world, and "
                        "another when their names are exchanged. Leave them out of symmetry"
                    )
        return answer


def _key(outcome: Outcome) -> Any:
    """What makes two outcomes the same; the order in which messages are sent does not count."""
    return (
        outcome.record,
        frozenset((s, outcome.sent.count(s)) for s in outcome.sent),
        outcome.draws,
        outcome.cut,
    )
