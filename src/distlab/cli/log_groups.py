"""``distlab log groups``, ``lag``, and ``consume`` as a member of a group."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click
from msgspec import Struct

from distlab.cli.log_cluster import Cluster, Refusal
from distlab.cli.program import INTERRUPTED, NotReady
from distlab.cli.screen import Screen, plural, styled
from distlab.core.values import SECOND

_LEGAL: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_POLL: Final = 500
"""Records of a poll, at most."""


@click.command()
def groups() -> None:
    """List groups, and what they are doing."""
    cluster = Cluster()
    found = cluster.ask(cluster.requests.Groups())
    for name, state in found:
        click.echo(f"{name:<24}{state}")
    if not found:
        click.echo("no groups yet: distlab log consume TOPIC --group NAME", err=True)


@click.command()
@click.argument("group")
def lag(group: str) -> None:
    """Of each partition of a group: what is committed, how far behind that is, and who reads it."""
    cluster = Cluster()
    state, generation, assignor, members, positions = cluster.ask(cluster.requests.GroupOf(group))
    owners = {part: (member, node) for member, node, parts in members for part in parts}
    committed = dict(positions)
    screen = Screen()
    shared = f", generation {generation}, {assignor}" if members else ""
    screen.lines([styled(f"{group}: {state}{shared}, {plural(len(members), 'member')}")])
    screen.lines([styled(cluster.sight.LAG_HEAD, "dim")])
    for part in sorted({*owners, *committed}, key=cluster.sight.in_order):
        end = _end_of(cluster, part)
        line = cluster.sight.lag_line(part, committed.get(part), end, owners.get(part))
        screen.lines([styled(line)])


def _end_of(cluster: Cluster, partition: str) -> int | None:
    """Everything before it is committed to the log; None where nobody can say."""
    requests = cluster.requests
    with suppress(Refusal):
        take = requests.Take(partition, requests.FROM_END, max_bytes=1, patience=3 * SECOND)
        end: int = cluster.ask(take)[1]
        return end
    return None


# -- a member ---------------------------------------------------------------------------------------------------------


class Membership(Struct, frozen=True):
    """Which group, and how."""

    group: str
    topic: str
    assignor: str
    from_beginning: bool
    max_poll_interval: float


class Member:
    """A place in a group: one of the members that the cluster lends."""

    def __init__(self, cluster: Cluster, membership: Membership) -> None:
        if not _LEGAL.fullmatch(membership.group):
            raise Refusal("INVALID_GROUP_ID")
        self._cluster = cluster
        self._membership = membership
        self._told: Any = None
        self.sit_down()

    def sit_down(self) -> None:
        """Take a free seat. Raises ``Refusal``."""
        wanted, requests = self._membership, self._cluster.requests
        subscribe = requests.Subscribe(
            wanted.group,
            (wanted.topic,),
            wanted.assignor,
            "earliest" if wanted.from_beginning else "latest",
            int(wanted.max_poll_interval * SECOND),
        )
        for seat in requests.SEATS:
            with suppress(Refusal):
                self._token, self.seat = self._cluster.ask(subscribe, seat), seat
                return
        raise Refusal(requests.TAKEN)

    def poll(self, most: int) -> list[Any]:
        """Records; all that came before is processed. Who has lost the seat takes another one."""
        requests = self._cluster.requests
        try:
            told = self._cluster.ask(requests.GroupPoll(self._token, most), self.seat)
        except Refusal as refusal:
            click.echo(f"{self.seat} is gone ({refusal.code}); joining anew", err=True)
            self.sit_down()
            return []
        generation, partitions, records = told
        if (generation, partitions) != self._told and generation >= 0:
            self._told = generation, partitions
            shown = ", ".join(partitions) or "nothing"
            click.echo(f"{self.seat}, generation {generation}: reads {shown}", err=True)
        return list(records)

    def leave(self) -> None:
        """Commit what was processed, and go."""
        with suppress(Refusal, NotReady):
            self._cluster.ask(self._cluster.requests.Leave(self._token), self.seat)


def consume_as_member(
    cluster: Cluster,
    membership: Membership,
    put: Callable[[list[Any]], None],
    max_messages: int,
    timeout: float,
) -> int | None:
    """Hand each record to ``put``, until enough have come, or nothing has for so long, or Ctrl-C.

    An interrupt waits for the poll that is under way: what it brings is printed, and then committed.
    """
    member = Member(cluster, membership)
    count, heard_at = 0, time.monotonic()
    with _interrupted() as signals:
        while not signals:
            most = min(_POLL, max_messages - count) if max_messages else _POLL
            records = member.poll(most)
            for record in records:
                put(record)
            sys.stdout.flush()
            count += len(records)
            if records:
                heard_at = time.monotonic()
            if max_messages and count == max_messages:
                break
            if timeout and time.monotonic() - heard_at > timeout:
                break
        member.leave()
        return INTERRUPTED if signals else None


@contextmanager
def _interrupted() -> Iterator[list[int]]:
    """Collects what would have ended us."""
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: caught.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
