"""Plays of part D5: who counts, from when on, and who goes."""

from __future__ import annotations

from distlab.core import MS, Address, Message
from distlab.faults import Crash, Doing, Fault, Plan, Survival
from grading.lab2_log.quorum.plays.kinds import FORGOTTEN, Staged, teach, to_candidate, to_leader
from grading.lab2_log.quorum.troupe import Follower, Hear, Play, Rest, Script, append, entries
from grading.lab2_log.quorum.wishes import add, get, put, remove
from labs.lab2_log.quorum import (
    AppendEntries,
    Entry,
    Get,
    InstallSnapshot,
    PreVote,
    PreVoteReply,
    Reply,
    Request,
    RequestVote,
    State,
    VoteReply,
)

FIVE = tuple(Address(f"s{n}") for n in range(1, 6))


def _has_change(message: AppendEntries) -> bool:
    return any(entry.members is not None for entry in message.entries)


def before_its_own_term(play: Play) -> Script:
    """s1 leads, and nobody has its no-op. c1 wants s4 in: not yet. Then s2 gets it, and it is time."""
    s2 = Follower(hears_up_to=0)
    if (yield from to_leader(play, "s2", s2)) is None:
        return
    yield Rest(250 * MS)
    s2.hears_up_to = 1
    yield Hear("s2", AppendEntries, where=_has_change, within=600 * MS)


def two_at_once(play: Play) -> Script:
    """c1 wants s4 in and c2 wants s3 out. s2 gets the no-op, and the first change for a long time not."""
    s2 = Follower(hears_up_to=1)
    if (yield from to_leader(play, "s2", s2)) is None:
        return
    yield Hear("s2", AppendEntries, where=_has_change, within=600 * MS)
    yield Rest(200 * MS)
    s2.hears_up_to = None
    play.manners["s4"] = Follower(s2.term)
    yield Rest(300 * MS)


def counts_whom(play: Play) -> Script:
    """s1 leads four, and is told to go; then c2 writes. Both reach s2, and of s3's answers none arrives.

    s3 has the change, and not the write, and leads the three that are left: the write is not there.
    """
    s2, s3 = Follower(hears_up_to=1), Follower(hears_up_to=1)
    play.manners["s3"] = s3
    if (yield from to_leader(play, "s2", s2)) is None:
        return
    yield Rest(60 * MS)
    s3.hears_up_to = 2
    play.manners["s3"] = lambda message: s3(message) and None
    for _ in range(20):
        status = play.look()
        if status is not None and status.last_index >= 3:
            break
        yield Rest(20 * MS)
    s2.hears_up_to = None
    yield Rest(120 * MS)
    if len(s3.log) != 2:
        return
    log = (*s3.log, Entry(s2.term + 1))
    play.manners["s2"] = play.manners["s3"] = lambda message: None
    play.say("s3", append(s2.term + 1, log, 2))
    read = yield Hear(
        "s3", Request, lambda m: isinstance(m.command.operation, Get), 1_500 * MS, "c2"
    )
    if read is not None:
        play.say("s3", Reply(read.command.session, read.command.seq, None), to="c2")
    yield Rest(50 * MS)


def leads_and_goes(play: Play) -> Script:
    """s1 leads three, and is told to go. The others have that in their logs: it is over."""
    s2, s3 = Follower(), Follower()
    play.manners["s3"] = s3
    if (yield from to_leader(play, "s2", s2)) is None:
        return
    changed = yield Hear("s2", AppendEntries, where=_has_change, within=800 * MS)
    if changed is None:
        return
    s2(changed)
    yield Rest(200 * MS)
    still = yield Hear("s2", (AppendEntries, PreVote), within=400 * MS)
    if still is not None:
        text = "a leader was removed, that is committed, and it goes on"
        play.complain("RF-M2", text, expected="silence", got=still)


def is_not_asked(play: Play) -> Script:
    """s1 is no member. Nobody speaks: it does not stand. s2 makes it one, and dies: it stands."""
    early = yield Hear("", (PreVote, RequestVote), within=700 * MS)
    if early is not None:
        play.complain("RF-M2", "a server that is no member stands", expected="silence", got=early)
        return
    log = (*entries(1), Entry(1, None, FIVE))
    yield from teach(play, "s2", 1, log, commit=2)
    late = yield Hear("", (PreVote, RequestVote), within=800 * MS)
    if late is None:
        play.complain("RF-L1", "a server that was added, and hears no leader, does not stand")


def _needs_three(play: Play) -> Script:
    """s1 knows of five servers: its own vote and that of s2 are not enough. s4 wins the term."""
    yield Rest(FORGOTTEN)
    play.manners["s3"] = _would_vote
    request = yield from to_candidate(play, "s2")
    if request is None:
        return
    play.say("s2", VoteReply(request.term, granted=True))
    yield Rest(30 * MS)
    play.say("s4", AppendEntries(request.term, 0, 0, (), 0))
    yield Rest(30 * MS)


