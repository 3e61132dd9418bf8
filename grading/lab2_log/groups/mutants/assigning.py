"""Bugs of part G1: shares that overlap, tilt, or move without need."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from distlab.grade.lab import bug
from labs.lab2_log import assignors
from labs.lab2_log.assignors import Assignment, Member, Part

_range, _round_robin, _sticky = (
    assignors.range_assign,
    assignors.round_robin,
    assignors.sticky,
)
_rightful = assignors.rightful


def all_topics_as_one(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Cuts the list of all partitions into pieces, not each topic: balanced, and not what range means. Partitions of
    equal number do not meet in one member, and a join of two topics finds nothing."""
    everything = assignors.wanted(members, sizes)
    answer: Assignment = {m.member: [] for m in members}
    for n, part in enumerate(everything):
        takers = [m.member for m in members if part.topic in m.topics]
        answer[takers[n * len(takers) // len(everything)]].append(part)
    return answer


def rest_goes_last(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """The longer pieces go to the last members. Two members of different releases, and a partition has two owners."""
    answer = _range(list(reversed(members)), sizes)
    return {m.member: answer[m.member] for m in members}


def starts_anew_with_each_topic(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Deals each topic out from the first member on: with many small topics the first one has them all."""
    answer: Assignment = {m.member: [] for m in members}
    for topic in sorted(sizes):
        for member, parts in _round_robin(members, {topic: sizes[topic]}).items():
            answer[member] += parts
    return answer


def deals_to_everybody(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Deals partitions to members that do not subscribe to their topic."""
    answer: Assignment = {m.member: [] for m in members}
    for n, part in enumerate(assignors.wanted(members, sizes)):
        answer[members[n % len(members)].member].append(part)
    return answer


def keeps_too_much(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Sticky, and nothing else: a new member gets what is free, and nobody gives it anything."""
    answer: Assignment = {m.member: [] for m in members}
    topics = {m.member: m.topics for m in members}
    for part, owners in assignors.rightful(members, sizes).items():
        if len(owners) == 1:
            answer[owners[0]].append(part)
    kept = {part for parts in answer.values() for part in parts}
    for part in assignors.wanted(members, sizes):
        if part not in kept:
            takers = assignors.subscribers(topics, part)
            answer[min(takers, key=lambda m: (len(answer[m]), m))].append(part)
    return answer


def balanced_and_nothing_else(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Balanced, and never mind who owns what: everything moves whenever somebody comes or goes."""
    return _sticky([structs.replace(m, owned=()) for m in members], sizes)


def generations_do_not_count(
    members: list[Member], sizes: Mapping[str, int]
) -> dict[Part, list[str]]:
    """Claims of all generations count alike, and the first one wins: who was away for a while claims what others own by
    now."""
    found: dict[Part, list[str]] = {}
    for part, owners in _rightful(
        [structs.replace(m, generation=0) for m in members], sizes
    ).items():
        found[part] = owners[:1]
    return found


def first_claim_wins(members: list[Member], sizes: Mapping[str, int]) -> dict[Part, list[str]]:
    """Of two claims of one generation the first one is taken for true: the other one reads on."""
    return {part: owners[:1] for part, owners in _rightful(members, sizes).items()}


def claims_to_what_is_gone(
    members: list[Member], sizes: Mapping[str, int]
) -> dict[Part, list[str]]:
    """Claims to topics that a member does not subscribe to any more are honoured."""
    everything = tuple(sizes)
    return _rightful([structs.replace(m, topics=everything) for m in members], sizes)


def gives_at_once(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Sticky, in one step: the new owner begins while the old one has not heard yet."""
    return _sticky(members, sizes)


ASSIGNING = (
    bug(
        "all-topics-as-one",
        all_topics_as_one,
        part="G1",
        replaces="assignors:range_assign",
        breaks="CG-S5",
    ),
    bug(
        "rest-goes-last",
        rest_goes_last,
        part="G1",
        replaces="assignors:range_assign",
        breaks="CG-S5",
    ),
    bug(
        "starts-anew-with-each-topic",
        starts_anew_with_each_topic,
        part="G1",
        replaces="assignors:round_robin",
        breaks="CG-S5",
    ),
    bug(
        "deals-to-everybody",
        deals_to_everybody,
        part="G1",
        replaces="assignors:round_robin",
        breaks="CG-S1",
    ),
    bug(
        "keeps-too-much",
        keeps_too_much,
        part="G1",
        replaces="assignors:sticky",
        breaks="CG-S5",
    ),
    bug(
        "balanced-and-nothing-else",
        balanced_and_nothing_else,
        part="G1",
        replaces="assignors:sticky",
        breaks="CG-S5",
        kind="cost",
        source="KIP-54",
    ),
    bug(
        "generations-do-not-count",
        generations_do_not_count,
        part="G1",
        replaces="assignors:rightful",
        breaks="CG-S5",
        code="m5",
        source="KAFKA-7026; aiokafka #1176 (the generation is never set)",
    ),
    bug(
        "first-claim-wins",
        first_claim_wins,
        part="G1",
        replaces="assignors:rightful",
        breaks="CG-S4",
        source="KAFKA-12984",
    ),
    bug(
        "claims-to-what-is-gone",
        claims_to_what_is_gone,
        part="G1",
        replaces="assignors:rightful",
        breaks="CG-S1",
    ),
    bug(
        "gives-at-once",
        gives_at_once,
        part="G1",
        replaces="assignors:cooperative",
        breaks="CG-S4",
        source="KIP-429",
    ),
)
