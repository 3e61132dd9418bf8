"""Part 4E: relay and consumer, seller and broker, and the initiator, a rule at a time."""

from __future__ import annotations

from typing import Any

from distlab.core import MS, SECOND, Fail, Ok
from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab4_patterns import Modules, lab, sent

__all__ = ["lab"]


def outcomes(effects: list[Any]) -> list[Any]:
    return [effect.outcome for effect in effects if isinstance(effect, fx.Done)]


# -- E1 ---------------------------------------------------------------------------------------------------------------


def shop(lab: Modules) -> Solo:
    return Solo(lab.outbox_relay.Shop, lab.outbox.ShopConfig("points"), "shop")


def test_a_late_committer_is_published_in_the_order_of_commits(lab: Modules) -> None:
    box, solo = lab.outbox, shop(lab)
    solo.call(box.Order("ann", 1, think=20 * MS))
    solo.call(box.Order("ann", 2))
    effects = solo.advance(10 * MS)
    assert [p.value for p in sent(effects, box.Publish)][:1] == [2]
    solo.deliver(box.Received(1), "points")
    effects = solo.advance(60 * MS)
    assert {p.value for p in sent(effects, box.Publish)} == {1}


def test_what_was_not_received_is_said_again_after_a_crash(lab: Modules) -> None:
    box, solo = lab.outbox, shop(lab)
    solo.call(box.Order("ann", 1))
    solo.advance(1 * MS)
    solo.crash()
    effects = [*solo.start(), *solo.advance(100 * MS)]
    assert {p.value for p in sent(effects, box.Publish)} == {1}


def test_an_event_has_its_effect_once_and_in_its_turn(lab: Modules) -> None:
    box = lab.outbox
    solo = Solo(lab.outbox_consumer.Consumer, box.ConsumerConfig("shop"), "points")
    assert sent(solo.deliver(box.Publish(2, 1, "ann", 5), "shop"))[-1] == box.Received(0)
    solo.deliver(box.Publish(1, 2, "ann", 7), "shop")
    solo.crash()
    solo.start()
    for _ in range(2):
        for commit, value in ((1, 7), (2, 5)):
            effects = solo.deliver(box.Publish(commit, commit, "ann", value), "shop")
    assert sent(effects)[-1] == box.Received(2)
    points = solo.node.probe().points[0]
    assert (points.count, points.total, points.trail) == (2, 12, 7 * 31 + 5)


# -- E2 ---------------------------------------------------------------------------------------------------------------


def seller(lab: Modules) -> Solo:
    return Solo(lab.txmsg_seller.Seller, lab.txmsg.SellerConfig("broker"), "seller")


def broker(lab: Modules) -> Solo:
    return Solo(lab.txmsg_broker.Broker, lab.txmsg.BrokerConfig("seller", "consumer"), "broker")


def test_nothing_begins_before_its_half_is_stored(lab: Modules) -> None:
    msg, solo = lab.txmsg, seller(lab)
    solo.call(msg.Sell(1, 10))
    assert solo.advance(100 * MS)
    assert solo.node.probe() == ()
    solo.deliver(msg.HalfStored(1), "broker")
    assert outcomes(solo.advance(1 * MS)) == [Ok()]
    assert solo.node.probe() == (1,)


def test_a_no_is_for_ever(lab: Modules) -> None:
    msg, solo = lab.txmsg, seller(lab)
    solo.call(msg.Sell(1, 10))
    answers = sent(solo.deliver(msg.Check(1), "broker"), msg.Decide)
    solo.deliver(msg.HalfStored(1), "broker")
    solo.advance(1 * SECOND)
    assert not answers or solo.node.probe() == ()


def test_the_running_is_no_no(lab: Modules) -> None:
    msg, solo = lab.txmsg, seller(lab)
    solo.call(msg.Sell(1, 10, think=50 * MS))
    solo.deliver(msg.HalfStored(1), "broker")
    assert sent(solo.deliver(msg.Check(1), "broker"), msg.Decide) == []
    solo.crash()
    solo.start()
    assert sent(solo.deliver(msg.Check(1), "broker")) == [msg.Decide(1, False)]


def test_a_half_message_outlives_a_crash_and_is_asked_about(lab: Modules) -> None:
    msg, solo = lab.txmsg, broker(lab)
    assert sent(solo.deliver(msg.Half(1, 10), "seller")) == [msg.HalfStored(1)]
    solo.crash()
    effects = [*solo.start(), *solo.advance(10 * SECOND)]
    assert len(sent(effects, msg.Check)) > 20
    assert sent(effects, msg.Deliver) == []
    assert sent(solo.deliver(msg.Decide(1, True), "seller"), msg.Deliver) == [msg.Deliver(1, 10)]
    solo.deliver(msg.Taken(1), "consumer")
    assert solo.node.probe() == msg.BrokerView(0, 0)


# -- E3 ---------------------------------------------------------------------------------------------------------------


def initiator(lab: Modules) -> Solo:
    config = lab.xts.InitiatorConfig(("bank-1", "bank-2"), (("ann", 100),))
    return Solo(lab.xts_initiator.Initiator, config, "initiator")


def paid(lab: Modules, solo: Solo, payment: int, amount: int = 10) -> list[Any]:
    """A payment to both banks, each of which has said Tried."""
    share = lab.xts.Share
    solo.call(lab.xts.Pay(payment, "ann", (share("bank-1", "s", amount), share("bank-2", "s", 1))))
    solo.deliver(lab.tcc.Tried(payment, 0), "bank-1")
    return solo.deliver(lab.tcc.Tried(payment, 1), "bank-2")


def test_who_pays_is_answered_before_phase_two(lab: Modules) -> None:
    solo = initiator(lab)
    effects = paid(lab, solo, 1)
    assert outcomes(effects) == [Ok()]
    assert sent(effects, lab.tcc.Confirm) == []
    assert {c.branch for c in sent(solo.advance(50 * MS), lab.tcc.Confirm)} == {0, 1}


def test_the_balance_is_looked_at_when_the_money_goes(lab: Modules) -> None:
    solo = initiator(lab)
    share = lab.xts.Share
    for payment in (1, 2):
        solo.call(lab.xts.Pay(payment, "ann", (share("bank-1", "s", 60),)))
    assert outcomes(solo.deliver(lab.tcc.Tried(1, 0), "bank-1")) == [Ok()]
    assert isinstance(outcomes(solo.deliver(lab.tcc.Tried(2, 0), "bank-1"))[0], Fail)
    assert solo.node.probe().accounts[0].available == 40


def test_a_peak_outlives_a_crash_and_ends(lab: Modules) -> None:
    solo = initiator(lab)
    solo.call(lab.xts.SetPeak(True))
    paid(lab, solo, 1)
    solo.crash()
    assert sent([*solo.start(), *solo.advance(1 * SECOND)], lab.tcc.Confirm) == []
    solo.call(lab.xts.SetPeak(False))
    assert {c.branch for c in sent(solo.advance(200 * MS), lab.tcc.Confirm)} == {0, 1}


def test_what_was_begun_and_not_marked_is_cancelled(lab: Modules) -> None:
    solo = initiator(lab)
    solo.call(lab.xts.Pay(1, "ann", (lab.xts.Share("bank-1", "s", 10),)))
    solo.crash()
    effects = [*solo.start(), *solo.advance(200 * MS)]
    assert sent(effects, lab.tcc.Cancel)
    assert not sent(effects, lab.tcc.Confirm)
