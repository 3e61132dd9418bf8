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
    raise NotImplementedError("G1: range: each topic cut into pieces")


def round_robin(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """All partitions of all topics in order, dealt out like cards; whoever does not subscribe is passed over.

    ``members`` are sorted by name. After a card for one member the deal goes on with the next.
    """
    raise NotImplementedError("G1: round-robin: deal the partitions out")


def sticky(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """Balanced, and as much as possible as it is.

    Balanced: nobody could take over a partition that it subscribes to from somebody who has two more than it has. With
    equal subscriptions that means that counts differ by one at most; then, too, no answer moves fewer partitions.
    """
    raise NotImplementedError(
        "G1: sticky: keep what is rightly claimed, deal out the rest, then even out"
    )


def cooperative(members: list[Member], sizes: Mapping[str, int]) -> Assignment:
    """As ``sticky``, but nobody gets what another one rightly claims, or may claim; that waits for the next round."""
    raise NotImplementedError("G1: cooperative: sticky, without what others still own")


def rightful(members: list[Member], sizes: Mapping[str, int]) -> dict[Part, list[str]]:
    """Who owns each partition, by the claims of the newest generation; several, if those contradict each other.

    Claims to what does not exist, or to what the claimant does not subscribe to any more, are none.
    """
    raise NotImplementedError("G1: of all claims to a partition, those of the newest generation")


# TODO G1: your own helpers
