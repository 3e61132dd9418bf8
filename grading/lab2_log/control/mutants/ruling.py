"""Bugs of what a controller decides: elections, eligibility, compare-and-set."""

from __future__ import annotations

from msgspec import structs

from distlab.grade.lab import bug
from labs.lab2_log import decisions
from labs.lab2_log.brokers import AlterPartition, PartitionState
from labs.lab2_log.metadata import BrokerState, Cluster, Rules

_with_leader = decisions.with_leader
_registered = decisions.registered
_altered = decisions.altered
_with_isr = decisions.with_isr
_first_live = decisions.first_live


def elects_anybody(state: PartitionState, cluster: Cluster, rules: Rules) -> PartitionState:
    """Whoever lives may lead where nobody in sync does, and nothing says so: what was committed is gone in silence. (It
    was Kafka's default until 0.11.)"""
    found = _with_leader(state, cluster, structs.replace(rules, unclean=True))
    return structs.replace(found, unclean=state.unclean)


def elects_in_silence(state: PartitionState, cluster: Cluster, rules: Rules) -> PartitionState:
    """Elects uncleanly where that is allowed, and does not say that it did: nobody knows that records may be gone."""
    return structs.replace(_with_leader(state, cluster, rules), unclean=state.unclean)


def waits_for_the_isr(state: PartitionState, cluster: Cluster, rules: Rules) -> PartitionState:
    """Elects from the ISR only: the last replica that was in sync is in the ELR, and comes back, and is not asked."""
    if state.leader or not decisions.first_live(state.isr, state, cluster.brokers):
        return state
    return _with_leader(state, cluster, rules)


def trusts_the_killed(
    cluster: Cluster, broker: str, life: int, previous: int, rules: Rules
) -> Cluster:
    """The last replica standing loses power, forgets the end of its log, comes back, and is still the one in sync."""
    known = cluster.brokers.get(broker)
    return _registered(cluster, broker, life, known.life if known else previous, rules)


def believes_the_newcomer(
    cluster: Cluster, broker: str, life: int, previous: int, rules: Rules
) -> Cluster:
    """Any former life will do as the one that ended cleanly: the one that was killed since is passed over."""
    known = cluster.brokers.get(broker)
    was_clean = known is not None and previous in (*known.former, known.life)
    return _registered(
        cluster, broker, life, known.life if known and was_clean else previous, rules
    )


def believes_echoes(
    cluster: Cluster, broker: str, life: int, previous: int, rules: Rules
) -> Cluster:
    """A word of a former life arrives late, and is taken for another restart."""
    known = cluster.brokers.get(broker)
    if known is not None:
        bare = {**cluster.brokers, broker: structs.replace(known, former=())}
        cluster = structs.replace(cluster, brokers=bare)
    return _registered(cluster, broker, life, previous, rules)


def keeps_the_leader(
    cluster: Cluster, broker: str, life: int, previous: int, rules: Rules
) -> Cluster:
    """A leader that is back before anybody noticed goes on in its old epoch, and knows nothing of its followers."""
    after = _registered(cluster, broker, life, previous, rules)
    led = {
        name: structs.replace(state, leader=old.leader, leader_epoch=old.leader_epoch)
        if old.leader == broker and broker in state.isr
        else state
        for (name, state), old in zip(
            after.partitions.items(), cluster.partitions.values(), strict=True
        )
    }
    return structs.replace(after, partitions=led)


def no_compare(cluster: Cluster, broker: str, request: AlterPartition, rules: Rules) -> Cluster:
    """Sets, and does not compare: a request that is late undoes what was decided since."""
    state = cluster.partitions.get(request.partition)
    if state is not None:
        request = structs.replace(request, version=state.version)
    return _altered(cluster, broker, request, rules)


def any_epoch(cluster: Cluster, broker: str, request: AlterPartition, rules: Rules) -> Cluster:
    """A leader of yesterday may change the ISR, if it happens to know the version."""
    state = cluster.partitions.get(request.partition)
    if state is not None and state.leader:
        request = structs.replace(request, leader_epoch=state.leader_epoch)
        broker = state.leader if broker in state.replicas else broker
    return _altered(cluster, broker, request, rules)


