"""What a log may lose, and what may be committed: figures 7 and 8, the commit table, messages that come late."""

from __future__ import annotations

from functools import partial

from distlab.core import MS
from distlab.faults import Duplicate, Fault, Nth, Plan
from grading.lab2_log.quorum.plays.elections import FIGURE_7
from grading.lab2_log.quorum.plays.kinds import (
    Staged,
    teach,
    to_leader,
)
from grading.lab2_log.quorum.troupe import (
    Follower,
    Hear,
    Play,
    Rest,
    Script,
    append,
    entries,
    entry,
)
from grading.lab2_log.quorum.wishes import append as append_to
from grading.lab2_log.quorum.wishes import get, put
from labs.lab2_log.quorum import AppendEntries, AppendReply, Entry, Reply, Request


def figure_7(name: str, play: Play) -> Script:
    """The server has the log of ``name``; the leader of term 8 makes it equal to its own, with one no-op behind it."""
    log = FIGURE_7[name]
    yield from teach(play, "s3", log[-1], entries(*log))
    leader = (*entries(*FIGURE_7["leader"]), Entry(8))
    managed = yield from teach(play, "s2", 8, leader)
    if not managed:
        play.complain("RF-S3", f"the leader of figure 7 cannot make {name}'s log equal to its own")
        return
    play.say("s2", append(8, leader, 11, commit=11))
    reply = yield Hear("s2", AppendReply, within=100 * MS)
    if reply is None or not reply.success or reply.match != 11:
        text = f"{name} has the log of figure 7's leader, and does not say so"
        play.complain("RF-S3", text, expected="success, match=11", got=reply)
    yield Rest(20 * MS)
    status = play.look()
    if status is not None and (status.last_index, status.last_term) != (11, 8):
        text = f"{name}'s log is not equal to the leader's"
        got = (status.last_index, status.last_term)
        play.complain("RF-S3", text, expected="11 entries, the last one of term 8", got=got)
    if status is not None and status.commit != 11:
        text = (
            "a follower that has all of the leader's log does not commit what the leader committed"
        )
        play.complain("RF-L3", text, expected="commit 11", got=status.commit)


def commit_table(play: Play) -> Script:
    """Leader of term 3 with entries of terms 1, 2, 3: one other server has 1, then 2, then 3 of them."""
    yield from teach(play, "s2", 2, entries(1, 2))
    follower = Follower(hears_up_to=0)
    first = yield from to_leader(play, "s2", follower)
    if first is None:
        return
    for has in (0, 1, 2):
        follower.hears_up_to = has
        for _ in range(8):
            yield Rest(25 * MS)
            if follower.last_commit or _commit(play):
                text = (
                    f"a leader of term 3 committed an entry of an earlier term, when {has or 'no'} entr"
                    f"{'ies' if has == 2 else 'y'} of its log and none of its term stood in a majority of logs"
                )
                got = f"commit {_commit(play) or follower.last_commit}"
                expected = "commit 0 until entry 3, which is of term 3, is in a majority of logs"
                play.complain("RF-S4", text, expected=expected, got=got)
                return
    follower.hears_up_to = None
    yield Rest(400 * MS)
    status = play.look()
    if status is not None and status.commit != status.last_index:
        text = "a majority has the leader's own entry, and it does not commit it"
        play.complain("RF-L3", text, expected=f"commit {status.last_index}", got=status.commit)


def _commit(play: Play) -> int:
    status = play.look()
    return status.commit if status is not None else 0


def figure_8(play: Play) -> Script:
    """S1 replicates an entry of its old term 2 to a majority, and S5 overwrites it all the same.

    s1 is the student's, and S1 of the figure; s2 stands for S2 and S3, s3 for S4 and S5.
    """
    s2 = Follower(hears_up_to=1)
    first = yield from to_leader(play, "s2", s2)  # (a) s1 leads; what c1 writes reaches nobody
    if first is None or not (yield from _grows_to(play, 2)):
        return
    while not s2.log:
        yield Rest(10 * MS)
    begun = tuple(s2.log[:1])
    s2.votes = False
    later = s2.term + 1  # (b) s3, elected by s2, puts an entry into its log, and crashes
    play.say("s2", AppendReply(later, False, 0))
    s2 = Follower(later, begun, hears_up_to=1)
    again = yield from to_leader(play, "s2", s2)  # (c) s1 leads again, and sends s2 what it had
    if again is None:
        return
    status = play.look()
    s2.hears_up_to = status.last_index - 1 if status is not None else 0  # all but its new no-op
    yield Rest(260 * MS)
    last = s2.term + 1  # (d) s2 votes for s3, whose last entry is of a later term than its own
    log = (*begun, entry(later, 2), Entry(last))
    s2 = Follower(last, log, votes=False)
    play.manners["s2"] = s2
    yield from teach(play, "s3", last, log)
    play.say("s3", append(last, log, 3, commit=3))
    yield from to_leader(play, "s2", s2)  # in the end s1 leads once more, and c1 reads
    s2.votes = True
    yield Rest(500 * MS)


