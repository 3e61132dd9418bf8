"""Who gets a vote, and who leads: the voter table, figure 7 as voters, and votes that must not count."""

from __future__ import annotations

from functools import partial

from distlab.core import MS, Message
from distlab.faults import Crash, Doing, Fault, Plan, Survival
from grading.lab2_log.quorum.plays.kinds import (
    FORGOTTEN,
    Staged,
    ask_vote,
    teach,
    to_candidate,
)
from grading.lab2_log.quorum.troupe import Hear, Play, Rest, Script, entries
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    PreVote,
    PreVoteReply,
    RequestVote,
    VoteReply,
)

FIGURE_7 = {
    "leader": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6),
    "a": (1, 1, 1, 4, 4, 5, 5, 6, 6),
    "b": (1, 1, 1, 4),
    "c": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    "d": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    "e": (1, 1, 1, 4, 4, 4, 4),
    "f": (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
}
"""Terms by index (Ongaro and Ousterhout 2014, figure 7)."""

VOTERS = (
    ((1,), (1, 1), True),
    ((1,), (1, 2), True),
    ((1, 1), (1, 1), False),
    ((1,), (2, 1), True),
    ((1,), (2, 2), True),
    ((1, 1), (2, 1), True),
    ((2,), (1, 1), False),
    ((2,), (1, 2), False),
    ((2, 2), (1, 3), False),
    ((), (0, 0), True),
    ((1, 1, 1), (3, 1), True),
    ((1, 3), (2, 9), False),
)
"""The voter's log, the last term and index of the candidate's, and the vote (etcd's TestVoter has the first eight)."""


def voter(log: tuple[int, ...], claim: tuple[int, int], grants: bool, play: Play) -> Script:
    """s2 gives the server its log; long after, s3 stands with a log that ends with ``claim``."""
    term = max(log, default=1)
    if log:
        yield from teach(play, "s2", term, entries(*log))
    yield Rest(FORGOTTEN)
    standing = max(term, *claim) + 1
    if grants:
        play.say("s3", PreVote(standing, claim[1], claim[0]))
        reply = yield Hear("s3", PreVoteReply, within=100 * MS)
        if reply is not None and not reply.granted:
            text = f"a server whose log ends at (term, index) {_end(log)} would not vote for one that ends at {claim}"
            play.complain("RF-L1", text, expected="granted=True", got=reply)
    reply = yield from ask_vote(play, "s3", standing, *claim)
    if grants and (reply is None or not reply.granted):
        text = f"a server whose log ends with (term, index) {_end(log)} does not vote for one that ends with {claim}"
        play.complain("RF-L1", text, expected="a vote", got=reply)
    if not grants and reply is not None and reply.granted:
        text = f"a server whose log ends with (term, index) {_end(log)} votes for one that ends with {claim}"
        play.complain("RF-S4", text, expected="no vote", got=reply)


def _end(log: tuple[int, ...]) -> tuple[int, int]:
    return (log[-1] if log else 0, len(log))


def one_vote(play: Play) -> Script:
    """Two candidates in one term; the first asks again."""
    yield Rest(5 * MS)
    first = yield from ask_vote(play, "s2", 1, 0, 0)
    second = yield from ask_vote(play, "s3", 1, 0, 0)
    again = yield from ask_vote(play, "s2", 1, 0, 0)
    if first is not None and not first.granted:
        play.complain("RF-L1", "a server that has not voted does not vote", got=first)
    if second is not None and second.granted:
        play.complain("RF-S6", "two candidates get a server's vote in one term", got=second)
    if again is None or not again.granted:
        text = "a candidate that asks again does not hear again that it has the vote: the first answer may be lost"
        play.complain("RF-L1", text, expected="granted=True", got=again)


def vote_after_crash(play: Play) -> Script:
    """It votes for s2, loses power, and s3 asks in the same term."""
    yield Rest(5 * MS)
    yield from ask_vote(play, "s2", 1, 0, 0)
    yield from ask_vote(play, "s3", 1, 0, 0)


def own_vote_after_crash(play: Play) -> Script:
    """It stands, and so has voted for itself; it loses power; s3 asks in the same term."""
    request = yield from to_candidate(play, "s2")
    if request is not None:
        yield from ask_vote(play, "s3", request.term, 9, 9)


def own_vote(play: Play) -> Script:
    """It stands, and so has voted for itself; s3 asks in the same term."""
    request = yield from to_candidate(play, "s2")
    if request is not None:
        yield from ask_vote(play, "s3", request.term, 9, 9)


def steps_down_and_is_asked(play: Play) -> Script:
    """It stands; s2 has won that term; it follows s2, and s4, who lost, asks for its vote in the same term."""
    request = yield from _candidate_of_five(play)
    if request is None:
        return
    play.say("s2", AppendEntries(request.term, 0, 0, (), 0))
    yield Rest(20 * MS)
    yield from ask_vote(play, "s4", request.term, 9, 9)


