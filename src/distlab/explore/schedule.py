"""A trace of the explorer as a schedule of the simulator: a client's calls and a plan, so that it replays anywhere.

Theory. The plan holds back every message and every timer (:class:`~distlab.faults.Hold`) and then lets one thing happen
at a time, ten milliseconds apart: long enough for each handler's syncs to be done before the next step. A message is
named by its number on its link, so each step's effects are worked out once more, in the order in which the program asks
for them. A crash in mid-handler strikes while the first or the second of the handler's group commits is under way.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.core.state import freeze
from distlab.core.values import MS, Address, Operation
from distlab.explore.scope import Begin, Deliver, Die, Expire, Lose, Result, Scope, Start, Step
from distlab.explore.space import Space
from distlab.faults import At, Crash, Draw, Fault, Fire, Hold, Noise, Plan, Release, Survival

GAP = 10 * MS
"""From one step to the next."""
SYNC = 2 * MS
"""How long a sync takes: the simulator's ordinary noise."""
NOISE = Noise(delay=(1 * MS, 1 * MS), sync=(SYNC, SYNC))
"""The background that the times of a schedule are made for."""


class Schedule(Struct, frozen=True):
    """One run of the simulator in which every step is chosen."""

    plan: Plan
    calls: tuple[tuple[int, Address, Operation], ...]
    """(when, which client, what): what the simulation is to be told by ``call``."""
    until: int
    """When the last step and its syncs are done."""


def as_schedule(scope: Scope, result: Result) -> Schedule:
    """What the simulator is to be told, so that it goes the way of the result's trace."""
    writer = _Writer(scope, result)
    for number, step in enumerate(result.trace, 1):
        writer.write(number * GAP, step)
    until = (len(result.trace) + 1) * GAP - 1
    return Schedule(Plan(tuple(writer.faults)), tuple(writer.calls), until)


def _of_chance(draws: tuple[int, ...]) -> tuple[int, ...]:
    """Without the answers to which of two instants is earlier: the simulator has a clock, and looks."""
    return tuple(draw for draw in draws if draw >= 0)


class _Writer:
    """Follows the trace, one world after the other."""

    def __init__(self, scope: Scope, result: Result) -> None:
        self.faults = [Fault(At(0), Hold())]
        self.calls: list[tuple[int, Address, Operation]] = []
        self._space = Space(scope)
        self._sent: Counter[tuple[str, str]] = Counter()
        """How many messages each link has seen."""
        self._number: dict[object, int] = {}
        """(source, to, message) -> the newest that says so."""
        self._down: dict[Address, int] = {}
        """Who is down -> the place of its crash among the faults."""
        self._records = []
        for node in self._space.nodes:
            drawn = result.draws.get(node.address, ())
            if of_chance := _of_chance(drawn):
                self.faults.append(Fault(At(0), Draw(node.address, of_chance)))
            down = node.make(None, {}, None, (), 0)
            start = next(out for out in node.outcomes(down, None) if out.draws == drawn)
            self._records.append(start.record)
            self._send(node.address, start.sent)

    def write(self, at: int, step: Step) -> None:
        """Append what makes this step happen at this time."""
        what, node = step.what, Address(step.what.node)
        place = self._space.index[node]
        space, record = self._space.nodes[place], self._records[place]
        if of_chance := _of_chance(step.draws):
            self.faults.append(Fault(At(at), Draw(node, of_chance)))
        match what:
            case Lose():
                return  # what is never released is lost
            case Die(_, unsynced):
                self._crash(at, node, unsynced)
                outcomes = space.outcomes(record, unsynced)
            case Start():
                self._restart(at, node)
                outcomes = space.outcomes(record, None)
            case Begin(_, operation):
                self.calls.append((at, node, operation))
                outcomes = space.outcomes(record, record.calls_made)
            case Expire(_, timer):
                self.faults.append(Fault(At(at), Fire(node, repr(timer))))
                outcomes = space.outcomes(record, timer)
            case Deliver(source, _, message):
                n = self._number[source, node, freeze(message)]
                self.faults.append(Fault(At(at), Release(source, node, n)))
                letter = self._space.known(source, node, message)
                outcomes = space.outcomes(record, (source, letter.cls, letter.blob))
        outcome = next(out for out in outcomes if (out.draws, out.cut) == (step.draws, step.cut))
        if step.cut is not None:
            self._crash(at + SYNC // 2 + step.cut * SYNC, node, Survival.NOTHING)
        self._records[place] = outcome.record
        self._send(node, outcome.sent)

    def _crash(self, at: int, node: Address, unsynced: Survival) -> None:
        self._down[node] = len(self.faults)
        self.faults.append(Fault(At(at), Crash(node, None, unsynced)))

    def _restart(self, at: int, node: Address) -> None:
        if node not in self._down:
            raise ScenarioError(
                f"{node} stopped by itself and starts again: a plan has no word for that. It cannot be replayed"
            )
        place = self._down.pop(node)
        crash = self.faults[place]
        assert isinstance(crash.when, At)
        assert isinstance(crash.do, Crash)
        again = Crash(node, at - crash.when.time, crash.do.unsynced)
        self.faults[place] = Fault(crash.when, again)

    def _send(self, source: Address, sent: tuple[tuple[Address, type, bytes], ...]) -> None:
        for sending in sent:
            letter = self._space.letter(source, sending)
            self._sent[source, letter.to] += 1
            key = (source, letter.to, freeze(letter.message))
            self._number[key] = self._sent[source, letter.to]
