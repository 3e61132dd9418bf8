"""Part 0B: the client that asks again, and the server that does it once."""

from itertools import pairwise

import pytest

from distlab.core import MS, SECOND, Fail, Info, Ok
from distlab.core.solo import Pair, Solo
from tests.labs.lab0 import Modules, call, client, lab, outcomes, sent, server

__all__ = ["lab"]


# -- the server -----------------------------------------------------------------------------------


def test_a_call_is_applied_and_answered(lab: Modules) -> None:
    node = server(lab)
    assert [answer.balance for answer in sent(node.deliver(call(lab, 1, 5)))] == [5]
    assert node.node.probe().balances == {"a": 5}


def test_the_answer_leaves_after_the_sync(lab: Modules) -> None:
    kinds = [type(effect).__name__ for effect in server(lab).deliver(call(lab, 1))]
    assert kinds.index("Synced") < kinds.index("Sent")
    assert "Written" not in kinds[kinds.index("Sent") :]


def test_a_call_that_comes_twice_is_applied_once_and_answered_twice(lab: Modules) -> None:
    node = server(lab)
    first = sent(node.deliver(call(lab, 1, 5)))
    node.deliver(call(lab, 2, 10))
    assert sent(node.deliver(call(lab, 1, 5))) == first
    assert node.node.probe().balances == {"a": 15}


def test_two_equal_wishes_are_two(lab: Modules) -> None:
    node = server(lab)
    node.deliver(call(lab, 1, 5))
    node.deliver(call(lab, 2, 5))
    assert node.node.probe().balances == {"a": 10}


def test_numbers_may_come_in_any_order(lab: Modules) -> None:
    node = server(lab)
    for number in (3, 1, 2):
        node.deliver(call(lab, number, 10**number))
    assert node.node.probe().balances == {"a": 1110}


def test_a_crash_after_the_answer_loses_nothing(lab: Modules) -> None:
    node = server(lab)
    before = sent(node.deliver(call(lab, 1, 5)))
    node.crash()
    node.start()
    assert sent(node.deliver(call(lab, 1, 5))) == before
    assert node.node.probe().balances == {"a": 5}


def test_what_would_go_below_zero_is_refused(lab: Modules) -> None:
    node = server(lab)
    (answer,) = sent(node.deliver(call(lab, 1, -5)))
    assert answer.refused
    assert node.node.probe().balances.get("a", 0) == 0


@pytest.mark.parametrize("crash", [False, True])
def test_a_refusal_stands_even_if_it_could_be_granted_now(lab: Modules, crash: bool) -> None:
    node = server(lab)
    node.deliver(call(lab, 1, -5))
    node.deliver(call(lab, 2, 100, client="other"))
    if crash:
        node.crash()
        node.start()
    (again,) = sent(node.deliver(call(lab, 1, -5)))
    assert again.refused
    assert node.node.probe().balances == {"a": 100}


def test_the_table_does_not_grow_with_the_number_of_calls(lab: Modules) -> None:
    def entries_after(calls: int) -> int:
        node = server(lab)
        for number in range(1, calls + 1):
            node.deliver(call(lab, number, settled=number))
        return int(node.node.probe().entries)

    assert entries_after(200) == entries_after(100)


@pytest.mark.parametrize("crash", [False, True])
def test_a_straggler_from_before_the_window_is_not_applied_again(lab: Modules, crash: bool) -> None:
    node = server(lab)
    for number in range(1, 31):
        node.deliver(call(lab, number, settled=number))
    if crash:
        node.crash()
        node.start()
    assert sent(node.deliver(call(lab, 3, settled=1))) == []
    assert node.node.probe().balances == {"a": 30}


def test_a_new_life_of_a_client_may_use_old_numbers(lab: Modules) -> None:
    node = server(lab)
    node.deliver(call(lab, 1, 5, incarnation=1))
    node.deliver(call(lab, 1, 10, incarnation=2))
    assert sent(node.deliver(call(lab, 2, 100, incarnation=1))) == []
    assert node.node.probe().balances == {"a": 15}


# -- the client -----------------------------------------------------------------------------------


def answer(lab: Modules, to: object, balance: int = 5, refused: bool = False) -> object:
    return lab.protocol.Answer(to.id, balance, refused)  # type: ignore[attr-defined]


def test_an_answer_is_the_outcome(lab: Modules) -> None:
    node = client(lab)
    _, effects = node.call(lab.protocol.Add("a", 5))
    assert outcomes(node.deliver(answer(lab, sent(effects)[0]))) == [Ok(5)]


def test_a_refusal_is_a_failure(lab: Modules) -> None:
    node = client(lab)
    _, effects = node.call(lab.protocol.Add("a", -5))
    (outcome,) = outcomes(node.deliver(answer(lab, sent(effects)[0], 0, refused=True)))
    assert isinstance(outcome, Fail)


