"""Who gets which partition (part G1): pure functions of what the members say of themselves and of the topics' sizes.

Theory of operation. Each function takes the members' subscriptions and how many partitions each topic has, and
answers what each member gets. Every partition of a topic that somebody subscribes to goes to exactly one of the
subscribers; what nobody wants, or what does not exist, goes to nobody. The order in which members are given must not
matter: each of them must come to the same answer, in every process.

``range_assign`` and ``round_robin`` are functions of the present. ``sticky`` (KIP-54) also looks at what members say
that they own: it is balanced first, and among balanced answers leaves most where it is. ``cooperative`` (KIP-429)
gives away nothing that somebody else still owns: that partition goes to nobody now, and to its new owner in the next
rebalance, when the old one has let go.

Claims may be old. A member that was away claims what it owned in a generation that is long over (KAFKA-7026): of
several claims to a partition the one of the newest generation counts. If two of them are equally new one cannot tell,
and none of both counts (KAFKA-12984).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labs.lab2_log.groups import COOPERATIVE, RANGE, ROUND_ROBIN, STICKY, Owned
from labs.lab2_log.groups import Subscription as Member
from labs.lab2_log.groups import TopicPartition as Part

Assignment = dict[str, list[Part]]
"""Member -> what it gets, in order."""


def assign(name: str, members: Iterable[Member], sizes: Mapping[str, int]) -> dict[str, Owned]:
    """The assignor of that name, at work; each member's partitions in order. Given."""
    assignor = {
        RANGE: range_assign,
        ROUND_ROBIN: round_robin,
        STICKY: sticky,
        COOPERATIVE: cooperative,
    }[name]
    answer = assignor(sorted(members, key=lambda m: m.member), sizes)
    return {member: tuple(sorted(parts)) for member, parts in sorted(answer.items())}


def range_assign(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Topic by topic: the partitions in order, cut into as many pieces as it has subscribers, the longer ones first.

    ``members`` are sorted by name.
    """
    # BEGIN SOLUTION G1: range: each topic cut into pieces
    answer: Assignment = {m.member: [] for m in members}
    for topic, size in sorted(sizes.items()):
        subscribers = [m.member for m in members if topic in m.topics]
        start = 0
        for n, member in enumerate(subscribers):
            length = size // len(subscribers) + (n < size % len(subscribers))
            answer[member] += [Part(topic, number) for number in range(start, start + length)]
            start += length
    return answer
    # END SOLUTION


def round_robin(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """All partitions of all topics in order, dealt out like cards; whoever does not subscribe is passed over.

    ``members`` are sorted by name. After a card for one member the deal goes on with the next.
    """
    # BEGIN SOLUTION G1: round-robin: deal the partitions out
    answer: Assignment = {m.member: [] for m in members}
    turn = 0
    for part in wanted(members, sizes):
        while part.topic not in members[turn % len(members)].topics:
            turn += 1
        answer[members[turn % len(members)].member].append(part)
        turn += 1
    return answer
    # END SOLUTION


def sticky(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Balanced, and as much as possible as it is.

    Balanced: nobody could take over a partition that it subscribes to from somebody who has two more than it has. With
    equal subscriptions that means that counts differ by one at most; then, too, no answer moves fewer partitions.
    """
    # BEGIN SOLUTION G1: sticky: keep what is rightly claimed, deal out the rest, then even out
    topics = {m.member: m.topics for m in members}
    answer: Assignment = {m.member: [] for m in members}
    for part, claimants in rightful(members, sizes).items():
        if len(claimants) == 1:
            answer[claimants[0]].append(part)
    kept = {part for parts in answer.values() for part in parts}
    for part in wanted(members, sizes):
        if part not in kept:
            answer[min(subscribers(topics, part), key=lambda m: (len(answer[m]), m))].append(part)
    while (move := improvement(answer, topics)) is not None:
        giver, taker, part = move
        answer[giver].remove(part)
        answer[taker].append(part)
    return answer
    # END SOLUTION


def cooperative(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """As ``sticky``, but nobody gets what another one rightly claims, or may claim; that waits for the next round."""
    # BEGIN SOLUTION G1: cooperative: sticky, without what others still own
    claims = rightful(members, sizes)
    return {
        member: [part for part in parts if all(owner == member for owner in claims.get(part, ()))]
        for member, parts in sticky(members, sizes).items()
    }
    # END SOLUTION


def rightful(members: list[Member], sizes: Mapping[str, int]) -> dict[Part, list[str]]:
    """Who owns each partition, by the claims of the newest generation; several, if those contradict each other.

    Claims to what does not exist, or to what the claimant does not subscribe to any more, are none.
    """
    # BEGIN SOLUTION G1: of all claims to a partition, those of the newest generation
    newest: dict[Part, int] = {}
    found: dict[Part, list[str]] = {}
    for m in members:
        for part in m.owned:
            if part.topic not in m.topics or part.number >= sizes.get(part.topic, 0):
                continue
            if m.generation > newest.get(part, m.generation - 1):
                newest[part], found[part] = m.generation, []
            if m.generation == newest[part]:
                found[part].append(m.member)
    return found
    # END SOLUTION


# BEGIN SOLUTION G1: your own helpers
def wanted(members: list[Member], sizes: Mapping[str, int]) -> list[Part]:
    """The partitions that somebody subscribes to, in order."""
    topics = {topic for m in members for topic in m.topics}
    return [
        Part(topic, n)
        for topic, size in sorted(sizes.items())
        if topic in topics
        for n in range(size)
    ]


def subscribers(topics: Mapping[str, tuple[str, ...]], part: Part) -> list[str]:
    return [member for member, names in topics.items() if part.topic in names]


def improvement(
    answer: Assignment, topics: Mapping[str, tuple[str, ...]]
) -> tuple[str, str, Part] | None:
    """Somebody has two more than another who could take one of them: (giver, taker, what)."""
    by_load = sorted(answer, key=lambda m: (len(answer[m]), m))
    for giver in reversed(by_load):
        for taker in by_load:
            if len(answer[giver]) < len(answer[taker]) + 2:
                break
            part = next((p for p in reversed(answer[giver]) if p.topic in topics[taker]), None)
            if part is not None:
                return giver, taker, part
    return None


# END SOLUTION
