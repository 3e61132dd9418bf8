"""Exams of part 2E: what a controller decides, and what a leader wants, as functions of values.

``decisions.apply`` is put to tables, and to a long random walk beside a dumb truth: who really has everything that is
committed. ``insync.py`` is put to tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from distlab.core import MS
from grading.lab2_log.control.asking import ALL3, P, Wrong, exam, moved_on
from grading.lab2_log.control.walking import walks
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
from labs.lab2_log.replicas import Progress

# -- tables: what a controller decides -------------------------------------------------------------


def led_by(leader: str, isr: str, elr: str = "") -> PartitionState:
    """Of epoch 5 and version 9. ``led_by("1", "12", "3")``: b1 leads, b1 and b2 are in the ISR, b3 in the ELR."""
    named = f"b{leader}" if leader else ""
    return PartitionState(P, ALL3, named, 5, _named(isr), 9, _named(elr))


def _named(digits: str) -> tuple[str, ...]:
    return tuple(f"b{digit}" for digit in digits)


def cluster(state: PartitionState, fenced: str = "") -> Cluster:
    """Each broker in life 10 and once in life 9."""
    brokers = {b: BrokerState(10, b[1] in fenced, (9,)) for b in ALL3}
    return Cluster(brokers, {P: state})


def ask(isr: str, sender: str = "b1", epoch: int = 5, version: int = 9) -> Alter:
    return Alter(sender, AlterPartition(1, P, epoch, _named(isr), version))


Row = tuple[str, str, str, tuple[Command, ...], Rules, str]
"""(story, before, who is fenced, commands, rules, after).

