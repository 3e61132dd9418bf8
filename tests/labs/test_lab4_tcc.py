"""TCC: one bank, and one manager, a rule at a time."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.core.solo import Solo
from tests.labs.lab4_patterns import Modules, lab, sent

__all__ = ["lab"]


def bank(lab: Modules) -> Solo:
    return Solo(lab.tcc_bank.Bank, lab.tcc.BankConfig((("alice", 100), ("bob", 0))), "bank-1")


def manager(lab: Modules) -> Solo:
    return Solo(lab.tcc_manager.Manager, lab.tcc.ManagerConfig(("bank-1", "bank-2")), "manager")


def request(lab: Modules, key: str = "rent", amount: int = 30, number: int = 1) -> Any:
    leg = lab.tcc.Leg
    legs = (leg("bank-1", "alice", -amount), leg("bank-2", "bob", amount))
    return lab.tcc.Request(number, key, legs)


def alice(solo: Solo) -> tuple[int, int]:
    account = solo.node.probe().accounts[0]
    return account.available, account.frozen


def test_a_reservation_survives_a_crash_and_can_be_confirmed(lab: Modules) -> None:
    solo = bank(lab)
    assert sent(solo.deliver(lab.tcc.Try(1, 0, "alice", -30), "manager")) == [lab.tcc.Tried(1, 0)]
    solo.crash()
    solo.start()
    assert alice(solo) == (70, 30)
    assert sent(solo.deliver(lab.tcc.Confirm(1, 0), "manager")) == [lab.tcc.Confirmed(1, 0)]
    assert alice(solo) == (70, 0)


def test_a_try_behind_its_cancel_is_refused(lab: Modules) -> None:
    solo = bank(lab)
    assert sent(solo.deliver(lab.tcc.Cancel(1, 0), "manager")) == [lab.tcc.Cancelled(1, 0)]
    solo.crash()
    solo.start()
    answers = sent(solo.deliver(lab.tcc.Try(1, 0, "alice", -30), "manager"))
    assert not [a for a in answers if isinstance(a, lab.tcc.Tried)]
    assert alice(solo) == (100, 0)


def test_what_is_forgotten_stays_refused(lab: Modules) -> None:
    solo = bank(lab)
    solo.deliver(lab.tcc.Cancel(1, 0), "manager")
    solo.deliver(lab.tcc.Forget(2), "manager")
    assert solo.node.probe().fences == 0
    solo.deliver(lab.tcc.Try(1, 0, "alice", -30), "manager")
    assert alice(solo) == (100, 0)


def test_a_manager_commits_when_all_branches_are_tried(lab: Modules) -> None:
    tcc, solo = lab.tcc, manager(lab)
    assert len(sent(solo.deliver(request(lab), "teller"), tcc.Try)) == 2
    assert sent(solo.deliver(tcc.Tried(1, 0), "bank-1"), tcc.Confirm) == []
    effects = solo.deliver(tcc.Tried(1, 1), "bank-2")
    assert len(sent(effects, tcc.Confirm)) == 2
    assert sent(effects, tcc.Result) == [tcc.Result(1, True)]


def test_a_silent_bank_ends_in_an_abort_of_every_branch(lab: Modules) -> None:
    tcc, solo = lab.tcc, manager(lab)
    solo.deliver(request(lab), "teller")
    solo.deliver(tcc.Tried(1, 0), "bank-1")
    effects = solo.advance(400 * MS)
    assert {cancel.branch for cancel in sent(effects, tcc.Cancel)} == {0, 1}
    assert not sent(effects, tcc.Result)[0].committed


def test_a_decision_is_driven_on_after_a_crash(lab: Modules) -> None:
    tcc, solo = lab.tcc, manager(lab)
    solo.deliver(request(lab), "teller")
    for branch in (0, 1):
        solo.deliver(tcc.Tried(1, branch), f"bank-{branch + 1}")
    solo.crash()
    effects = [*solo.start(), *solo.advance(200 * MS)]
    assert {confirm.branch for confirm in sent(effects, tcc.Confirm)} == {0, 1}
    assert not sent(effects, tcc.Cancel)


def test_numbers_rise_over_all_lives(lab: Modules) -> None:
    tcc, solo = lab.tcc, manager(lab)
    solo.deliver(request(lab), "teller")
    solo.crash()
    solo.start()
    tries = sent(solo.deliver(request(lab, "food"), "teller"), tcc.Try)
    assert {t.xid for t in tries} == {2}
