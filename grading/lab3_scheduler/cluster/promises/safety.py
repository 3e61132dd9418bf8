"""What must never happen: SC-S1 (capacity), SC-S2 (once, with a live lease), SC-S4 (labels and sizes)."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab3_scheduler.cluster.promises.books import Stay, account, total
from labs.lab3_scheduler.cluster import Exit, StartRefused
from labs.lab3_scheduler.scheduling import Resources


def fits_the_node(run: Run) -> Verdict:
    """SC-S1. At every instant, what runs on a node fits into it; and what a node says is over is over."""
    book = account(run)
    here: dict[str, list[Stay]] = {}
    for stay in book.stays:
        node = book.registered(stay.node, stay.event.time)
        capacity = node.capacity if node is not None else Resources()
        others = [
            other
            for other in here.setdefault(stay.node, [])
            if other.until is None or other.until > stay.event.time
        ]
        here[stay.node] = [*others, stay]
        used = total([each.lease.resources for each in here[stay.node]])
        if not used.fits(capacity):
            return broken(
                f"{len(here[stay.node])} containers run on {stay.node} at once, more than it has room for",
                *(other.event.id for other in others),
                stay.event.id,
                expected=f"at most {capacity}",
                got=str(used),
            )
    for stay in book.stays:
        if stay.said and stay.ended is not None:
            return broken(
                f"{stay.node} said that container {number(stay)} is over, and it was still running",
                stay.event.id,
                stay.ended.id,
                stay.said,
                expected="what a node says of a container is true",
                got=f"its process ended {(stay.ended.time - (stay.until or 0)) / 1000:.0f} ms later",
            )
    return kept()


def once_with_a_live_lease(run: Run) -> Verdict:
    """SC-S2. A container runs once, on its own node, in the life and with the lease that it was granted for."""
    book = account(run)
    first: dict[int, Stay] = {}
    for stay in book.stays:
        lease, event = stay.lease, stay.event
        if lease.container in first:
            return broken(
                f"something was started twice in container {number(stay)}",
                first[lease.container].event.id,
                event.id,
                expected="once",
                got=f"on {first[lease.container].node} and on {stay.node}",
            )
        first[lease.container] = stay
        told = book.grants.get(lease.container)
        if told is None or told[1] != lease or told[0].id > event.id:
            return broken(
                f"{stay.node} started container {number(stay)} with a lease that nobody granted",
                event.id,
                expected="a lease as the RM has signed it",
                got=repr(lease),
            )
        node = book.registered(stay.node, event.time)
        if lease.node != stay.node or node is None or lease.life != node.life:
            return broken(
                f"{stay.node} started something with a lease for another node, or another life of it",
                told[0].id,
                event.id,
                expected=f"node {stay.node}, life {node.life if node else 0}",
                got=f"node {lease.node}, life {lease.life}",
            )
        follows = [
            each for each in book.epochs if each[0].node == stay.node and each[0].id < event.id
        ]
        if (
            follows
            and lease.epoch < follows[-1][1]
            and follows[-1][0].incarnation == event.incarnation
        ):
            return broken(
                f"{stay.node} started container {number(stay)} with a lease of an RM that it knew to be replaced",
                follows[-1][0].id,
                event.id,
                expected=f"a lease of epoch {follows[-1][1]}",
                got=f"epoch {lease.epoch}",
            )
        claim = book.claims.get(lease.container)
        if claim is not None and claim[0].id < event.id:
            return broken(
                f"{stay.node} said that container {number(stay)} is over ({claim[1]}), and started it then",
                claim[0].id,
                event.id,
                expected="what is over stays over",
                got="started",
            )
    return _refused_for_good(run)


def _refused_for_good(run: Run) -> Verdict:
    """What was refused with a genuine lease for this life is not started later."""
    book = account(run)
    started = {stay.lease.container: stay for stay in book.stays}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, StartRefused):
            stay = started.get(event.what.container)
            if stay is not None and stay.node == event.node and stay.event.id > event.id:
                return broken(
                    f"{event.node} refused to start something in container {number(stay)}, and did it later",
                    event.id,
                    stay.event.id,
                    expected="a refusal is final",
                    got="started",
                )
    return kept()


def where_it_may(run: Run) -> Verdict:
    """SC-S4. A task runs on a node of its label, in a container that it fits into."""
    book = account(run)
    for stay in book.stays:
        node = book.registered(stay.node, stay.event.time)
        label = node.label if node is not None else ""
        if stay.task.label != label:
            return broken(
                f"task {stay.task.name} of {stay.lease.app} runs on {stay.node}, which has another label",
                stay.event.id,
                expected=f"label {stay.task.label!r}",
                got=f"label {label!r}",
            )
        if not stay.task.capability.fits(stay.lease.resources):
            return broken(
                f"task {stay.task.name} of {stay.lease.app} runs in a container that is too small for it",
                stay.event.id,
                expected=f"at least {stay.task.capability}",
                got=str(stay.lease.resources),
            )
    return kept()


def number(stay: Stay) -> int:
    """For reports: a container's number without its epoch."""
    return stay.lease.container & ((1 << 40) - 1)


# -- situations -------------------------------------------------------------------------------------------------------


def node_was_lost(run: Run) -> bool:
    """A node was taken for dead while something ran in it."""
    return any(how is Exit.LOST for _, how in account(run).exits.values())


def zombie_ran(run: Run) -> bool:
    """Something still ran on a node when its application was told that it is lost."""
    book = account(run)
    for stay in book.stays:
        told = book.exits.get(stay.lease.container)
        if (
            told is not None
            and told[1] is Exit.LOST
            and (stay.until is None or stay.until > told[0].time)
        ):
            return True
    return False


def lease_unused(run: Run) -> bool:
    """A lease was taken back because nothing was started in time."""
    book = account(run)
    return any(
        how is Exit.UNUSED and container not in book.releases
        for container, (_, how) in book.exits.items()
    )


def full_to_the_brim(run: Run) -> bool:
    """Some node had no room for one more of what ran on it."""
    book = account(run)
    for stay in book.stays:
        node = book.registered(stay.node, stay.event.time)
        beside = [
            other.lease.resources
            for other in book.stays
            if other.node == stay.node
            and other.event.time <= stay.event.time
            and (other.until is None or other.until > stay.event.time)
        ]
        if node is not None and not total([*beside, stay.lease.resources]).fits(node.capacity):
            return True
    return False


def two_labels(run: Run) -> bool:
    """Tasks ran on nodes of different labels."""
    return len({stay.task.label for stay in account(run).stays}) > 1


def start_repeated(run: Run) -> bool:
    """Somebody asked again to start what was running or over."""
    book = account(run)
    ran = {stay.lease.container: stay.event.time for stay in book.stays}
    return any(
        type(event.what).__name__ == "StartContainer"
        and ran.get(event.what.lease.lease.container, event.time) < event.time
        for event in run.trace.of(Kind.DELIVER)
    )
