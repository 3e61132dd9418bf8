"""Bugs of leases and late binding."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable

from msgspec import structs

from distlab.core.codec import encode
from distlab.grade.lab import bug
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    OLD_EPOCH,
    OLD_LIFE,
    WRONG_NODE,
    Lease,
    SignedLease,
    Task,
)
from labs.lab3_scheduler.scheduling import Ask

right = leases.fault


def _without(code: str, *arguments: object) -> str:
    """What the reference says, but for that code."""
    signed, key, node, life, epoch, time = arguments
    assert isinstance(signed, SignedLease)
    lease = signed.lease
    if code == BAD_SIGNATURE:
        signed = leases.sign(key, lease)  # type: ignore[arg-type]
    node = lease.node if code == WRONG_NODE else node
    life = lease.life if code == OLD_LIFE else life
    epoch = 0 if code == OLD_EPOCH else epoch
    return right(signed, key, node, life, epoch, time)  # type: ignore[arg-type]


def trusts_the_bearer(
    signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int
) -> str:
    """A lease is taken as it comes: who can write has a machine as large as he likes."""
    return _without(BAD_SIGNATURE, signed, key, node, life, epoch, time)


def a_prefix_will_do(
    signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int
) -> str:
    """Compares as many bytes of the signature as have come: none, if none have."""
    mac = leases.sign(key, signed.lease).mac
    whole = structs.replace(signed, mac=mac) if mac.startswith(signed.mac) else signed
    return right(whole, key, node, life, epoch, time)


def any_node(signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int) -> str:
    """A lease for one node is good on all: what one of them has room for runs on the others as well."""
    return _without(WRONG_NODE, signed, key, node, life, epoch, time)


def any_life(signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int) -> str:
    """A lease outlives the life of the node that it was granted for: its place has long been given to others."""
    return _without(OLD_LIFE, signed, key, node, life, epoch, time)


def any_epoch(signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int) -> str:
    """A lease of an RM that has been replaced is as good as one of its successor, which does not know of it."""
    return _without(OLD_EPOCH, signed, key, node, life, epoch, time)


def only_while_fresh(
    signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int
) -> str:
    """Takes leases of an earlier life for expired, and those of a later one for good."""
    code = right(signed, key, node, life, epoch, time)
    return "" if code == OLD_LIFE and signed.lease.life > life else code


def signs_the_number(key: bytes, lease: Lease) -> SignedLease:
    """Signs the container's number, and not what the lease says of it: size, node and expiry can be written anew."""
    return SignedLease(lease, hmac.digest(key, b"%d" % lease.container, "sha256"))


def signs_with_a_plain_hash(key: bytes, lease: Lease) -> SignedLease:
    """The key only stands in front of the text that is hashed: whoever has one hash can go on with it."""
    return SignedLease(lease, hmac.new(b"", key + encode(lease), "sha256").digest())


# -- late binding -----------------------------------------------------------------------------------------------------


def _best(able: list[Task], lease: Lease) -> Task | None:
    return min(able, key=lambda task: (task.priority, task.prefers != lease.node), default=None)


def any_size(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """The most urgent task gets the lease, whether it fits in or not."""
    return _best([task for task in waiting if task.label == lease.label], lease)


def memory_only(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """Looks at memory, and not at processors."""
    able = [
        task
        for task in waiting
        if task.label == lease.label and task.capability.memory == lease.resources.memory
    ]
    return _best(able, lease)


def any_label(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """A task that needs a GPU is bound to a place without one, because its size is right."""
    return _best([task for task in waiting if task.capability == lease.resources], lease)


def larger_is_fine(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """A small task takes a large lease; the large task asks again, and the small lease that comes is of no use."""
    able = [
        task
        for task in waiting
        if task.label == lease.label and task.capability.fits(lease.resources)
    ]
    return _best(able, lease)


def first_in_line(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """The first task that fits: the data of the next one was on this very node."""
    for task in waiting:
        if (task.label, task.capability) == (lease.label, lease.resources):
            return task
    return None


def one_ask_each(waiting: Collection[Task]) -> tuple[Ask, ...]:
    """An ask of one for each task: equal asks replace each other, and one container comes where ten were wanted."""
    return tuple(
        Ask(task.capability, priority=task.priority, location=task.prefers, label=task.label)
        for task in waiting
    )


def forgets_the_label(waiting: Collection[Task]) -> tuple[Ask, ...]:
    """Asks for room anywhere: nothing that comes is of use for a task that needs a label."""
    right_ones: dict[Ask, int] = {}
    for task in waiting:
        ask = Ask(task.capability, priority=task.priority, location=task.prefers)
        right_ones[ask] = right_ones.get(ask, 0) + 1
    return tuple(structs.replace(ask, count=count) for ask, count in right_ones.items())


LEASES = (
    bug("trusts-the-bearer", trusts_the_bearer, part="A", replaces="leases:fault", breaks="SC-S2"),
    bug("a-prefix-will-do", a_prefix_will_do, part="A", replaces="leases:fault", breaks="SC-S2"),
    bug("any-node", any_node, part="A", replaces="leases:fault", breaks="SC-S2"),
    bug("any-life", any_life, part="A", replaces="leases:fault", breaks="SC-S2"),
    bug("any-epoch", any_epoch, part="A", replaces="leases:fault", breaks="SC-S2", code="m16"),
    bug("only-while-fresh", only_while_fresh, part="A", replaces="leases:fault", breaks="SC-S2"),
    bug("signs-the-number", signs_the_number, part="A", replaces="leases:sign", breaks="SC-S2"),
    bug(
        "signs-with-a-plain-hash",
        signs_with_a_plain_hash,
        part="A",
        replaces="leases:sign",
        breaks="SC-S2",
    ),
    bug("any-size", any_size, part="A", replaces="binding:choose", breaks="SC-S4"),
    bug("binds-by-memory", memory_only, part="A", replaces="binding:choose", breaks="SC-S4"),
    bug("binds-any-label", any_label, part="A", replaces="binding:choose", breaks="SC-S4"),
    bug(
        "larger-is-fine",
        larger_is_fine,
        part="A",
        replaces="binding:choose",
        breaks="SC-C1",
        kind="cost",
    ),
    bug(
        "binds-the-first",
        first_in_line,
        part="A",
        replaces="binding:choose",
        breaks="SC-C2",
        kind="cost",
    ),
    bug(
        "one-ask-each",
        one_ask_each,
        part="A",
        replaces="binding:asks_for",
        breaks="SC-C1",
        kind="liveness",
    ),
    bug(
        "forgets-the-label",
        forgets_the_label,
        part="A",
        replaces="binding:asks_for",
        breaks="SC-L1",
        kind="liveness",
    ),
)
