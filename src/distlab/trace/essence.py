"""What explains a failure, and what only happened: which events a picture must keep when there is no room for all.

Theory of operation. The evidence names the operations in question, directly or because its story begins with their
calls. All that a call brought about is a tree, by cause. What a person wants to see of that tree is how it took effect
(the write or sync that made it last, and the requests that led there), and how it was answered (the last answer under
way to the client, and the request that it answers). Attempts repeat themselves: the same message on the same link again
explains nothing, and a timer is seldom more than the reason why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from distlab.trace.event import Event, Kind
from distlab.trace.words import plain

_ARRIVALS = (Kind.DELIVER, Kind.DROP)
_LASTING = (Kind.SYNCED, Kind.SYNC, Kind.STORE)

CALL, FAULT, HIT, EFFECT, REPLY, REQUEST, AGAIN = 0.55, 0.58, 0.59, 0.6, 0.8, 0.9, 0.98
"""Ranks, behind that of the evidence, from what explains most."""
FEW = 6
"""So many faults at most can each be part of the explanation; more are noise."""
REPEATED, TIMER = 7.5, 6.5


class Essence:
    """The ranks of the events that explain the evidence. ``events`` in order of time."""

    def __init__(self, events: Sequence[Event], evidence: Sequence[int]) -> None:
        self._events = events
        self._by_id = {event.id: event for event in events}
        self._last = max(evidence, default=0)
        self._effects: dict[int, list[Event]] = defaultdict(list)
        for event in events:
            self._effects[event.cause].append(event)
        self.rank: dict[int, float] = {}
        """Event -> its rank, for those that explain."""
        self.repeated = frozenset(self._repeated())
        """Arrivals that say again what an earlier one said."""
        if evidence:
            operations = list({call.id: call for call in self._operations(evidence)}.values())
            trees = [list(self._tree(call)) for call in operations]
            for call, tree in zip(operations, trees, strict=True):
                self._explain(call, tree)
            self._hits({event.id for tree in trees for event in tree})
            self._faults()

    def nodes(self) -> set[str]:
        """The nodes that what explains the evidence touched."""
        touched = (self._by_id[number] for number in self.rank)
        return {node for event in touched for node in (event.node, event.peer) if node}

    def _repeated(self) -> Iterator[int]:
        said: set[tuple[str, str, str, str]] = set()
        for event in self._events:
            if event.kind in _ARRIVALS:
                what = (event.kind, event.node, event.peer, repr(plain(event.what)))
                if what in said:
                    yield event.id
                said.add(what)

    def _story(self, event: Event) -> Iterator[Event]:
        """Itself and its causes, the nearest first."""
        following: Event | None = event
        while following is not None:
            yield following
            following = self._by_id.get(following.cause)

    def _operations(self, evidence: Sequence[int]) -> Iterator[Event]:
        """The calls in question."""
        calls = {event.what[0]: event for event in self._events if event.kind == Kind.CALL}
        for event in (self._by_id[number] for number in evidence if number in self._by_id):
            if event.kind == Kind.RETURN and event.what[0] in calls:
                yield calls[event.what[0]]
            yield from (e for e in self._story(event) if e.kind == Kind.CALL)

    def _tree(self, call: Event) -> Iterator[Event]:
        """What the call brought about, itself first."""
        waiting = [call]
        while waiting:
            event = waiting.pop()
            yield event
            if event.kind != Kind.RETURN:
                waiting += self._effects[event.id]

    def _explain(self, call: Event, tree: list[Event]) -> None:
        self._keep(call, CALL)
        tree = sorted(tree, key=lambda e: e.id)
        lasting = self._lasting(call, tree)
        for effect in {e.id: e for e in (*lasting[:1], *lasting[-1:])}.values():
            self._keep(effect, EFFECT)
            self._keep_path(effect, call.node, EFFECT + 0.05)
        replies = [
            e for e in tree if e.kind in _ARRIVALS and e.node == call.node and e.id <= self._last
        ]
        if replies:
            self._keep_path(replies[-1], call.node, REPLY)
        else:
            requests = [e for e in tree if e.kind in _ARRIVALS and e.id <= self._last]
            for request in requests[-1:]:
                self._keep_path(request, call.node, REQUEST)

    def _lasting(self, call: Event, tree: list[Event]) -> list[Event]:
        """Where the operation took effect, or was to: on other nodes than the client's own, if it did on any."""
        done = {e.cause for e in self._events if e.kind in (Kind.SYNCED, Kind.SYNC_FAILED)}
        found = [e for e in tree if e.kind in _LASTING and e.id not in done]
        synced_by = {e.cause for e in tree if e.kind == Kind.SYNC}
        found += [e for e in tree if e.kind == Kind.WRITE and e.cause not in synced_by]
        found.sort(key=lambda e: e.id)
        return [e for e in found if e.node != call.node] or found

    def _keep_path(self, event: Event, client: str, rank: float) -> None:
        """The messages from the client to there."""
        for earlier in self._story(event):
            if earlier.kind in (Kind.SEND, Kind.CALL, Kind.TIMER) and earlier.node == client:
                return
            if earlier.kind in _ARRIVALS:
                self._keep(earlier, rank)
                rank += 0.01

    def _hits(self, ours: set[int]) -> None:
        """What faults hit: of the lost messages, the first on each link; what a crash left unsynced."""
        lost: set[tuple[str, str, str]] = set()
        done = {e.cause for e in self._events if e.kind in (Kind.SYNCED, Kind.SYNC_FAILED)}
        for event in self._events:
            if event.kind == Kind.DROP and event.id <= self._last:
                how = (event.node, event.peer, str(event.what[1]))
                if how not in lost:
                    self._keep(event, HIT if event.id in ours else HIT + 1)
                lost.add(how)
            elif event.kind == Kind.SYNC and event.id not in done and event.id <= self._last:
                self._keep(event, HIT if event.id in ours else HIT + 1)

    def _faults(self) -> None:
        """The faults themselves, also those that took an answered effect away later, and fresh starts."""
        struck = [e for e in self._events if e.kind == Kind.FAULT]
        if len(struck) <= FEW:
            for event in self._events:
                if event.kind in (Kind.FAULT, Kind.CRASH):
                    self._keep(event, FAULT)
                elif event.kind == Kind.START and event.incarnation and event.id <= self._last:
                    self._keep(event, AGAIN)

    def _keep(self, event: Event, rank: float) -> None:
        self.rank[event.id] = min(rank, self.rank.get(event.id, rank))