``"1/12/3"``: b1 leads, b1 and b2 are in the ISR, b3 is in the ELR.
"""
TWO, ONE = Rules(2), Rules(1)
LAX = Rules(2, unclean=True)


def silent(b: int, life: int = 10) -> Fence:
    return Fence(f"b{b}", life)


def back(b: int, life: int = 10) -> Register:
    """In the same life, or as an echo of a former one."""
    return Register(f"b{b}", life)


def killed(b: int, previous: int = 0) -> Register:
    """It is back in a new life, and was killed in the one before."""
    return Register(f"b{b}", 11, previous)


def ended(b: int) -> Register:
    """It is back in a new life, and the one before ended cleanly."""
    return Register(f"b{b}", 11, 10)


ELECTIONS: tuple[Row, ...] = (
    ("the leader is silent", "1/123/", "", (silent(1),), TWO, "2/23/"),
    ("the order of the assignment", "3/123/", "", (silent(3),), TWO, "1/12/"),
    ("not in sync, not eligible", "1/13/", "", (silent(1),), ONE, "3/3/"),
    ("one of two is silent", "1/12/", "", (silent(2),), TWO, "1/1/2"),
    ("the leader of two is silent", "1/12/", "", (silent(1),), TWO, "2/2/1"),
    ("the last one is silent", "1/1/", "23", (silent(1),), TWO, "//1"),
    ("the last one is silent, others live", "1/1/", "", (silent(1),), ONE, "//1"),
    ("an eligible one lives", "1/1/3", "", (silent(1),), TWO, "3/3/1"),
    ("an eligible one comes back", "//23", "123", (back(3),), TWO, "3/3/2"),
    ("another one comes back", "//23", "123", (back(1),), TWO, "//23"),
    ("eligible, and it ended cleanly", "//2", "123", (ended(2),), TWO, "2/2/"),
    ("eligible, and it was killed", "//2", "123", (killed(2),), TWO, "//"),
    ("it ended cleanly, but long ago", "//2", "123", (killed(2, 9),), TWO, "//"),
    ("a follower was killed", "1/123/", "", (killed(2),), TWO, "1/13/"),
    ("a follower ended cleanly", "1/123/", "", (ended(2),), TWO, "1/123/"),
    ("one of two was killed", "1/12/", "", (killed(2),), TWO, "1/1/"),
    ("the leader was killed, and is back at once", "1/123/", "", (killed(1),), TWO, "2/23/"),
    ("last replica standing, killed (KIP-966)", "3/3/", "12", (killed(3),), ONE, "//"),
    ("last replica standing, ended cleanly", "3/3/", "12", (ended(3),), ONE, "3/3/"),
    ("an echo of a former life", "1/123/", "", (back(1, 9),), TWO, "1/123/"),
    ("silence in a former life", "1/123/", "", (silent(1, 9),), TWO, "1/123/"),
    ("silent, and back in the same life", "1/123/", "", (silent(3), back(3)), TWO, "1/12/"),
    ("nobody is left, and so be it", "//2", "123", (killed(3),), LAX, "3/3/"),
    ("somebody is left, though anybody may lead", "1/1/2", "", (silent(1),), LAX, "2/2/1"),
    ("the preferred one", "3/123/", "", (Prefer(P),), TWO, "1/123/"),
    ("the preferred one is silent", "3/23/", "1", (Prefer(P),), TWO, "2/23/"),
    ("the preferred one leads", "1/123/", "", (Prefer(P),), TWO, "1/123/"),
    ("enough again: nobody else is eligible", "1/1/23", "", (ask("12"),), TWO, "1/12/"),
    ("not enough yet", "1/1/23", "", (ask("12"),), Rules(3), "1/12/3"),
    ("out of sync together", "1/123/", "", (ask("1"),), TWO, "1/1/23"),
    ("one after the other", "1/123/", "", (ask("12"), ask("1", version=10)), TWO, "1/1/2"),
)


def elections(decisions: Any) -> None:
    for story, before, fenced, commands, rules, wanted in ELECTIONS:
        start = after = cluster(led_by(*before.split("/")), fenced)
        for command in commands:
            after = decisions.apply(after, command, rules)
        old, new = led_by(*before.split("/")), after.partitions[P]
        if start != cluster(old, fenced):
            raise Wrong(f"{story}: what was decided before", "as it was: decide on a copy", start)
        got = f"{new.leader[1:]}/{_digits(new.isr)}/{_digits(new.elr)}"
        if got != wanted:
            told = ", then ".join(map(repr, commands))
            raise Wrong(f"{story}: {told}", _told(wanted), _told(got))
        moved_on(story, old, new)
        is_same = new.leader == old.leader and story != "last replica standing, ended cleanly"
        if is_same and new.leader_epoch != old.leader_epoch:
            raise Wrong(f"{story}: the same leader", "the same epoch", new.leader_epoch)
        unclean = new.leader_epoch if story == "nobody is left, and so be it" else old.unclean
        if new.unclean != unclean:
            raise Wrong(f"{story}: `unclean` says how the leader came", unclean, new.unclean)


def _digits(names: Iterable[str]) -> str:
    return "".join(name[1:] for name in names)


def _told(what: str) -> str:
    leader, isr, elr = what.split("/")
    leads = f"b{leader} leads" if leader else "nobody leads"
    return f"{leads}; ISR {isr or 'empty'}; ELR {elr or 'empty'}"


def a_new_epoch(decisions: Any) -> None:
    """A leader that is back in another life, cleanly, leads in another epoch: it knows nothing of its followers."""
    before = cluster(led_by("1", "123"))
    new = decisions.apply(before, Register("b1", 11, 10), TWO).partitions[P]
    if new.leader_epoch <= 5:
        raise Wrong(
            "the leader is back in another life", "an epoch greater than 5", new.leader_epoch
        )


ISR_CHANGES: tuple[tuple[str, Cluster, Alter, bool, str], ...] = (
    ("it leads, and knows", cluster(led_by("1", "123")), ask("12"), True, "12"),
    ("an older version", cluster(led_by("1", "12")), ask("123", version=8), False, "12"),
    ("a version that is not yet", cluster(led_by("1", "12")), ask("123", version=10), False, "12"),
    ("an older epoch", cluster(led_by("1", "12")), ask("123", epoch=4), False, "12"),
    ("a leader of yesterday", cluster(led_by("2", "12")), ask("123"), False, "12"),
    ("one who is fenced", cluster(led_by("1", "12"), "3"), ask("123"), True, "12"),
)  # fmt: skip


def compare_and_set(decisions: Any) -> None:
    for story, before, request, is_granted, isr in ISR_CHANGES:
        new = decisions.apply(before, request, TWO).partitions[P]
        if _digits(new.isr) != isr:
            raise Wrong(
                f"{story}: {request.request!r} of {request.broker}",
                f"ISR {isr}",
                f"ISR {_digits(new.isr)}",
            )
        if not is_granted and new != before.partitions[P]:
            raise Wrong(f"{story}: it must change nothing", before.partitions[P], new)
        if is_granted and new.version <= 9:
            raise Wrong(
                f"{story}: a copy of the request must find a newer version", "10", new.version
            )
    stranger = Alter("b1", AlterPartition(1, "no such partition", 5, ALL3, 9))
    before = cluster(led_by("1", "12"))
    if decisions.apply(before, stranger, TWO) != before:
        raise Wrong("a partition that is not there", "nothing changes", "something did")


# -- tables: what a leader wants -------------------------------------------------------------------


def in_time(insync: Any) -> None:
    """A follower that keeps up stays, whatever it lacks; one that has not been caught up for too long goes."""
    now, lag = 1_000 * MS, 300 * MS
    state = led_by("1", "123")
    for story, b2, wanted in (
        (
            "10,000 records behind, caught up 2 ms ago",
            Progress(0, now - 2 * MS, 10_000, now),
            "123",
        ),
        ("caught up exactly lag_time ago", Progress(5, now - lag, 9, now), "123"),
        ("one record behind, for longer than lag_time", Progress(9, now - lag - 1, 10, now), "13"),
        (
            "not heard for longer than lag_time",
            Progress(10, now - lag - 1, 10, now - lag - 1),
            "13",
        ),
    ):
        progress = {"b2": b2, "b3": Progress(10, now, 10, now)}
        got = insync.wanted_isr(state, progress, 10, now, lag)
        if _digits(got) != wanted:
            raise Wrong(f"b2 is in the ISR: {story}", f"ISR {wanted}", f"ISR {_digits(got)}")


def caught_up(insync: Any) -> None:
    """A newcomer has reached what is committed, and what the leader began with, and is there."""
    now, lag = 1_000 * MS, 300 * MS
    state = led_by("1", "13")
    for story, end, fetched, wanted in (
        ("it has all that is needed", 10, now, "123"),
        ("it has more", 12, now, "123"),
        ("it lacks one record", 9, now, "13"),
        ("it has not fetched in this epoch", -1, 0, "13"),
        ("it had all, and has not been heard for longer than lag_time", 10, now - lag - 1, "13"),
    ):
        progress = {"b2": Progress(end, fetched, end, fetched), "b3": Progress(12, now, 12, now)}
        got = insync.wanted_isr(state, progress, 10, now, lag)
        if _digits(got) != wanted:
            raise Wrong(f"b2 is not in the ISR: {story}", f"ISR {wanted}", f"ISR {_digits(got)}")


EXAMS = {
    "RL-S4": (
        exam("a table of elections", "decisions", elections),
        exam("another life, another epoch", "decisions", a_new_epoch),
        exam("a long walk, beside the truth", "decisions", walks),
    ),
    "RL-S9": (
        exam("compare and set", "decisions", compare_and_set),
        exam("who comes in has caught up", "insync", caught_up),
    ),
    "RL-L2": (exam("time, not records", "insync", in_time),),
}