def _grows_to(play: Play, length: int):
    """Whether the server's log comes to hold so many entries, in a second."""
    for _ in range(100):
        status = play.look()
        if status is not None and status.last_index >= length:
            return True
        yield Rest(10 * MS)
    return False


def overtaken(play: Play) -> Script:
    """A message with one entry comes after the one with three of the same leader."""
    log = entries(1, 1, 1)
    yield from teach(play, "s2", 1, log)
    play.say("s2", append(1, log, 0, 1))
    yield Hear("s2", AppendReply, within=50 * MS)
    yield from _still_there(play, 1, log)
    play.say("s2", append(1, log, 1, 1))  # an old heartbeat
    yield Hear("s2", AppendReply, within=50 * MS)
    yield from _still_there(play, 1, log)


def _still_there(play: Play, term: int, log: tuple[Entry, ...], code: str = "RF-S3"):
    """What was acknowledged is in the log."""
    play.say("s2", append(term, log, len(log)))
    reply = yield Hear("s2", AppendReply, within=80 * MS)
    if reply is not None and not reply.success:
        text = f"a server acknowledged {len(log)} entries, and does not have them any more"
        play.complain(code, text, expected="success", got=reply)


def matches_what_was_sent(play: Play) -> Script:
    """The server has more entries than the leader speaks of: it answers for those that it was shown to agree on."""
    yield from teach(play, "s3", 2, entries(1, 1, 2, 2))
    leader = (*entries(1, 1), entry(3, 3), entry(3, 4))
    play.say("s2", append(3, leader, 2, 2))
    reply = yield Hear("s2", AppendReply, within=80 * MS)
    if reply is not None and reply.success and reply.match > 2:
        text = "a follower agrees to entries that the leader never showed it"
        play.complain("RF-S3", text, expected="match=2", got=reply)


def commit_bound(play: Play) -> Script:
    """The leader has committed 4 entries, and shows the server that the first 2 agree; its own 3 and 4 are others."""
    yield from teach(play, "s3", 2, entries(1, 1, 2, 2))
    leader = (*entries(1, 1), entry(3, 3), entry(3, 4))
    play.say("s2", append(3, leader, 2, 2, commit=4))
    yield Rest(20 * MS)
    status = play.look()
    if status is not None and status.commit > 2:
        text = "a follower commits entries of its own that the leader has not shown it"
        play.complain("RF-S5", text, expected="commit 2", got=f"commit {status.commit}")
    yield from teach(play, "s2", 3, leader, commit=4)
    play.say("s2", append(3, leader, 4, commit=4))
    yield Rest(20 * MS)


def commit_does_not_go_back(play: Play) -> Script:
    """An old message, with an old commit index, comes late."""
    log = entries(1, 1, 1)
    yield from teach(play, "s2", 1, log)
    play.say("s2", append(1, log, 3, commit=3))
    yield Rest(15 * MS)
    play.say("s2", append(1, log, 3, commit=1))
    yield Rest(15 * MS)
    status = play.look()
    if status is not None and (status.commit < 3 or status.applied < 3):
        text = "what is committed stays so: an old message took it back"
        play.complain("RF-S5", text, expected="commit 3", got=status.commit)


def same_index_other_term(play: Play) -> Script:
    """The entry before is there by its index, and is another one."""
    yield from teach(play, "s3", 1, entries(1, 1))
    leader = entries(1, 2, 2)
    play.say("s2", append(2, leader, 2))
    reply = yield Hear("s2", AppendReply, within=80 * MS)
    if reply is not None and reply.success:
        text = (
            "a follower takes entries behind one that it does not have: only the index is the same"
        )
        play.complain("RF-S3", text, expected="success=False", got=reply)
    yield from teach(play, "s2", 2, leader)


def a_gap(play: Play) -> Script:
    """The first message is lost: the server must not take what stands behind it."""
    log = entries(1, 1, 1, 1)
    play.say("s2", append(1, log, 2))
    reply = yield Hear("s2", AppendReply, within=80 * MS)
    if reply is not None and reply.success:
        play.complain("RF-S3", "a follower takes entries that leave a gap", got=reply)
    if reply is not None and not reply.success and reply.match >= 2:
        text = "a follower without entries asks to try from an entry that it does not have"
        play.complain("RF-L3", text, expected="match=0", got=reply)
    yield from teach(play, "s2", 1, log)