def lets_the_silent_in(
    cluster: Cluster, broker: str, request: AlterPartition, rules: Rules
) -> Cluster:
    """Somebody who is fenced comes into the ISR: a leader asked for it before it fell silent (KIP-841)."""
    all_live = {
        name: structs.replace(known, is_fenced=False) for name, known in cluster.brokers.items()
    }
    after = _altered(structs.replace(cluster, brokers=all_live), broker, request, rules)
    return structs.replace(after, brokers=cluster.brokers)


def nobody_is_eligible(
    state: PartitionState, isr: tuple[str, ...], rules: Rules, leaving: tuple[str, ...]
) -> PartitionState:
    """Keeps no ELR: when the last one in sync is silent for a moment, nobody may lead ever again."""
    return structs.replace(state, isr=isr, elr=())


def eligible_for_ever(
    state: PartitionState, isr: tuple[str, ...], rules: Rules, leaving: tuple[str, ...]
) -> PartitionState:
    """Whoever was in sync once stays eligible, though others have committed without it since."""
    elr = tuple(b for b in state.replicas if b not in isr and b in (*state.elr, *leaving))
    return structs.replace(state, isr=isr, elr=elr)


def the_last_first(
    eligible: tuple[str, ...], state: PartitionState, brokers: dict[str, BrokerState]
) -> str:
    """Any replica in the ISR is as good as another, but the order of the assignment spreads leaders over brokers."""
    backwards = structs.replace(state, replicas=state.replicas[::-1])
    return _first_live(eligible, backwards, brokers)


RULING = (
    bug(
        "elects-anybody",
        elects_anybody,
        part="E",
        replaces="decisions:with_leader",
        breaks="RL-S4",
        code="2E-m22",
        source="the notes, strategy 2; unclean.leader.election.enable",
    ),
    bug(
        "elects-in-silence",
        elects_in_silence,
        part="E",
        replaces="decisions:with_leader",
        breaks="RL-S4",
        source="KIP-704",
    ),
    bug(
        "waits-for-the-isr",
        waits_for_the_isr,
        part="E",
        replaces="decisions:with_leader",
        breaks="RL-L4",
        kind="liveness",
        source="KIP-966",
    ),
    bug(
        "trusts-the-killed",
        trusts_the_killed,
        part="E",
        replaces="decisions:registered",
        breaks="RL-S4",
        code="2E-m17",
        source="KIP-966, last replica standing",
    ),
    bug(
        "believes-the-newcomer",
        believes_the_newcomer,
        part="E",
        replaces="decisions:registered",
        breaks="RL-S4",
    ),
    bug(
        "believes-echoes",
        believes_echoes,
        part="E",
        replaces="decisions:registered",
        breaks="RL-S4",
        source="KIP-380",
    ),
    bug(
        "keeps-the-leader",
        keeps_the_leader,
        part="E",
        replaces="decisions:registered",
        breaks="RL-S4",
    ),
    bug(
        "no-compare",
        no_compare,
        part="E",
        replaces="decisions:altered",
        breaks="RL-S9",
        code="2E-m11",
        source="KIP-497, AsyncIsr.tla",
    ),
    bug("any-leader-will-do", any_epoch, part="E", replaces="decisions:altered", breaks="RL-S9"),
    bug(
        "lets-the-silent-in",
        lets_the_silent_in,
        part="E",
        replaces="decisions:altered",
        breaks="RL-S9",
        source="KIP-841",
    ),
    bug(
        "nobody-is-eligible",
        nobody_is_eligible,
        part="E",
        replaces="decisions:with_isr",
        breaks="RL-L4",
        kind="liveness",
        source="KIP-966",
    ),
    bug(
        "eligible-for-ever",
        eligible_for_ever,
        part="E",
        replaces="decisions:with_isr",
        breaks="RL-S4",
        source="KIP-966",
    ),
    bug(
        "the-last-first",
        the_last_first,
        part="E",
        replaces="decisions:first_live",
        breaks="RL-S4",
        source="the notes: drawn from the ISR",
    ),
)