def test_silence_is_neither_success_nor_failure(lab: Modules) -> None:
    node = client(lab)
    node.call(lab.protocol.Add("a", 5))
    (outcome,) = outcomes(node.advance(2 * SECOND))
    assert isinstance(outcome, Info)


def test_every_attempt_has_the_same_name(lab: Modules) -> None:
    node = client(lab)
    node.call(lab.protocol.Add("a", 5))
    node.advance(2 * SECOND)
    calls = sent(node.effects)
    assert len(calls) > 3
    assert len({each.id for each in calls}) == 1


def test_waits_grow_and_are_never_the_same(lab: Modules) -> None:
    def attempts(seed: int) -> list[int]:
        config = lab.protocol.ClientConfig("front")
        node = Solo(lab.client.Client, config, "c", seed=seed)
        node.call(lab.protocol.Add("a", 5))
        times = [0]
        while not outcomes(node.effects):
            if sent(node.advance(MS)):
                times.append(node.time)
        return [later - earlier for earlier, later in pairwise(times)]

    runs = [attempts(seed) for seed in range(40)]
    assert max(map(len, runs)) <= 16
    early = sum(run[0] for run in runs) / 40
    late = sum(run[3] for run in runs) / 40
    assert late > 3 * early
    assert len({run[0] for run in runs}) > 10


def test_nothing_is_sent_once_the_answer_is_there(lab: Modules) -> None:
    node = client(lab)
    _, effects = node.call(lab.protocol.Add("a", 5))
    node.deliver(answer(lab, sent(effects)[0]))
    assert sent(node.advance(10 * SECOND)) == []
    assert node.timers == {}


def test_a_late_answer_means_nothing(lab: Modules) -> None:
    node = client(lab)
    _, effects = node.call(lab.protocol.Add("a", 5))
    node.advance(3 * SECOND)
    assert outcomes(node.deliver(answer(lab, sent(effects)[0]))) == []


def test_no_life_uses_the_numbers_of_another(lab: Modules) -> None:
    node = client(lab)
    ids = set()
    for _ in range(3):
        _, effects = node.call(lab.protocol.Add("a", 5))
        ids.add(sent(effects)[0].id)
        node.crash()
        node.start()
    assert len(ids) == 3


def test_settled_is_the_least_number_under_way(lab: Modules) -> None:
    node = client(lab)
    calls = [sent(node.call(lab.protocol.Add("a", 1))[1])[0] for _ in range(3)]
    node.deliver(answer(lab, calls[1]))
    assert sent(node.call(lab.protocol.Add("a", 1))[1])[0].settled == 1
    node.deliver(answer(lab, calls[0]))
    assert sent(node.call(lab.protocol.Add("a", 1))[1])[0].settled == 3


def test_what_outgrows_the_window_fails_at_once(lab: Modules) -> None:
    node = client(lab, window=2)
    node.call(lab.protocol.Add("a", 1))
    node.call(lab.protocol.Add("a", 1))
    _, effects = node.call(lab.protocol.Add("a", 1))
    assert sent(effects) == []
    assert [type(outcome) for outcome in outcomes(effects)] == [Fail]


def test_a_client_and_a_server_agree_after_the_server_crashed(lab: Modules) -> None:
    alice, bank = client(lab), server(lab)
    _, effects = alice.call(lab.protocol.Add("a", 5))
    bank.deliver(sent(effects)[0], "c")  # the answer is lost
    bank.crash()
    bank.start()
    bank_as_front = Pair(alice, _renamed(bank, "front"))
    alice.advance(100 * MS)
    bank_as_front.settle()
    assert outcomes(alice.effects) == [Ok(5)]


def _renamed(node: Solo, name: str) -> Solo:
    node.address = name  # type: ignore[assignment]
    return node


# -- the front ------------------------------------------------------------------------------------


def test_the_front_passes_calls_on_and_answers_back(lab: Modules) -> None:
    config = lab.protocol.FrontConfig(("s0", "s1"))
    front = Solo(lab.front.Front, config, "front")
    front.deliver(call(lab, 1), "c")
    front.deliver(call(lab, 2), "c")
    passed = front.advance(1 * MS)
    assert len(sent(passed)) == 2
    back = front.deliver(answer(lab, sent(passed)[0]), "s0")
    assert [effect.to for effect in back] == ["c"]
    assert front.deliver(answer(lab, sent(passed)[0]), "s0") == []


def test_packing_makes_a_state_no_smaller(lab: Modules) -> None:
    count = lab.protocol.entries_in
    assert count({"c0": [1, 2]}) == 3
    assert count(b"x" * 800) == count("x" * 800) == 101
    assert count(1 << 6400) == 101