def a_leader_of_the_past(play: Play) -> Script:
    """s3 led term 1 and does not know that s2 leads term 2: what it says is refused, and it is told the term."""
    log = entries(2, 2)
    yield from teach(play, "s2", 2, log)
    play.say("s3", append(1, entries(1, 1, 1), 0))
    reply = yield Hear("s3", AppendReply, within=80 * MS)
    if reply is not None and reply.success:
        play.complain("RF-S3", "a follower obeys a leader of the past", got=reply)
    if reply is None or reply.term != 2:
        text = "a leader of the past is not told that there is a later term"
        play.complain("RF-L1", text, expected="an AppendReply of term 2", got=reply)
    yield from _still_there(play, 2, log)


def early_reply(play: Play) -> Script:
    """It leads, and nobody hears it: c1's write is in its log only, and must not be answered. s3 leads then."""
    follower = Follower(hears_up_to=0)
    first = yield from to_leader(play, "s2", follower)
    if first is None or not (yield from _grows_to(play, 2)):
        return
    yield Rest(20 * MS)
    follower.votes = False
    later = follower.term + 1
    log = (Entry(later),)
    yield from teach(play, "s3", later, log)
    play.say("s3", append(later, log, 1, commit=1))
    follower = Follower(later, log)
    yield from to_leader(play, "s2", follower)
    yield Rest(400 * MS)


def answer_of_old(play: Play) -> Script:
    """s2 acknowledged a log that s1 had in its first term; it was cut since, at both. Now the answer arrives."""
    s2, s3 = Follower(hears_up_to=0), Follower(hears_up_to=0)
    play.manners["s3"] = s3
    first = yield from to_leader(play, "s2", s2)
    if first is None or not (yield from _grows_to(play, 4)):
        return
    status = play.look()
    if status is None:
        return
    late = AppendReply(s2.term, True, status.last_index)  # s2 says this, and it travels for long
    s2.votes = s3.votes = False
    log = (Entry(s2.term + 1),)
    yield from teach(play, "s4", s2.term + 1, log)  # s3, s4 and s5 elected s4
    s2, s3 = Follower(s2.term + 1, log, hears_up_to=1), Follower(s2.term + 1, log)
    play.manners["s3"] = s3
    again = yield from to_leader(play, "s2", s2)
    if again is None:
        return
    yield Rest(60 * MS)  # s1 and s3 have the entries of the new term; that is two of five
    play.say("s2", late)
    yield Rest(60 * MS)
    if _commit(play) > 1:
        text = "a leader counts an answer that was given in an earlier term"
        play.complain("RF-S4", text, expected="commit 1 at most", got=f"commit {_commit(play)}")


def refusals(play: Play) -> Script:
    """s2 has other entries, refuses all that s1 sends, and names places to try from: that is no agreement."""
    yield from teach(play, "s3", 2, entries(2))
    s2 = Follower(2, entries(1, 1, 1, 1, 1, 1), hears_up_to=0)
    first = yield from to_leader(play, "s2", s2)
    if first is None or not (yield from _grows_to(play, 5)):
        return
    yield Rest(250 * MS)
    if _commit(play):
        text = "a leader takes a refusal for agreement up to the place that it names"
        play.complain("RF-S4", text, expected="nothing is committed", got=f"commit {_commit(play)}")


def asked_twice(play: Play) -> Script:
    """s2, a leader, put c1's command into the log, and crashed. s1 leads, and c1 asks again before it is committed."""
    request = yield Hear("s2", Request, sender="c1", within=800 * MS)
    if request is None:
        return
    log = (Entry(1), Entry(1, request.command))
    yield from teach(play, "s2", 1, log)
    s2 = Follower(1, log, hears_up_to=2)
    yield from to_leader(play, "s2", s2)
    yield from _grows_to(play, 4)  # if s1 puts it into its log once more: it may
    s2.hears_up_to = None
    yield Rest(300 * MS)


def old_copy(play: Play) -> Script:
    """s2, a leader, executed two commands of a session, and crashed. s1 leads, and a copy of the first one arrives."""
    log: tuple[Entry, ...] = (Entry(1),)
    for _ in range(2):
        before = log[-1].command
        seq = before.seq if before is not None else 0
        request = yield Hear(
            "s2",
            Request,
            where=lambda m, seq=seq: m.command.seq > seq,  # type: ignore[misc]
            within=800 * MS,
            sender="c1",
        )
        if request is None:
            return
        log = (*log, Entry(1, request.command))
        yield from teach(play, "s2", 1, log)
        play.say("s2", Reply(request.command.session, request.command.seq, None), to="c1")
    s2 = Follower(1, log, hears_up_to=3)
    yield from to_leader(play, "s2", s2)
    yield Rest(400 * MS)  # meanwhile copies come; whatever s1 makes of them is committed later
    s2.hears_up_to = None
    yield Rest(300 * MS)


