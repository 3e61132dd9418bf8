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

# BEGIN SOLUTION 2E: your own constants
FORMER = 8
"""How many lives that are over are remembered: echoes do not live long."""
# END SOLUTION


def apply(cluster: Cluster, command: Command, rules: Rules) -> Cluster:
    """What is decided after ``command``, equal to ``cluster`` if that changes nothing.

    ``cluster`` itself stays as it is.
    """
    # BEGIN SOLUTION 2E: one rule for each command; then see that every partition has a leader
    before = cluster
    match command:
        case Register(broker, life, previous):
            cluster = registered(cluster, broker, life, previous, rules)
        case Fence(broker, life):
            cluster = fenced(cluster, broker, life, rules)
        case Alter(broker, request):
            cluster = altered(cluster, broker, request, rules)
        case Prefer(partition):
            cluster = preferred(cluster, partition)
    decided = {
        name: once(before.partitions[name], with_leader(state, cluster, rules))
        for name, state in cluster.partitions.items()
    }
    return structs.replace(cluster, partitions=decided)
    # END SOLUTION


# -- commands ---------------------------------------------------------------------------------------------------------


def registered(cluster: Cluster, broker: str, life: int, previous: int, rules: Rules) -> Cluster:
    """A broker speaks: it is new, or back in the same life, or in another one; or it is an echo of a former life."""
    # BEGIN SOLUTION 2E: a new life ends the one before it, and leaderships with it; an unclean one trust as well
    known = cluster.brokers.get(broker)
    if known is None:
        return with_broker(cluster, broker, BrokerState(life))
    if life in known.former:
        return cluster
    if life == known.life:
        return with_broker(cluster, broker, structs.replace(known, is_fenced=False))
    partitions = {}
    for name, state in cluster.partitions.items():
        if previous != known.life:
            state = without(state, broker, rules, is_eligible=False)
        partitions[name] = deposed(state, broker)
    cluster = structs.replace(cluster, partitions=partitions)
    former = (*known.former, known.life)[-FORMER:]
    return with_broker(cluster, broker, BrokerState(life, former=former))
    # END SOLUTION


def fenced(cluster: Cluster, broker: str, life: int, rules: Rules) -> Cluster:
    """A broker is silent: it is in no ISR, and leads nothing. It has not lost anything, as far as we know."""
    # BEGIN SOLUTION 2E: unless it lives another life by now
    known = cluster.brokers.get(broker)
    if known is None or known.is_fenced or known.life != life:
        return cluster
    partitions = {
        name: deposed(without(state, broker, rules, is_eligible=True), broker)
        for name, state in cluster.partitions.items()
    }
    cluster = structs.replace(cluster, partitions=partitions)
    return with_broker(cluster, broker, structs.replace(known, is_fenced=True))
    # END SOLUTION


def altered(cluster: Cluster, broker: str, request: AlterPartition, rules: Rules) -> Cluster:
    """A leader wants another ISR: compare, and set.

    It must lead, in this epoch, and know this version; whoever knows less must not decide. It gets all that it asks
    for but those who are fenced or unknown. And the version rises whatever comes of it: so no copy of the request, and
    none of an older one, is ever granted later.
    """
    # BEGIN SOLUTION 2E: who leaves the ISR stays eligible, if it is too small now
    state = cluster.partitions.get(request.partition)
    if state is None or (state.leader, state.leader_epoch, state.version) != (
        broker,
        request.leader_epoch,
        request.version,
    ):
        return cluster
    isr = tuple(
        b
        for b in state.replicas
        if b == broker or (b in request.isr and is_live(cluster.brokers, b))
    )
    new = with_isr(state, isr, rules, leaving=state.isr)
    return with_partition(cluster, structs.replace(new, version=state.version + 1))
    # END SOLUTION