def _would_vote(message: Message) -> Message | None:
    """A manner: says that it would, and does not."""
    if isinstance(message, PreVote):
        return PreVoteReply(message.term - 1, message.term, granted=True)
    return None


def in_force_at_once(play: Play) -> Script:
    """Two servers more are in the log that s3, a new leader, shows it; what of that is committed s3 does not know."""
    log = (*entries(1), Entry(1, None, FIVE[:4]), Entry(1, None, FIVE))
    yield from teach(play, "s3", 2, log, commit=1)
    yield from _needs_three(play)


def cut_and_back(play: Play) -> Script:
    """s6 was to join, and the entry is cut: five servers again, and three votes are enough."""
    log = (*entries(1), Entry(1, None, (*FIVE, Address("s6"))))
    yield from teach(play, "s2", 1, log, commit=1)
    yield from teach(play, "s3", 2, (*entries(1), Entry(2)), commit=1)
    yield Rest(FORGOTTEN)
    play.manners["s4"] = _would_vote
    request = yield from to_candidate(play, "s3")
    if request is None:
        text = "a server that hears no leader does not stand, with pre-votes of three in five"
        play.complain("RF-L1", text, expected="a RequestVote")
        return
    for puppet in ("s3", "s4"):
        play.say(puppet, VoteReply(request.term, granted=True))
    if (yield Hear("s3", AppendEntries, within=300 * MS)) is None:
        play.complain("RF-L1", "a server has three votes of five, and does not lead")


def snapshot_of_five(play: Play) -> Script:
    """A snapshot says that there are five servers."""
    play.say("s2", InstallSnapshot(1, 4, 1, State({"k1": "v1"}), 0, FIVE))
    yield Rest(30 * MS)
    yield from _needs_three(play)


def five_and_a_crash(play: Play) -> Script:
    """Its own snapshots hold that there are five servers; the power fails, and comes back."""
    log = (
        *entries(1),
        Entry(1, None, FIVE[:4]),
        Entry(1, None, FIVE),
        *entries(1, 1, 1, 1, start=4),
    )
    yield from teach(play, "s2", 1, log, commit=len(log))
    play.say("s3", PreVote(1, 0, 0))  # the power fails
    yield Rest(40 * MS)
    yield from _needs_three(play)


ALONE = {"c1": ["s1"], "c2": ["s1"]}
THREE = {"servers": 4, "members": 3, "clients": 2, "servers_of": ALONE}
PLAYS = (
    Staged(
        "a change comes too early",
        "D5",
        "first the leader commits an entry of its own term",
        before_its_own_term,
        2_500 * MS,
        shape=THREE,
        calls=(add(150 * MS, "s4"),),
    ),
    Staged(
        "two changes at once",
        "D5",
        "one after the other",
        two_at_once,
        2_500 * MS,
        shape=THREE,
        calls=(add(150 * MS, "s4"), remove(160 * MS, "s3", "c2")),
    ),
    Staged(
        "a leader that goes does not count",
        "D5",
        "a majority of the others must have what it commits",
        counts_whom,
        4_000 * MS,
        shape={"servers": 4, "clients": 2, "servers_of": {"c1": ["s1"], "c2": ["s1", "s3"]}},
        calls=(
            remove(500 * MS, "s1"),
            put(530 * MS, "r1", "v1", "c2"),
            get(1_700 * MS, "r1", "c2"),
        ),
    ),
    Staged(
        "a leader that goes is gone",
        "D5",
        "as soon as its removal is committed",
        leads_and_goes,
        2_500 * MS,
        shape={"clients": 1, "servers_of": ALONE},
        calls=(remove(150 * MS, "s1"),),
    ),
    Staged(
        "no member",
        "D5",
        "whoever is none does not stand; whoever became one does",
        is_not_asked,
        2_500 * MS,
        shape={"servers": 5, "members": ["s2", "s3", "s4", "s5"]},
    ),
    Staged(
        "members that are not committed",
        "D5",
        "count from the moment they are in the log",
        in_force_at_once,
        3_000 * MS,
        shape={"servers": 5, "members": 3},
    ),
    Staged(
        "members that are cut",
        "D5",
        "with the entry goes the change",
        cut_and_back,
        3_000 * MS,
        shape={"servers": 6, "members": 5},
    ),
    Staged(
        "a snapshot of five",
        "D5",
        "the members are part of it",
        snapshot_of_five,
        3_000 * MS,
        shape={"servers": 5, "members": 3},
    ),
    Staged(
        "five, and a crash",
        "D5",
        "a snapshot on disk holds the members, too",
        five_and_a_crash,
        3_000 * MS,
        shape={"servers": 5, "members": 3, "snapshot_after": 2},
        plan=Plan((Fault(Doing("s3", "send", "PreVote"), Crash("s1", 5 * MS, Survival.NOTHING)),)),
    ),
)