def counts_itself_once(play: Play) -> Script:
    """One of five has the entry, and says so again and again: that is two of five, not more."""
    follower = Follower(hears_up_to=None)

    def helps(message: object) -> object:
        return follower(message) if not isinstance(message, AppendEntries) else None  # type: ignore[arg-type]

    play.manners["s3"] = helps  # type: ignore[assignment]
    first = yield from to_leader(play, "s2", follower)
    if first is None:
        return
    tip = first.prev_index + len(first.entries)
    for _ in range(4):
        play.say("s2", AppendReply(first.term, True, tip, first.round))
        yield Rest(15 * MS)
    if _commit(play):
        text = "two of five servers have an entry, and it is committed"
        play.complain("RF-S4", text, expected="three of five", got=f"commit {_commit(play)}")


PLAYS = (
    *(
        Staged(
            f"figure 7, follower {name}",
            "D2",
            f"the log of {name} becomes the leader's, and not an entry is cut for nothing",
            partial(figure_7, name),
            700 * MS,
        )
        for name in "abcdef"
    ),
    Staged(
        "figure 8",
        "D2",
        "an entry of an old term stands in a majority of logs, and is overwritten all the same",
        figure_8,
        4_500 * MS,
        shape={"batch": 1, "clients": 1},
        calls=(put(340 * MS, "k1", "by S1"), get(2_600 * MS, "k1")),
    ),
    Staged(
        "commit table",
        "D2",
        "a leader of term 3 commits entries of terms 1 and 2 with its own, and not before",
        commit_table,
        3_000 * MS,
        shape={"batch": 1},
    ),
    Staged("overtaken", "D2", "a shorter message comes after a longer one", overtaken, 300 * MS),
    Staged("agrees to what it saw", "D2", "and to no more", matches_what_was_sent, 300 * MS),
    Staged("commit bound", "D2", "a follower commits what it was shown", commit_bound, 300 * MS),
    Staged("an old commit index", "D2", "takes nothing back", commit_does_not_go_back, 300 * MS),
    Staged("same index, other term", "D2", "is another entry", same_index_other_term, 300 * MS),
    Staged("a gap", "D2", "is refused", a_gap, 300 * MS),
    Staged("a leader of the past speaks", "D2", "and is told", a_leader_of_the_past, 300 * MS),
    Staged(
        "nobody hears the leader",
        "D2",
        "what only one server has is not answered",
        early_reply,
        3_500 * MS,
        shape={"clients": 1},
        calls=(put(340 * MS, "k1", "v1"), get(1_800 * MS, "k1")),
    ),
    Staged(
        "an answer comes terms late",
        "D2",
        "a log that was acknowledged may have been cut since",
        answer_of_old,
        2_500 * MS,
        shape={"servers": 5, "clients": 1},
        calls=tuple(put((330 + n) * MS, f"k{n}", f"v{n}") for n in range(4)),
    ),
    Staged(
        "a refusal names a place",
        "D2",
        "from which the leader may try: the logs need not agree there",
        refusals,
        2_500 * MS,
        shape={"clients": 1},
        calls=tuple(put((350 + n) * MS, f"k{n}", f"v{n}") for n in range(4)),
    ),
    Staged(
        "asked twice",
        "D2",
        "a command that stands in the log twice is executed once",
        asked_twice,
        3_500 * MS,
        shape={"clients": 1},
        calls=(append_to(10 * MS, "l1", "a0"), get(2_900 * MS, "l1")),
    ),
    Staged(
        "an old copy comes",
        "D2",
        "a command is known though a later one of its session was executed since",
        old_copy,
        3_500 * MS,
        shape={"clients": 1},
        plan=Plan(
            tuple(
                Fault(Nth("c1", "s1", 1, "Request"), Duplicate(after))
                for after in range(250 * MS, 700 * MS, 50 * MS)
            )
        ),
        calls=(
            append_to(10 * MS, "l1", "a0"),
            append_to(110 * MS, "l1", "a1"),
            get(2_900 * MS, "l1"),
        ),
    ),
    Staged(
        "one of five says it four times",
        "D2",
        "and is one of five",
        counts_itself_once,
        1_200 * MS,
        shape={"servers": 5},
    ),
)
