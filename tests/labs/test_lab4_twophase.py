"""Both solutions of part 4A, one node at a time, a rule at a time."""

from __future__ import annotations

from distlab.core import effects as fx
from tests.labs.lab4_twophase import (
    Modules,
    begun,
    coordinator,
    lab,
    participant,
    reference,
    sent,
    steps,
    voted,
)

__all__ = ["lab", "reference"]


def test_a_yes_is_on_disk_before_it_is_said(lab: Modules) -> None:
    m, solo = lab.twophase, participant(lab, a=100)
    txn = m.Txn("tm1", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=-5)), "tm1"))[0].life
    kinds = [type(effect) for effect in solo.deliver(m.Prepare(txn, life), "tm1")]
    assert kinds.index(fx.Synced) < kinds.index(fx.Sent)


def test_a_yes_outlives_a_crash_and_so_do_its_locks(lab: Modules) -> None:
    m, solo = lab.twophase, participant(lab, a=100)
    txn, other = m.Txn("tm1", 1, 1), m.Txn("tm2", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=-5)), "tm1"))[0].life
    solo.deliver(m.Prepare(txn, life), "tm1")
    solo.crash()
    assert m.Inquiry(txn) in sent(solo.start())
    assert sent(solo.deliver(m.Work(other, steps(lab, rm1_a=0)), "tm2")) == []
    assert sent(solo.deliver(m.Prepare(txn, life), "tm1")) == [m.Vote(txn, "yes")]
    effects = solo.deliver(m.Decision(txn, True), "tm1")
    assert m.Ack(txn) in sent(effects)
    assert sent(effects, m.Worked)[0].seen == (m.Seen("rm1/a", 95, txn),)


def test_work_of_another_life_gets_a_no(lab: Modules) -> None:
    m, solo = lab.twophase, participant(lab, a=100)
    txn = m.Txn("tm1", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=0)), "tm1"))[0].life
    solo.crash()
    solo.random.seed(7)
    solo.start()
    solo.deliver(m.Work(txn, steps(lab, rm1_a=0)), "tm1")
    assert sent(solo.deliver(m.Prepare(txn, life), "tm1")) == [m.Vote(txn, "no")]


def test_who_only_looks_forces_nothing_and_is_free_after_its_vote(lab: Modules) -> None:
    m, solo = lab.twophase, participant(lab, a=100)
    txn = m.Txn("tm1", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=0)), "tm1"))[0].life
    effects = solo.deliver(m.Prepare(txn, life), "tm1")
    assert m.Vote(txn, "read") in sent(effects)
    assert fx.Synced not in [type(effect) for effect in effects]
    assert solo.node.probe().locked == ()


def test_a_commit_that_is_told_twice_is_done_once(lab: Modules) -> None:
    m, solo = lab.twophase, participant(lab, a=100)
    txn = m.Txn("tm1", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=-5)), "tm1"))[0].life
    solo.deliver(m.Prepare(txn, life), "tm1")
    for _ in range(2):
        assert sent(solo.deliver(m.Decision(txn, True), "tm1")) == [m.Ack(txn)]
        solo.deliver(m.Work(txn, steps(lab, rm1_a=-5)), "tm1")
        assert solo.node.probe().accounts == (m.Seen("rm1/a", 95, txn),)
        solo.crash()
        solo.start()


def test_nobody_hears_of_a_commit_before_it_is_on_disk(lab: Modules) -> None:
    solo = coordinator(lab)
    txn = begun(lab, solo)
    kinds = [type(e) for e in voted(lab, solo, txn, "yes", "yes", rm1_a=-5, rm2_b=5)]
    assert kinds.index(fx.Synced) < kinds.index(fx.Sent)


def test_a_commit_is_told_by_the_next_life(lab: Modules) -> None:
    m, solo = lab.twophase, coordinator(lab)
    txn = begun(lab, solo)
    voted(lab, solo, txn, "yes", "yes", rm1_a=-5, rm2_b=5)
    solo.deliver(m.Ack(txn), "rm1")
    solo.crash()
    assert m.Decision(txn, True) in sent(solo.start())
    assert solo.node.probe().open == (txn,)
    again = sent(solo.deliver(m.Execute(txn, steps(lab, rm1_a=-5, rm2_b=5)), "ap1"))
    assert again[0].committed


def test_what_has_no_record_is_aborted_but_not_while_it_is_voted_on(lab: Modules) -> None:
    m, solo = lab.twophase, coordinator(lab)
    txn = begun(lab, solo)
    voted(lab, solo, txn, "yes", rm1_a=-5, rm2_b=5)
    assert sent(solo.deliver(m.Inquiry(txn), "rm1")) == []
    solo.crash()
    solo.start()
    assert sent(solo.deliver(m.Inquiry(txn), "rm1")) == [m.Decision(txn, False)]


def test_an_abort_is_written_nowhere(lab: Modules) -> None:
    m, solo = lab.twophase, coordinator(lab)
    txn = begun(lab, solo)
    effects = voted(lab, solo, txn, "yes", "no", rm1_a=-5, rm2_b=5)
    assert not sent(effects, m.Outcome)[0].committed
    assert not {fx.Written, fx.Synced} & {type(effect) for effect in effects}


def test_no_name_is_given_twice(lab: Modules) -> None:
    solo = coordinator(lab)
    names = set()
    for _ in range(3):
        names |= {begun(lab, solo), begun(lab, solo)}
        solo.crash()
        solo.start()
    assert len(names) == 6


def test_locks_go_to_the_first_in_the_queue(reference: Modules) -> None:
    m, table = reference.twophase, reference.locks.LockTable()
    one, two, three, four = (m.Txn("tm1", 1, n) for n in range(1, 5))
    for txn, amount in ((one, 0), (two, 0), (three, 5), (four, 0)):
        table.claim(txn, steps(reference, rm1_a=amount))
    assert table.holders("rm1/a") == [one, two]
    assert table.release(one) == [two, three, four]
    assert not table.has_all(three)
    table.release(two)
    assert table.has_all(three)
    assert not table.has_all(four)
