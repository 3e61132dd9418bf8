"""The second solution's decisions: a working copy that rules change, and one look over it at the end.

Nothing moves a version or an epoch but the end: it compares what there was with what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.lab2_log.brokers import PartitionState
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


@dataclass
class Draft:
    """A partition while a command is carried out."""

    before: PartitionState
    leader: str
    isr: list[str]
    elr: list[str]
    touched: bool = False
    """The version rises, whatever else has changed."""
    has_new_epoch: bool = False
    is_unclean: bool = False

    def drop(self, broker: str, least: int, *, is_trusted: bool) -> None:
        """Out of the ISR; eligible if it may still be trusted, and nothing can be committed without it."""
        if not is_trusted and broker in self.elr:
            self.elr.remove(broker)
        if broker in self.isr:
            self.isr.remove(broker)
            if is_trusted and len(self.isr) < least:
                self.elr.append(broker)

    def depose(self, broker: str) -> None:
        if self.leader == broker:
            self.leader, self.has_new_epoch = "", True

    def elect(self, live: list[str], rules: Rules) -> None:
        """Find a leader among those that live, in the order of the assignment."""
        for group in (self.isr, self.elr, live if rules.unclean else []):
            found = [broker for broker in live if broker in group]
            if found:
                self.leader, self.has_new_epoch = found[0], True
                if group is not self.isr:
                    self.is_unclean = group is not self.elr
                    self.isr = [found[0]]
                    self.elr = [] if self.is_unclean else [b for b in self.elr if b != found[0]]
                return

    def state(self, least: int) -> PartitionState:
        old = self.before
        order = old.replicas.index
        isr = tuple(sorted(set(self.isr), key=order))
        elr = tuple(sorted(set(self.elr) - set(isr), key=order)) if len(isr) < least else ()
        if (self.leader, isr, elr) == (old.leader, old.isr, old.elr) and not (
            self.touched or self.has_new_epoch
        ):
            return old
        epoch = old.leader_epoch + self.has_new_epoch
        return PartitionState(
            old.partition,
            old.replicas,
            self.leader,
            epoch,
            isr,
            old.version + 1,
            elr,
            epoch if self.is_unclean else old.unclean,
        )


def apply(cluster: Cluster, command: Command, rules: Rules) -> Cluster:
    brokers = dict(cluster.brokers)
    drafts = {
        name: Draft(state, state.leader, list(state.isr), list(state.elr))
        for name, state in cluster.partitions.items()
    }
    match command:
        case Register(broker, life, previous):
            register(brokers, drafts, broker, life, previous, rules)
        case Fence(broker, life):
            known = brokers.get(broker)
            if known is not None and known.life == life and not known.is_fenced:
                brokers[broker] = BrokerState(life, True, known.former)
                for draft in drafts.values():
                    draft.drop(broker, rules.min_insync, is_trusted=True)
                    draft.depose(broker)
    live = {broker for broker, state in brokers.items() if not state.is_fenced}
    match command:
        case Alter(broker, request):
            if (wanted := drafts.get(request.partition)) is not None:
                old = wanted.before
                is_current = old.version == request.version
                if is_current and (old.leader, old.leader_epoch) == (broker, request.leader_epoch):
                    wanted.touched = True
                    kept = {broker, *(live & set(request.isr))}
                    wanted.elr += [b for b in wanted.isr if b not in kept]
                    wanted.isr = [b for b in old.replicas if b in kept]
        case Prefer(partition) if partition in drafts:
            draft = drafts[partition]
            best = [b for b in draft.before.replicas if b in draft.isr and b in live]
            if best and best[0] != draft.leader:
                draft.leader, draft.has_new_epoch = best[0], True
    for draft in drafts.values():
        if not draft.leader:
            draft.elect([b for b in draft.before.replicas if b in live], rules)
    partitions = {name: draft.state(rules.min_insync) for name, draft in drafts.items()}
    return Cluster(brokers, partitions)


def register(
    brokers: dict[str, BrokerState],
    drafts: dict[str, Draft],
    broker: str,
    life: int,
    previous: int,
    rules: Rules,
) -> None:
    known = brokers.get(broker)
    if known is None:
        brokers[broker] = BrokerState(life)
    elif known.life == life:
        brokers[broker] = BrokerState(life, False, known.former)
    elif life not in known.former:
        brokers[broker] = BrokerState(life, False, (*known.former, known.life)[-20:])
        for draft in drafts.values():
            if previous != known.life:
                draft.drop(broker, rules.min_insync, is_trusted=False)
            draft.depose(broker)
