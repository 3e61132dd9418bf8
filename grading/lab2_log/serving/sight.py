"""Partitions and groups in lines for a person: who leads, who is in sync, what is committed, who lags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from labs.lab2_log.brokers import BrokerProbe, Replica

HEAD = f"{'partition':<16}{'leader':<8}{'epoch':>5}{'committed':>11}  {'in sync':<12}{'ends at; how far behind'}"


class Sight(Struct, frozen=True):
    """One partition, by what the brokers that answered say of it."""

    best: Replica
    """The view of the newest leader, or of whoever has heard of the newest epoch."""
    ends: dict[str, int]
    """Broker -> its log end offset."""

    @property
    def lags(self) -> dict[str, int]:
        """How many records of the leader's each of the others has not; or of the longest log's, if it is silent."""
        return {broker: self.end - end for broker, end in self.ends.items()}

    @property
    def end(self) -> int:
        """Where the leader's log ends; the longest, if it is silent."""
        return self.ends.get(self.best.leader, max(self.ends.values()))


def sights(probes: Mapping[Any, Any]) -> list[Sight]:
    """By partition. Whoever is no broker is passed over."""
    views: dict[str, dict[str, Replica]] = {}
    for broker, probe in probes.items():
        for replica in probe.replicas if isinstance(probe, BrokerProbe) else ():
            views.setdefault(replica.partition, {})[str(broker)] = replica
    found = []
    for of in (views[name] for name in sorted(views, key=in_order)):
        best = max(of.items(), key=lambda item: (item[1].leader_epoch, item[1].leader == item[0]))
        found.append(Sight(best[1], {broker: view.end for broker, view in sorted(of.items())}))
    return found


def in_order(partition: str) -> tuple[str, int]:
    """Partitions 2 and 10 in the order of their numbers."""
    topic, _, number = partition.rpartition("-")
    return topic, int(number) if number.isdigit() else 0


def table(probes: Mapping[Any, Any], most: int = 24) -> list[str]:
    """A head and a line for each partition, one for each group; at most 78 columns where names are short."""
    seen = sights(probes)
    rows = [line(sight) for sight in seen]
    if len(rows) > most:
        rows[most:] = [f"and {len(rows) - most} more"]
    groups = [
        group_line(group, seen)
        for probe in probes.values()
        if isinstance(probe, OffsetsProbe)
        for group in probe.groups
    ]
    return ["", HEAD, *rows, *groups] if rows else []


def line(sight: Sight) -> str:
    """One partition. Brokers whose logs end at the same place stand together."""
    best, lags = sight.best, sight.lags
    level = [broker for broker in sight.ends if lags[broker] == 0]
    told = [f"{' '.join(level)} at {sight.end:,}"] if level else []
    told += [f"{broker} {lag:,} behind" for broker, lag in lags.items() if lag > 0]
    told += [f"{broker} {-lag:,} ahead" for broker, lag in lags.items() if lag < 0]
    ends = "  ".join(told)
    in_sync = " ".join(sorted(best.isr))
    return (
        f"{best.partition[:15]:<16}{best.leader or 'none':<8}{best.leader_epoch:>5}"
        f"{best.high_watermark:>11,}  {in_sync:<12}{ends}"
    )


def epochs(replica: Replica) -> str:
    """``0 from 0, 1 from 12``: where each leader epoch begins in the log."""
    spans: Iterable[tuple[int, int]] = replica.epochs
    return ", ".join(f"{epoch} from {start:,}" for epoch, start in spans)


# -- groups -----------------------------------------------------------------------------------------------------------


class GroupSeen(Struct, frozen=True):
    """One group, as its log tells."""

    group: str
    generation: int
    members: int
    positions: tuple[tuple[str, int], ...]
    """(partition, committed offset), in order."""


class OffsetsProbe(Struct, frozen=True):
    """Who coordinates the groups, and what they have committed."""

    epoch: int
    coordinator: str
    groups: tuple[GroupSeen, ...] = ()


def group_line(group: GroupSeen, seen: Iterable[Sight], width: int = 78) -> str:
    """How far it lags, by partition: as many of them as there is room for."""
    ends = {sight.best.partition: sight.best.high_watermark for sight in seen}
    told = f"group {group.group}: generation {group.generation}, {group.members} in it; lag"
    for count, (partition, committed) in enumerate(group.positions):
        lag = lag_of(committed, ends.get(partition))
        more = f"  {partition} {'-' if lag is None else f'{lag:,}'}"
        if len(told) + len(more) > width - 9:
            return f"{told}  and {len(group.positions) - count} more"
        told += more
    return told if group.positions else f"{told}  -"


LAG_HEAD = f"{'partition':<20}{'committed':>12}{'end':>12}{'lag':>10}  member"


def lag_of(committed: int | None, end: int | None) -> int | None:
    """How many records are still to be processed. Both numbers may be old, so it is never less than nothing."""
    return None if committed is None or end is None else max(0, end - committed)


def lag_line(
    partition: str, committed: int | None, end: int | None, owner: tuple[str, str] | None
) -> str:
    """One partition of a group; ``owner`` is a member's name, and where it runs."""
    numbers = (committed, end, lag_of(committed, end))
    told = ["-" if number is None else f"{number:,}" for number in numbers]
    member = "-" if owner is None else f"{owner[1]} ({owner[0]})"
    return f"{partition[:19]:<20}{told[0]:>12}{told[1]:>12}{told[2]:>10}  {member}"