def late_vote(play: Play) -> Script:
    """A vote for its first candidacy arrives in its second one, which s3 wins."""
    first = yield from to_candidate(play, "s2")
    if first is None:
        return
    second = yield from to_candidate(play, "s2")
    if second is None or second.term == first.term:
        return
    play.say("s2", VoteReply(first.term, granted=True))
    yield Rest(30 * MS)
    play.say("s3", AppendEntries(second.term, 0, 0, (), 0))


def echoed_vote(play: Play) -> Script:
    """One of five votes for it, and the vote arrives three times; s4 wins the term with the other three."""
    request = yield from _candidate_of_five(play)
    if request is None:
        return
    for _ in range(3):
        play.say("s2", VoteReply(request.term, granted=True))
    yield Rest(30 * MS)
    play.say("s4", AppendEntries(request.term, 0, 0, (), 0))


def votes_of_before(play: Play) -> Script:
    """In its first candidacy s2 votes for it, and in its second one s3: two of five, twice. s4 wins the term."""
    first = yield from _candidate_of_five(play)
    if first is None:
        return
    play.say("s2", VoteReply(first.term, granted=True))
    second = yield from _candidate_of_five(play)
    if second is None or second.term == first.term:
        return
    play.say("s3", VoteReply(second.term, granted=True))
    yield Rest(30 * MS)
    play.say("s4", AppendEntries(second.term, 0, 0, (), 0))


def refusals(play: Play) -> Script:
    """All of them refuse; refusals are no votes. s4 wins the term."""
    request = yield from _candidate_of_five(play)
    if request is None:
        return
    for puppet in ("s2", "s3", "s4", "s5"):
        play.say(puppet, VoteReply(request.term, granted=False))
    yield Rest(30 * MS)
    play.say("s4", AppendEntries(request.term, 0, 0, (), 0))


def pre_votes_are_no_votes(play: Play) -> Script:
    """A majority would vote for it, and votes for s4 after all."""
    request = yield from _candidate_of_five(play)
    if request is None:
        return
    for puppet in ("s4", "s5"):  # these answers come late
        play.say(puppet, PreVoteReply(request.term - 1, request.term, granted=True))
    yield Rest(30 * MS)
    play.say("s4", AppendEntries(request.term, 0, 0, (), 0))


def _candidate_of_five(play: Play):
    def would_vote(message: Message) -> Message | None:
        if isinstance(message, PreVote):
            return PreVoteReply(message.term - 1, message.term, granted=True)
        return None

    play.manners["s3"] = would_vote
    request = yield from to_candidate(play, "s2")
    del play.manners["s3"]
    return request


def old_pre_votes(play: Play) -> Script:
    """Late answers to its first question come when it is in a later term: they are no answers to a new one."""
    asked = yield Hear("s2", PreVote, within=800 * MS)
    if asked is None:
        return
    play.say("s3", AppendEntries(5, 0, 0, (), 0))  # s3 leads term 5
    yield Rest(20 * MS)
    play.say("s2", PreVoteReply(0, asked.term, granted=True))
    request = yield Hear("s2", RequestVote, within=100 * MS)
    if request is not None:
        text = "a server stands, and nobody said that he would vote for it in that term"
        play.complain("RF-L4", text, expected="no RequestVote", got=request)


def hears_a_leader(play: Play) -> Script:
    """s2 leads; s3, who does not hear it, asks for pre-votes of all terms. Nothing comes of it."""
    for _ in range(6):
        play.say("s2", AppendEntries(3, 0, 0, (), 0))
        yield Rest(25 * MS)
        play.say("s3", PreVote(4, 9, 3))
        reply = yield Hear("s3", PreVoteReply, within=20 * MS)
        if reply is not None and reply.granted:
            text = "a server that hears its leader would vote for another one"
            play.complain("RF-L4", text, expected="granted=False", got=reply)
        if reply is not None and reply.term != 3:
            text = "a pre-vote changes the term of whoever is asked"
            play.complain("RF-L4", text, expected="term 3", got=reply)


def changes_nothing(play: Play) -> Script:
    """Asked whether it would vote in term 9, it says yes, and is in its own term still: it votes in term 1."""
    play.say("s3", PreVote(9, 0, 0))
    yield Hear("s3", PreVoteReply, within=50 * MS)
    reply = yield from ask_vote(play, "s2", 1, 0, 0)
    if reply is None or reply.term != 1 or not reply.granted:
        text = "after a pre-vote for term 9 a server does not vote in term 1: the question changed something"
        play.complain("RF-L4", text, expected="a vote in term 1", got=reply)


