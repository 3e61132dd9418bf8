"""What a crash must not undo: acknowledged entries, cuts, terms. The power fails right after the answer."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import Crash, Doing, FailSync, Fault, Noise, Plan, Survival
from grading.lab2_log.quorum.plays.elections import (
    lose_power,
    own_vote_after_crash,
    vote_after_crash,
)
from grading.lab2_log.quorum.plays.kinds import Staged, teach
from grading.lab2_log.quorum.troupe import Hear, Play, Rest, Script, append, entries
from labs.lab2_log.quorum import AppendEntries, AppendReply, PreVote, RequestVote

SLOW_SYNC = Noise(sync=(20 * MS, 20 * MS))
"""An answer that does not wait for its sync is out long before it."""


def power_fails(unsynced: Survival = Survival.NOTHING) -> Plan:
    """s1 loses power when s3 begins to speak: a millisecond after it has answered s2."""
    return Plan((Fault(Doing("s3", "send", "PreVote"), Crash("s1", 5 * MS, unsynced)),))


def _signal(play: Play) -> Script:
    """The power fails now; s1 is up again soon."""
    play.say("s3", PreVote(0, 0, 0), to="s2")
    yield Rest(12 * MS)


def _has(play: Play, term: int, log: tuple, code: str, text: str):
    for _ in range(3):
        play.say("s2", append(term, log, len(log)))
        reply = yield Hear("s2", AppendReply, within=100 * MS)
        if reply is not None:
            if not reply.success:
                play.complain(code, text, expected="success=True", got=reply)
            return


def entries_survive(play: Play) -> Script:
    """Acknowledged, and the power fails."""
    log = entries(1, 1, 1)
    yield from teach(play, "s2", 1, log)
    yield from _signal(play)
    yield from _has(play, 1, log, "RF-S8", "acknowledged entries are gone after a crash")


def entries_survive_twice(play: Play) -> Script:
    """After the restart more is acknowledged, and the power fails again."""
    log = entries(1, 1, 1, 1, 1)
    yield from teach(play, "s2", 1, log[:2])
    yield from _signal(play)
    yield from teach(play, "s2", 1, log)
    play.say("s3", RequestVote(0, 0, 0), to="s2")
    yield Rest(12 * MS)
    yield from _has(play, 1, log, "RF-S8", "entries acknowledged in its second life are gone")


def sync_fails(play: Play) -> Script:
    """A sync fails. If the server goes on all the same and acknowledges more, that had better be there later."""
    log = entries(1, 1, 1, 1)
    yield from teach(play, "s2", 1, log[:1])
    yield Rest(5 * MS)
    play.say("s3", RequestVote(0, 0, 0), to="s2")  # the next sync fails
    managed = yield from teach(play, "s2", 1, log[:2], tries=3)
    managed = (yield from teach(play, "s2", 1, log, tries=3)) or managed
    yield from _signal(play)
    if managed:
        text = "a sync failed, and what was acknowledged afterwards is gone after a crash"
        yield from _has(play, 1, log, "RF-S8", text)


def never_told(play: Play) -> Script:
    """It acknowledged three entries, and was never told that they are committed. After a crash it knows no more."""
    yield from teach(play, "s2", 1, entries(1, 1, 1))
    yield from _signal(play)
    status = play.look()
    if status is not None and (status.commit or status.applied):
        text = "after a crash a server executes entries that nobody said are committed"
        play.complain("RF-S5", text, expected="commit 0", got=f"commit {status.commit}")


def in_the_midst(play: Play) -> Script:
    """The power fails while entries are written: a part of them is on disk. It comes back and takes them again."""
    log = entries(1, 1, 1)
    yield from teach(play, "s2", 1, log[:1])
    play.say("s2", append(1, log, 1))
    yield Rest(6 * MS)
    yield from _signal(play)
    managed = yield from teach(play, "s2", 1, log, tries=6)
    if not managed:
        text = "the power failed while a server wrote, and it does not come back"
        play.complain("RF-L1", text, expected="an answer", got="none")


def cut_survives(play: Play) -> Script:
    """Entries of term 1 are cut by a leader of term 2, and must not come back from the disk."""
    yield from teach(play, "s2", 1, entries(1, 1, 1, 1))
    log = entries(1, 2)
    yield from teach(play, "s2", 2, log)
    yield from _signal(play)
    yield from _has(play, 2, log, "RF-S8", "acknowledged entries are gone after a crash")
    claim = yield Hear("", PreVote, within=800 * MS)
    if claim is not None and (claim.last_term, claim.last_index) != (2, 2):
        text = "entries that were cut are back after a crash"
        got = f"a log that ends with entry {claim.last_index} of term {claim.last_term}"
        play.complain("RF-S8", text, expected="two entries, the last one of term 2", got=got)


def longer_again(play: Play) -> Script:
    """Cut, and grown again behind the cut: each index holds what was put there last."""
    yield from teach(play, "s2", 1, entries(1, 1, 1, 1))
    log = entries(1, 1, 2, 2, 2)
    yield from teach(play, "s2", 2, log)
    yield from _signal(play)
    log = (*log, *entries(3, start=6))
    yield from teach(play, "s2", 3, log, commit=6)
    play.say("s2", append(3, log, 6, commit=6))
    yield Rest(40 * MS)
    status = play.look()
    want = {f"k{n}": f"{term}.{n}" for n, term in enumerate((1, 1, 2, 2, 2, 3), 1)}
    if status is not None and status.applied == 6 and status.state.items != want:
        text = "after a crash the log holds other entries than were acknowledged"
        play.complain("RF-S8", text, expected=want, got=status.state.items)


def term_survives(play: Play) -> Script:
    """It has answered a leader of term 5. After the crash somebody leads term 3, or so he thinks."""
    play.say("s2", AppendEntries(5, 0, 0, (), 0))
    yield Hear("s2", AppendReply, within=100 * MS)
    yield from _signal(play)
    play.say("s3", AppendEntries(3, 0, 0, (), 0))
    reply = yield Hear("s3", AppendReply, within=150 * MS)
    if reply is not None and (reply.success or reply.term < 5):
        text = "a server was in term 5, crashed, and obeys a leader of term 3"
        play.complain("RF-S6", text, expected="success=False, term=5", got=reply)


def stays_quiet_at_start(play: Play) -> Script:
    """A server without a past knows nothing: no state, nothing committed."""
    status = play.look()
    if status is not None and (status.commit or status.applied or status.last_index):
        play.complain("RF-S8", "a new server claims to have a log", got=status)
    yield Rest(MS)


PLAYS = (
    Staged(
        "a vote, and the power fails",
        "D3",
        "it is on disk before it is given",
        vote_after_crash,
        700 * MS,
        plan=lose_power(),
        noise=SLOW_SYNC,
    ),
    Staged(
        "a candidate loses power",
        "D3",
        "its vote for itself is on disk before it asks anybody",
        own_vote_after_crash,
        plan=lose_power(),
        noise=SLOW_SYNC,
    ),
    *(
        Staged(
            f"acknowledged, and the power fails ({kept.value} kept)",
            "D3",
            "what was acknowledged is on disk",
            entries_survive,
            500 * MS,
            plan=power_fails(kept),
            noise=SLOW_SYNC,
        )
        for kept in (Survival.NOTHING, Survival.TORN, Survival.ALL)
    ),
    Staged(
        "two lives",
        "D3",
        "what was acknowledged in the second one is there in the third",
        entries_survive_twice,
        700 * MS,
        plan=Plan(
            (
                Fault(Doing("s3", "send", "PreVote"), Crash("s1", 5 * MS, Survival.TORN)),
                Fault(Doing("s3", "send", "RequestVote"), Crash("s1", 5 * MS, Survival.NOTHING)),
            )
        ),
    ),
    Staged(
        "never told, and the power fails",
        "D3",
        "what is on disk need not be committed",
        never_told,
        300 * MS,
        plan=power_fails(),
    ),
    Staged(
        "the power fails while it writes",
        "D3",
        "a torn write is no damage",
        in_the_midst,
        1_600 * MS,
        plan=power_fails(Survival.TORN),
        noise=SLOW_SYNC,
    ),
    Staged(
        "a sync fails",
        "D3",
        "and no later one saves what it covered",
        sync_fails,
        3_000 * MS,
        plan=Plan(
            (
                Fault(Doing("s3", "send", "RequestVote"), FailSync("s1")),
                Fault(Doing("s3", "send", "PreVote"), Crash("s1", 5 * MS, Survival.NOTHING)),
            )
        ),
    ),
    Staged(
        "cut, and the power fails",
        "D3",
        "what was cut stays so",
        cut_survives,
        1_200 * MS,
        plan=power_fails(),
        noise=SLOW_SYNC,
    ),
    Staged(
        "cut, grown, and the power fails",
        "D3",
        "each index holds what was put there last",
        longer_again,
        700 * MS,
        plan=power_fails(),
    ),
    Staged(
        "a term and a crash",
        "D1",
        "terms do not go back, whoever it was that named them",
        term_survives,
        500 * MS,
        plan=power_fails(),
    ),
    Staged(
        "a term, and the power fails",
        "D3",
        "terms do not go back",
        term_survives,
        500 * MS,
        plan=power_fails(),
        noise=SLOW_SYNC,
    ),
    Staged("the first start", "D3", "there is nothing on the disk", stays_quiet_at_start, 100 * MS),
)