def preferred(cluster: Cluster, partition: str) -> Cluster:
    """The first replica in the ISR that lives leads, though another one leads well enough (KIP-460)."""
    # BEGIN SOLUTION 2E: unless it leads already
    state = cluster.partitions.get(partition)
    if state is None:
        return cluster
    best = first_live(state.isr, state, cluster.brokers)
    return (
        with_partition(cluster, elected(state, best)) if best not in ("", state.leader) else cluster
    )
    # END SOLUTION


# -- elections --------------------------------------------------------------------------------------------------------


def with_leader(state: PartitionState, cluster: Cluster, rules: Rules) -> PartitionState:
    """The partition, led by somebody if anybody can lead it.

    The first replica, in the order of the assignment, that lives and is in the ISR; else, that is in the ELR, and is
    the whole ISR then; else, only if the operator has said so, any that lives: and the state says that it was unclean.
    """
    # BEGIN SOLUTION 2E: in this order
    if state.leader:
        return state
    if leader := first_live(state.isr, state, cluster.brokers):
        return elected(state, leader)
    if leader := first_live(state.elr, state, cluster.brokers):
        return elected(with_isr(state, (leader,), rules, leaving=()), leader)
    if rules.unclean and (leader := first_live(state.replicas, state, cluster.brokers)):
        found = elected(structs.replace(state, isr=(leader,), elr=()), leader)
        return structs.replace(found, unclean=found.leader_epoch)
    return state
    # END SOLUTION


# BEGIN SOLUTION 2E: your own helpers
def once(before: PartitionState, after: PartitionState) -> PartitionState:
    """One command, one version more, and one epoch at most: however many rules had a hand in it."""
    if after == before:
        return before
    epoch = min(after.leader_epoch, before.leader_epoch + 1)
    unclean = after.unclean if after.unclean == before.unclean else epoch
    return structs.replace(after, version=before.version + 1, leader_epoch=epoch, unclean=unclean)


def elected(state: PartitionState, leader: str) -> PartitionState:
    """A new epoch; one without a leader is one, too."""
    return structs.replace(state, leader=leader, leader_epoch=state.leader_epoch + 1)


def deposed(state: PartitionState, broker: str) -> PartitionState:
    """The partition without a leader, if the broker led it."""
    return elected(state, "") if state.leader == broker else state


def without(
    state: PartitionState, broker: str, rules: Rules, *, is_eligible: bool
) -> PartitionState:
    """The broker is in the ISR no more; in the ELR only if it is eligible."""
    isr = tuple(b for b in state.isr if b != broker)
    new = with_isr(state, isr, rules, leaving=state.isr if is_eligible else ())
    if not is_eligible:
        new = structs.replace(new, elr=tuple(b for b in new.elr if b != broker))
    return new


def with_isr(
    state: PartitionState, isr: tuple[str, ...], rules: Rules, leaving: tuple[str, ...]
) -> PartitionState:
    """That ISR. While it is smaller than min.insync nothing is committed: who leaves it now stays eligible."""
    elr: tuple[str, ...] = ()
    if len(isr) < rules.min_insync:
        elr = tuple(b for b in state.replicas if b not in isr and b in (*state.elr, *leaving))
    return structs.replace(state, isr=isr, elr=elr)


def first_live(
    eligible: tuple[str, ...], state: PartitionState, brokers: dict[str, BrokerState]
) -> str:
    """The first of these, in the order of the assignment, that lives; empty if none does."""
    return next((b for b in state.replicas if b in eligible and is_live(brokers, b)), "")


def is_live(brokers: dict[str, BrokerState], broker: str) -> bool:
    return broker in brokers and not brokers[broker].is_fenced


def with_broker(cluster: Cluster, broker: str, state: BrokerState) -> Cluster:
    return structs.replace(cluster, brokers={**cluster.brokers, broker: state})


def with_partition(cluster: Cluster, state: PartitionState) -> Cluster:
    return structs.replace(cluster, partitions={**cluster.partitions, state.partition: state})


# END SOLUTION
