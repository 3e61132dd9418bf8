"""How registers, append lists, growing sets and counters become chains of versions.

Each function declines where written values repeat, so that a read does not say which write it saw. What can be said
without an order is said first: a value that nobody wrote, two successful compare-and-sets from one version, two reads
of a list of which neither is a prefix of the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from distlab.check.linear.conflict import Conflict, Decision, Quick
from distlab.check.linear.model import UNSAID, Model
from distlab.check.linear.operations import Append, Cas, FetchAdd, Insert, Read, Write
from distlab.check.linear.parts import NEVER, Part, answer_of
from distlab.check.linear.words import said, value_words, who
from distlab.check.linear.zones import Chains
from distlab.core.values import Ok

# ---------------------------------------------------------------- register, with or without compare-and-set


def register(part: Part, model: Model) -> Decision:
    """Writes and successful compare-and-sets of unique values."""
    chains = Chains(part)
    version_of: dict[Hashable, int] = {model.initial: 0}
    swaps: dict[int, Hashable] = {}
    for i, entry in enumerate(part.entries):
        operation = entry.operation
        if type(operation) is Write:
            value = operation.value
        elif type(operation) is Cas and answer_of(entry) in (UNSAID, operation.old):
            value = operation.new
            swaps[len(chains.writer)] = operation.old
        else:
            continue
        if value in version_of:
            return Quick.DECLINED
        version_of[value] = chains.add(i)
    if (strange := _add_reads(chains, version_of)) is not None:
        return strange
    if swaps and (strange := _link(chains, version_of, swaps)) is not None:
        return strange
    return chains.judge()


def _add_reads(chains: Chains, version_of: dict[Hashable, int]) -> Conflict | None:
    """Each read, and each refused compare-and-set, to the version that it saw; or one that saw what never was."""
    part, add = chains.part, chains.read
    for i, entry in enumerate(part.entries):
        operation, outcome = entry.operation, entry.outcome
        kind = type(operation)
        if kind is Write or type(outcome) is not Ok:
            continue
        if kind is Cas and outcome.value == operation.old:  # type: ignore[attr-defined]
            continue
        version = version_of.get(outcome.value)
        if version is None:
            return _from_nowhere(part, i, outcome.value)
        add(version, i)
    return None


def _link(
    chains: Chains, version_of: dict[Hashable, int], swaps: dict[int, Hashable]
) -> Conflict | None:
    """Compare-and-sets to the versions that they consumed; or one that consumed what never was, or was consumed."""
    part = chains.part
    for version, old in swaps.items():
        if old in version_of:
            chains.preceding[version] = version_of[old]
    for version in swaps:
        if chains.wanted[version]:
            chains.want(chains.preceding.get(version))
    for version, old in swaps.items():
        if not chains.wanted[version]:
            continue
        if version not in chains.preceding:
            return _from_nowhere(part, chains.writer[version], old)
        before = chains.preceding[version]
        if before in chains.following:
            one = part.entries[chains.writer[chains.following[before]]]
            other = part.entries[chains.writer[version]]
            return Conflict(
                f"{said(one)} and {said(other)} both took effect on the same {value_words(old)}, "
                "which was written only once",
                (one, other),
            )
        chains.following[before] = version
    return _circle(chains)


def _circle(chains: Chains) -> Conflict | None:
    """Compare-and-sets that consume each other's values, so that none can have been the first."""
    reached = {version for version in chains.following if version not in chains.preceding}
    for start in list(reached):
        version = chains.following.get(start)
        while version is not None:
            reached.add(version)
            version = chains.following.get(version)
    for start in chains.following:
        if start not in reached:
            circle, version = [start], chains.following[start]
            while version != start:
                circle.append(version)
                version = chains.following[version]
            writers = sorted(chains.writer[version] for version in circle)
            entries = tuple(chains.part.entries[writer] for writer in writers)
            names = ", ".join(map(said, entries[:3]))
            return Conflict(
                f"each needs the value of another, and none can be first: {names}", entries
            )
    return None


def _from_nowhere(part: Part, reader: int, value: Any) -> Conflict:
    """A value that no operation can have put there."""
    entry = part.entries[reader]
    for failed in part.failed:
        operation = failed.operation
        wrote = getattr(operation, "value", getattr(operation, "new", UNSAID))
        if wrote == value or getattr(operation, "element", UNSAID) == value:
            return Conflict(
                f"{said(entry)} saw {value_words(value)}, though {who(failed)}'s write of it certainly failed",
                (failed, entry),
            )
    return Conflict(f"{said(entry)} saw {value_words(value)}, which nobody wrote", (entry,))


# ---------------------------------------------------------------- append list, growing set


def append_list(part: Part, model: Model) -> Decision:
    """Appends of unique elements: the longest list that was read fixes their order."""
    if model.initial != ():
        return Quick.DECLINED
    appended: dict[Hashable, int] = {}
    longest: tuple[Any, ...] = ()
    longest_by = -1
    reads: list[tuple[int, tuple[Any, ...]]] = []
    for i, entry in enumerate(part.entries):
        operation = entry.operation
        if type(operation) is Append:
            if operation.element in appended:
                return Quick.DECLINED
            appended[operation.element] = i
        elif type(entry.outcome) is Ok:
            value = entry.outcome.value
            if not isinstance(value, tuple | list):
                return Conflict(f"{said(entry)} is no list", (entry,), "a list", repr(value))
            reads.append((i, tuple(value)))
            if longest_by < 0 or len(value) > len(longest):
                longest, longest_by = tuple(value), i
    for i, value in reads:
        if longest[: len(value)] != value:
            one, other = part.entries[i], part.entries[longest_by]
            return Conflict(
                f"{said(one)} and {said(other)}: neither list is the beginning of the other",
                (one, other),
            )
    return _growing(part, appended, longest, longest_by, [(i, len(value)) for i, value in reads])