def higher_term(play: Play) -> Script:
    """It leads; somebody with a later term speaks; it follows at once, and says so."""
    request = yield from to_candidate(play, "s2")
    if request is None:
        return
    play.say("s2", VoteReply(request.term, granted=True))
    first = yield Hear("s2", AppendEntries, within=300 * MS)
    if first is None:
        play.complain("RF-L1", "a candidate with the votes of a majority does not lead")
        return
    play.say("s3", AppendReply(first.term + 3, False, 0))
    yield Rest(60 * MS)
    later = yield Hear("s2", AppendEntries, within=120 * MS)
    if later is not None:
        text = f"a leader of term {first.term} heard of term {first.term + 3}, and goes on"
        play.complain("RF-S6", text, expected="a follower", got=later)


def asks_too_early(play: Play) -> Script:
    """A new server waits for a leader for as long as the shortest time-out, and for no longer than the longest."""
    early = yield Hear("", (PreVote, RequestVote), within=140 * MS)
    if early is not None:
        text = "a server asked for votes before any election time-out was over"
        play.complain("RF-L4", text, expected="at least 150 ms of patience", got=early)
        return
    late = yield Hear("", (PreVote, RequestVote), within=200 * MS)
    if late is None:
        play.complain("RF-L1", "a server without a leader asked for no votes within 340 ms")


def asks_again(play: Play) -> Script:
    """Nobody answers. It asks again and again, each time after another time-out."""
    times = 0
    for _ in range(5):
        asked = yield Hear("s2", (PreVote, RequestVote), within=400 * MS)
        times += asked is not None
    if times < 5:
        play.complain(
            "RF-L1", f"a server without a leader asked {times} times for votes in two seconds"
        )


def lose_power(after: int = 1 * MS) -> Plan:
    """s1 loses power when s3 begins to speak, with all that was not synced, and comes back."""
    crash = Crash("s1", after, Survival.NOTHING)
    return Plan((Fault(Doing("s3", "send", "RequestVote"), crash),))


PLAYS = (
    *(
        Staged(
            f"voter table, row {row}",
            "D1",
            f"a voter with terms {list(log)}, a candidate whose log ends with (term, index) {claim}",
            partial(voter, log, claim, grants),
            1_000 * MS,
        )
        for row, (log, claim, grants) in enumerate(VOTERS, 1)
    ),
    *(
        Staged(
            f"figure 7, voter {name}",
            "D1",
            f"the leader of figure 7 gets {'a' if name in 'abef' else 'no'} vote from {name}",
            partial(voter, FIGURE_7[name], (6, 10), name in "abef"),
            1_000 * MS,
        )
        for name in "abcdef"
    ),
    Staged("two candidates in one term", "D1", "the first one asked, or none", one_vote, 400 * MS),
    Staged(
        "a vote and a crash",
        "D1",
        "a vote that was given is given, whatever happens",
        vote_after_crash,
        600 * MS,
        plan=lose_power(),
    ),
    Staged(
        "a candidate crashes",
        "D1",
        "standing is voting for oneself, and not to be forgotten either",
        own_vote_after_crash,
        plan=lose_power(),
    ),
    Staged("a candidate is asked", "D1", "standing is voting for oneself", own_vote),
    Staged(
        "a candidate that lost is asked",
        "D1",
        "it follows the leader of its term, and has voted all the same",
        steps_down_and_is_asked,
        shape={"servers": 5},
    ),
    Staged("a vote comes a term late", "D1", "a vote is for one term", late_vote, 2_500 * MS),
    Staged(
        "a vote comes three times", "D1", "one voter is one vote", echoed_vote, shape={"servers": 5}
    ),
    Staged(
        "votes of before",
        "D1",
        "a candidacy begins with one vote",
        votes_of_before,
        2_500 * MS,
        shape={"servers": 5},
    ),
    Staged("all refuse", "D1", "a refusal is no vote", refusals, shape={"servers": 5}),
    Staged(
        "pre-votes come late",
        "D1",
        "a pre-vote is no vote",
        pre_votes_are_no_votes,
        shape={"servers": 5},
    ),
    Staged("pre-votes of long ago", "D1", "an answer names its question", old_pre_votes, 700 * MS),
    Staged("a leader is heard", "D1", "who hears a leader does not help others up", hears_a_leader),
    Staged("a pre-vote is a question", "D1", "and changes nothing", changes_nothing, 500 * MS),
    Staged("a leader of the past", "D1", "hears of a later term, and follows", higher_term),
    Staged("patience", "D1", "neither too little nor too much of it", asks_too_early, 500 * MS),
    Staged("nobody answers", "D1", "one asks again, for ever", asks_again, 2_200 * MS),
)
