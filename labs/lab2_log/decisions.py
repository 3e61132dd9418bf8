"""What a controller decides: a function from what is decided and a command to what is decided then.

No clock, no network, no disk. Whoever asks it twice gets the same answer, so every controller can check another one.

Theory of operation. Of a partition's replicas some surely have everything that is committed: the *in-sync replicas*
(ISR), without whom nothing is committed; and, since nothing at all is committed while the ISR is smaller than
min.insync, also those who left it when it was, or became, that small: the *eligible leader replicas* (ELR, KIP-966).
From these a leader may come. Who restarts without having shut down cleanly may have forgotten anything, and is in
neither. If nobody is left, nobody leads; unless the operator would rather lose records than wait.
"""

from __future__ import annotations

from msgspec import structs

from labs.lab2_log.brokers import AlterPartition, PartitionState
from labs.lab2_log.metadata import (
    Alter,
    BrokerState,
    Cluster,
    Command,
    Fence,
    Prefer,
    Register,
    Rules,
)

# TODO 2E: your own constants


def apply(cluster: Cluster, command: Command, rules: Rules) -> Cluster:
    """What is decided after ``command``, equal to ``cluster`` if that changes nothing.

    ``cluster`` itself stays as it is.
    """
    raise NotImplementedError(
        "2E: one rule for each command; then see that every partition has a leader"
    )


# -- commands ---------------------------------------------------------------------------------------------------------


def registered(cluster: Cluster, broker: str, life: int, previous: int, rules: Rules) -> Cluster:
    """A broker speaks: it is new, or back in the same life, or in another one; or it is an echo of a former life."""
    raise NotImplementedError(
        "2E: a new life ends the one before it, and leaderships with it; an unclean one trust as well"
    )


def fenced(cluster: Cluster, broker: str, life: int, rules: Rules) -> Cluster:
    """A broker is silent: it is in no ISR, and leads nothing. It has not lost anything, as far as we know."""
    raise NotImplementedError("2E: unless it lives another life by now")


def altered(cluster: Cluster, broker: str, request: AlterPartition, rules: Rules) -> Cluster:
    """A leader wants another ISR: compare, and set.

    It must lead, in this epoch, and know this version; whoever knows less must not decide. It gets all that it asks
    for but those who are fenced or unknown. And the version rises whatever comes of it: so no copy of the request, and
    none of an older one, is ever granted later.
    """
    raise NotImplementedError("2E: who leaves the ISR stays eligible, if it is too small now")


def preferred(cluster: Cluster, partition: str) -> Cluster:
    """The first replica in the ISR that lives leads, though another one leads well enough (KIP-460)."""
    raise NotImplementedError("2E: unless it leads already")


# -- elections --------------------------------------------------------------------------------------------------------


def with_leader(state: PartitionState, cluster: Cluster, rules: Rules) -> PartitionState:
    """The partition, led by somebody if anybody can lead it.

    The first replica, in the order of the assignment, that lives and is in the ISR; else, that is in the ELR, and is
    the whole ISR then; else, only if the operator has said so, any that lives: and the state says that it was unclean.
    """
    raise NotImplementedError("2E: in this order")


# TODO 2E: your own helpers