def _growing(
    part: Part,
    added: dict[Hashable, int],
    order: Sequence[Hashable],
    seen_by: int,
    reads: list[tuple[int, int]],
) -> Decision:
    """Elements that were seen in this order, by reads that saw so many of them; ``seen_by`` saw them all.

    An element that nobody saw, though its operation returned, is a chain of its own: the zone of the chain that was
    seen reaches from the beginning to the last call that saw it, so there is room only behind.
    """
    chains = Chains(part)
    seen: set[Hashable] = set()
    for position, element in enumerate(order):
        if element in seen:
            entry = part.entries[seen_by]
            return Conflict(
                f"{said(entry)} has {value_words(element)} twice, which was added once", (entry,)
            )
        seen.add(element)
        if element not in added:
            return _from_nowhere(part, seen_by, element)
        version = chains.add(added[element])
        chains.preceding[version], chains.following[position] = position, version
    for i, length in reads:
        chains.read(length, i)
    chains.want(len(order))
    for element, i in added.items():
        if element not in seen and part.returned[i] != NEVER:
            chains.add(i)
    return chains.judge()


def growing_set(part: Part, model: Model) -> Decision:
    """A set that only grows, read as a whole: what was read must be nested, which orders the elements in batches.

    In a batch any order will do that time allows, such as that of the calls.
    """
    if model.initial != frozenset():
        return Quick.DECLINED
    inserted: dict[Hashable, int] = {}
    reads: list[tuple[int, frozenset[Any]]] = []
    for i, entry in enumerate(part.entries):
        operation, answer = entry.operation, answer_of(entry)
        if type(operation) is Insert:
            if operation.element in inserted or answer is False:
                return Quick.DECLINED
            inserted[operation.element] = i
        elif answer is not UNSAID:
            if not isinstance(answer, frozenset):
                return Conflict(f"{said(entry)} is no set", (entry,), "a set", value_words(answer))
            reads.append((i, answer))
    reads.sort(key=lambda read: len(read[1]))
    order: list[Hashable] = []
    before: frozenset[Any] = frozenset()
    before_by = -1
    for reader, members in reads:
        if not before <= members:
            one, other = part.entries[before_by], part.entries[reader]
            return Conflict(
                f"{said(one)} and {said(other)}: each has what the other lacks", (one, other)
            )
        new = members - before
        if strange := sorted(new - inserted.keys(), key=repr):
            return _from_nowhere(part, reader, strange[0])
        calls = sorted((part.called[inserted[element]], inserted[element]) for element in new)
        order += [part.entries[i].operation.element for _, i in calls]  # type: ignore[attr-defined]
        before, before_by = members, reader
    return _growing(part, inserted, order, before_by, [(i, len(seen)) for i, seen in reads])


# ---------------------------------------------------------------- counter: fetch and add


def counter(part: Part, model: Model) -> Decision:
    """Positive amounts: every state of the counter is then unique, and its order the order of numbers.

    Declines where an open addition may have made a state that nobody else explains, or an answer is not said.
    """
    consumed: dict[Any, int] = {}
    reads: list[tuple[int, Any]] = []
    has_open = False
    twice: Conflict | None = None  # told only once it is certain that every amount is positive
    for i, entry in enumerate(part.entries):
        operation, answer = entry.operation, answer_of(entry)
        if type(operation) is FetchAdd:
            if type(operation.amount) is not int or operation.amount <= 0 or answer is None:
                return Quick.DECLINED
            if answer is UNSAID:
                has_open = True
            elif answer in consumed:
                one = part.entries[consumed[answer]]
                twice = twice or Conflict(
                    f"{said(one)} and {said(entry)} both added to the same {value_words(answer)}",
                    (one, entry),
                )
            else:
                consumed[answer] = i
        elif type(operation) is Read and answer is not UNSAID:
            reads.append((i, answer))
    if twice is not None:
        return twice
    chains = Chains(part)
    version_of: dict[Hashable, int] = {model.initial: 0}
    state: Any = model.initial
    version = 0
    while (adder := consumed.pop(state, None)) is not None:
        addition: Any = part.entries[adder].operation
        state += addition.amount
        following = chains.add(adder)
        chains.preceding[following], chains.following[version] = version, following
        version_of[state] = version = following
    strange = [*consumed.values(), *(i for i, value in reads if value not in version_of)]
    if strange and has_open:
        return Quick.DECLINED
    if strange:
        entry = part.entries[min(strange, key=lambda i: part.returned[i])]
        return Conflict(f"{said(entry)} saw a number that the counter never had", (entry,))
    for i, value in reads:
        chains.read(version_of[value], i)
    chains.want(version)
    return chains.judge()
