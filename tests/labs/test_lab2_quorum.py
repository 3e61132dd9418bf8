"""Both quorums, one server at a time, a rule at a time."""

from __future__ import annotations

from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab2_quorum import Modules, append, elect, entry, lab, reference, sent, server

__all__ = ["lab", "reference"]


def test_a_vote_is_on_disk_before_it_is_given(lab: Modules) -> None:
    effects = server(lab).deliver(lab.quorum.RequestVote(1, 0, 0), sender="s2")
    kinds = [type(effect) for effect in effects]
    assert kinds.index(fx.Synced) < kinds.index(fx.Sent)


def test_a_vote_is_given_once_in_a_term_over_all_lives(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    assert sent(solo.deliver(q.RequestVote(1, 0, 0), "s2")) == [q.VoteReply(1, True)]
    solo.crash()
    solo.start()
    assert sent(solo.deliver(q.RequestVote(1, 5, 1), "s3")) == [q.VoteReply(1, False)]
    assert sent(solo.deliver(q.RequestVote(1, 0, 0), "s2")) == [q.VoteReply(1, True)]
    assert sent(solo.deliver(q.RequestVote(2, 5, 1), "s3")) == [q.VoteReply(2, True)]


def test_a_pre_vote_changes_nothing(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    before = solo.node.probe()
    assert sent(solo.deliver(q.PreVote(7, 0, 0), "s2")) == [q.PreVoteReply(0, 7, True)]
    assert solo.node.probe() == before


def test_who_hears_a_leader_would_vote_for_nobody(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    solo.deliver(append(lab, 1, []), "s2")
    assert sent(solo.deliver(q.PreVote(2, 9, 1), "s3")) == [q.PreVoteReply(1, 2, False)]
    solo.advance(151_000)
    assert sent(solo.deliver(q.PreVote(2, 9, 1), "s3"))[-1].granted


def test_a_leader_begins_with_a_no_op(lab: Modules) -> None:
    effects = elect(lab, server(lab))
    told = sent(effects, lab.quorum.AppendEntries, "s2")
    assert told[0].entries == (lab.quorum.Entry(1),)


def test_a_leader_that_nobody_answers_steps_down(lab: Modules) -> None:
    solo = server(lab)
    elect(lab, solo)
    assert solo.node.probe().role == "leader"
    solo.advance(700_000)
    assert solo.node.probe().role != "leader"
    assert solo.node.probe().term == 1  # it asks for pre-votes, and raises no term


def test_an_entry_is_executed_when_it_is_committed_and_then_answered(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    elect(lab, solo)
    command = q.Command("c/1", 1, q.Put("x", "1"))
    assert not sent(solo.deliver(q.Request(command), "c"), q.Reply)
    effects = solo.deliver(q.AppendReply(1, True, 2), "s2")
    assert sent(effects, q.Reply) == [q.Reply("c/1", 1, None)]
    assert solo.node.probe().state.items == {"x": "1"}
    again = solo.deliver(q.Request(command), "c")
    assert sent(again, q.Reply) == [q.Reply("c/1", 1, None)]
    assert solo.node.probe().last_index == 2


def test_what_was_acknowledged_is_there_after_a_crash(lab: Modules) -> None:
    log = [entry(lab, 1, f"k{n}") for n in range(5)]
    solo = server(lab)
    solo.deliver(append(lab, 1, log), "s2")
    solo.deliver(append(lab, 2, [*log[:3], entry(lab, 2, "new")]), "s3")
    solo.crash()
    solo.start()
    status = solo.node.probe()
    assert (status.term, status.last_index, status.last_term, status.commit) == (2, 4, 2, 0)


def test_a_snapshot_takes_the_place_of_entries_and_survives(lab: Modules) -> None:
    solo = server(lab, snapshot_after=3)
    log: list[Any] = []
    for n in range(1, 11):
        log.append(entry(lab, 1, f"k{n}"))
        solo.deliver(append(lab, 1, log, n - 1, n), "s2")
    assert solo.node.probe().kept <= 6
    solo.crash()
    solo.start()
    solo.deliver(append(lab, 1, log, 10, 10), "s2")
    status = solo.node.probe()
    assert status.applied == 10
    assert status.state.items == {f"k{n}": "1" for n in range(1, 11)}


def test_a_read_waits_for_its_round_and_for_the_no_op(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    elect(lab, solo)
    effects = solo.deliver(q.Request(q.Command("c/1", 1, q.Get("x"))), "c")
    asked = max(m.round for m in sent(effects, q.AppendEntries, "s2"))
    assert not sent(effects, q.Reply)
    assert not sent(solo.deliver(q.AppendReply(1, True, 0, asked), "s2"), q.Reply)
    done = solo.deliver(q.AppendReply(1, True, 1, asked), "s2")
    assert sent(done, q.Reply) == [q.Reply("c/1", 1, None)]


# -- rules of the reference -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "commit"),
    [([0, 0, 3], 0), ([1, 0, 3], 0), ([2, 2, 3], 0), ([3, 0, 3], 3), ([3, 1, 2], 0)],
)
def test_a_leader_commits_by_counting_only_entries_of_its_term(
    reference: Modules, match: list[int], commit: int
) -> None:
    log = reference.raft_log.RaftLog(entries=[reference.quorum.Entry(t) for t in (1, 2, 3)])
    assert reference.replication.commit_of_majority(match, log, 3, 0) == commit


@pytest.mark.parametrize(
    ("terms", "prev", "new", "agreed"),
    [
        ((1, 1, 1), 0, (1,), 1),
        ((1, 1, 1), 1, (1, 1, 1), 2),
        ((1, 1, 1), 1, (2,), 0),
        ((), 0, (1, 1), 0),
        ((1,), 1, (), 0),
    ],
)
def test_entries_agree_until_one_is_missing_or_conflicts(
    reference: Modules, terms: tuple[int, ...], prev: int, new: tuple[int, ...], agreed: int
) -> None:
    make = reference.quorum.Entry
    log = reference.raft_log.RaftLog(entries=[make(term) for term in terms])
    rest = tuple(make(term) for term in new)
    assert reference.replication.first_conflict(log, prev, rest) == agreed


def test_indices_survive_that_the_first_entries_are_forgotten(reference: Modules) -> None:
    make = reference.quorum.Entry
    log = reference.raft_log.RaftLog(entries=[make(term) for term in (1, 1, 2, 3)])
    log.forget(2, 1)
    assert (log.base_index, log.last_index, log.term_at(2), log.term_at(3)) == (2, 4, 1, 2)
    assert log.behind(2, 1) == (make(2),)
    log.cut(4)
    assert (log.last_index, log.last_term) == (3, 2)
    log.forget(7, 5)
    assert (log.last_index, log.last_term, log.entries) == (7, 5, [])
    with pytest.raises(IndexError):
        log.entry_at(7)


def test_members_are_those_of_the_newest_entry_that_is_left(reference: Modules) -> None:
    make = reference.quorum.Entry
    log = reference.raft_log.RaftLog()
    three, four, five = (tuple(f"s{n}" for n in range(1, count + 1)) for count in (3, 4, 5))
    log.append([make(1, None, three), make(1), make(2, None, four), make(2, None, five)])
    assert [log.members_at(index) for index in range(5)] == [None, three, three, four, five]
    log.cut(4)
    assert log.members_at(log.last_index) == four
    log.forget(2, 1)
    assert (log.base_members, log.changes, log.members_at(3)) == (three, [3], four)
    log.forget(9, 9)
    assert (log.base_members, log.changes) == (None, [])


def test_a_change_begins_when_an_entry_of_the_term_is_committed(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    elect(lab, solo)
    wish = q.Request(q.Command("c/1", 1, q.AddServer("s4")))
    assert not sent(solo.deliver(wish, "c"), q.AppendEntries)
    effects = solo.deliver(q.AppendReply(1, True, 1), "s2") + solo.deliver(wish, "c")
    changed = [e for m in sent(effects, q.AppendEntries, to="s2") for e in m.entries if e.members]
    assert [e.members for e in changed] == [("s1", "s2", "s3", "s4")]
    assert not sent(solo.deliver(q.AppendReply(1, True, 2), "s2"), q.Reply)  # that is two of four
    assert sent(solo.deliver(q.AppendReply(1, True, 2), "s4"), q.Reply) == [q.Reply("c/1", 1, None)]


def test_a_leader_that_is_removed_does_not_count_and_goes(lab: Modules) -> None:
    q = lab.quorum
    solo = server(lab)
    elect(lab, solo)
    solo.deliver(q.AppendReply(1, True, 1), "s2")
    solo.deliver(q.Request(q.Command("c/1", 1, q.RemoveServer("s1"))), "c")
    solo.deliver(q.AppendReply(1, True, 2), "s2")
    assert (solo.node.probe().role, solo.node.probe().commit) == ("leader", 1)
    solo.deliver(q.AppendReply(1, True, 2), "s3")
    assert (solo.node.probe().role, solo.node.probe().commit) == ("follower", 2)
    assert not sent(solo.advance(2_000_000), q.PreVote)


def test_a_command_is_executed_once(reference: Modules) -> None:
    q = reference.quorum
    state = q.State()
    command = q.Command("c/1", 1, q.Append("l", "a "))
    for _ in range(2):
        reference.machine.apply(state, command)
    reference.machine.apply(state, q.Command("c/1", 2, q.Append("l", "b ")))
    reference.machine.apply(state, command)
    reference.machine.apply(state, None)
    assert state.items == {"l": "a b "}
    found = reference.machine.apply(state, q.Command("c/2", 1, q.Cas("l", "a b ", "c")))
    assert (found, state.items) == ("a b ", {"l": "c"})


def test_a_client_asks_everybody_whatever_former_members_say(reference: Modules) -> None:
    """Seen in 2D5: s2, which was removed long ago, names s1, and s1 knows of nobody."""
    q = reference.quorum
    servers = ("s1", "s2", "s3", "s4")
    client = Solo(reference.kv_client.KvClient, q.ClientConfig(servers), "c1")
    asked: set[str] = set()
    _, effects = client.call(q.Get("x"))
    for _ in range(2 * len(servers)):
        for effect in list(effects):
            if isinstance(effect, fx.Sent):
                asked.add(effect.to)
                command = effect.message.command
                hint = "s1" if effect.to == "s2" else None
                answer = q.NotLeader(command.session, command.seq, hint)
                asked |= {e.to for e in client.deliver(answer, effect.to) if isinstance(e, fx.Sent)}
        effects = client.advance(client.config.retry)
    assert asked == set(servers)
