"""Parts 1B to 1E: the master and the worker, a rule at a time."""

from typing import Any

import pytest

from distlab.core import MS
from distlab.core import effects as fx
from distlab.core.objects import Objects
from distlab.core.solo import Solo
from tests.labs.lab1 import Modules, attempt, master, objects, sent, spec, worker
from tests.labs.lab1 import lab as lab  # a fixture

LEASE = 200 * MS


@pytest.fixture
def store() -> Objects:
    """Two splits of eight bytes."""
    return objects(a=b"one two\nsix ten\n")


def submitted(lab: Modules, store: Objects, **config: Any) -> Solo:
    """A master that has taken a job with two map and two reduce tasks on."""
    node = master(lab, store, **config)
    (working,) = sent(node.deliver(lab.protocol.Submit(spec(lab)), "client"))
    assert working == lab.protocol.Working("job")
    return node


def ask(lab: Modules, node: Solo, who: str, number: int) -> Any:
    """What a worker gets for its n-th wish."""
    (answer,) = sent(node.deliver(lab.protocol.Ask((1, number)), who))
    return answer


def done(lab: Modules, node: Solo, order: Any, who: str) -> Any:
    """The order was carried out; what the master says."""
    if isinstance(order, lab.protocol.RunMap):
        report = lab.protocol.MapDone(order.attempt, (10, 0), (("records", 1), ("skipped", 0)))
    else:
        node.objects.put_if_absent(lab.protocol.part_key("job", order.attempt.task), b"")
        report = lab.protocol.ReduceDone(order.attempt)
    return sent(node.deliver(report, who))


def maps_done(lab: Modules, node: Solo) -> None:
    """Worker ``a`` has completed map task 0, worker ``b`` task 1."""
    for who in ("a", "b"):
        done(lab, node, ask(lab, node, who, 1), who)


class TestAsking:
    def test_the_same_question_gets_the_same_answer(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        first = ask(lab, node, "a", 1)
        assert ask(lab, node, "a", 1) == first
        assert ask(lab, node, "b", 1).attempt.task == 1

    def test_a_question_that_was_overtaken_gets_none(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        ask(lab, node, "a", 2)
        assert sent(node.deliver(lab.protocol.Ask((1, 1)), "a")) == []
        assert sent(node.deliver(lab.protocol.Ask((0, 9)), "a")) == []

    def test_who_asks_anew_has_lost_what_he_had(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        first = ask(lab, node, "a", 1)
        again = ask(lab, node, "a", 2)
        assert again.attempt.task == first.attempt.task
        assert again.attempt != first.attempt

    def test_no_reduce_task_before_all_maps_are_over(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        first, second = ask(lab, node, "a", 1), ask(lab, node, "b", 1)
        done(lab, node, first, "a")
        assert isinstance(ask(lab, node, "a", 2), lab.protocol.Idle)
        done(lab, node, second, "b")
        order = ask(lab, node, "a", 3)
        assert [(i.attempt, i.holder, i.size) for i in order.inputs] == [
            (first.attempt, "a", 10),
            (second.attempt, "b", 10),
        ]

    def test_the_job_ends_once_all_outputs_are_there(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        done(lab, node, ask(lab, node, "a", 2), "a")
        (noted, over) = done(lab, node, ask(lab, node, "b", 2), "b")
        assert noted.accepted
        assert over.record.counters == (("records", 2), ("skipped", 0))
        assert store.get(lab.protocol.outcome_key("job")) == over.record.to_bytes()
        assert isinstance(ask(lab, node, "a", 3), lab.protocol.Idle)


class TestDeaths:
    def test_the_first_completion_counts(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        late = ask(lab, node, "a", 1)
        node.advance(LEASE + 30 * MS)
        early = ask(lab, node, "b", 1)
        assert early.attempt.task == late.attempt.task
        assert done(lab, node, early, "b")[0].accepted
        assert not done(lab, node, late, "a")[0].accepted
        assert done(lab, node, early, "b")[0].accepted  # an echo

    def test_a_heartbeat_keeps_an_attempt(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        order = ask(lab, node, "a", 1)
        for _ in range(20):
            node.advance(40 * MS)
            assert sent(node.deliver(lab.protocol.Heartbeat(order.attempt), "a")) == []
        assert ask(lab, node, "b", 1).attempt.task == 1
        assert isinstance(ask(lab, node, "c", 1), lab.protocol.Idle)

    def test_what_lay_on_a_dead_disk_is_made_again(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        node.advance(150 * MS)
        node.deliver(lab.protocol.Heartbeat(None), "b")
        node.advance(100 * MS)
        order = ask(lab, node, "b", 2)
        assert (order.attempt.phase, order.attempt.task) == ("map", 0)

    def test_outputs_in_the_store_are_not(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        done(lab, node, ask(lab, node, "a", 2), "a")
        node.advance(10 * LEASE)
        again = [ask(lab, node, "c", number).attempt for number in (1,)]
        done(lab, node, ask(lab, node, "c", 1), "c")
        again.append(ask(lab, node, "c", 2).attempt)
        done(lab, node, ask(lab, node, "c", 2), "c")
        again.append(ask(lab, node, "c", 3).attempt)
        assert [(a.phase, a.task) for a in again] == [("map", 0), ("map", 1), ("reduce", 1)]

    def test_a_missed_output_is_made_again_first(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        order = ask(lab, node, "a", 2)
        lost = lab.protocol.OutputLost(order.attempt, order.inputs[1].attempt)
        node.deliver(lost, "a")
        again = ask(lab, node, "a", 3)
        assert (again.attempt.phase, again.attempt.task) == ("map", 1)
        assert not done(lab, node, order, "x")[0].accepted or again.attempt.phase == "map"

    def test_an_old_report_of_a_lost_output_is_not_believed(
        self, lab: Modules, store: Objects
    ) -> None:
        node = submitted(lab, store)
        first = ask(lab, node, "a", 1)
        done(lab, node, first, "a")
        order = attempt(lab, "reduce", 0, 50)
        node.deliver(lab.protocol.OutputLost(order, first.attempt), "c")
        assert not done(lab, node, first, "a")[0].accepted

    def test_work_that_nobody_needs_is_abandoned(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        late = ask(lab, node, "a", 1)
        node.advance(LEASE + 30 * MS)
        done(lab, node, ask(lab, node, "b", 1), "b")
        (abandon,) = sent(node.deliver(lab.protocol.Heartbeat(late.attempt), "a"))
        assert abandon == lab.protocol.Abandon(late.attempt)


class TestMasterReturns:
    def test_what_was_noted_is_known(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        done(lab, node, ask(lab, node, "a", 1), "a")
        node.crash()
        node.start()
        assert ask(lab, node, "b", 1).attempt.task == 1

    def test_attempts_of_a_second_life_have_other_names(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        before = ask(lab, node, "a", 1)
        node.crash()
        node.start()
        assert ask(lab, node, "a", 1).attempt != before.attempt
        assert ask(lab, node, "a", 1).attempt.path != before.attempt.path

    def test_work_in_progress_is_adopted(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        before = ask(lab, node, "a", 1)
        node.crash()
        node.start()
        assert sent(node.deliver(lab.protocol.Heartbeat(before.attempt), "a")) == []
        assert ask(lab, node, "b", 1).attempt.task == 1
        assert done(lab, node, before, "a")[0].accepted

    def test_outputs_that_are_there_are_done(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        store.put_if_absent(lab.protocol.part_key("job", 0), b"")  # its report was never heard
        node.crash()
        node.start()
        assert ask(lab, node, "a", 2).attempt.task == 1

    def test_a_job_that_is_over_is_not_run_again(self, lab: Modules, store: Objects) -> None:
        record = lab.protocol.JobRecord("job", "master-2", 3, (("records", 7),))
        store.put_if_absent(lab.protocol.outcome_key("job"), record.to_bytes())
        node = master(lab, store)
        (over,) = sent(node.deliver(lab.protocol.Submit(spec(lab)), "client"))
        assert over == lab.protocol.JobOver(record)
        assert isinstance(ask(lab, node, "a", 1), lab.protocol.Idle)

    def test_the_record_in_the_store_is_the_answer(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        maps_done(lab, node)
        orders = [ask(lab, node, "a", 2), ask(lab, node, "b", 2)]
        done(lab, node, orders[0], "a")
        record = lab.protocol.JobRecord("job", "master-2", 3, (("records", 7),))
        store.put_if_absent(lab.protocol.outcome_key("job"), record.to_bytes())
        (_, over) = done(lab, node, orders[1], "b")
        assert over.record == record


class TestPoison:
    def died(self, lab: Modules, node: Solo, number: int, record: int | None) -> Any:
        """An attempt of the first task is ordered and dies; its order."""
        order = ask(lab, node, "a", number)
        node.deliver(lab.protocol.AttemptFailed(order.attempt, "boom", record), "a")
        return order

    def test_two_deaths_of_one_record_skip_it(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        assert not self.died(lab, node, 1, None).careful
        assert self.died(lab, node, 2, 5).careful
        assert self.died(lab, node, 3, 5).skip == ()
        assert ask(lab, node, "a", 4).skip == (5,)

    def test_deaths_of_two_records_skip_none(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        for number, record in ((1, None), (2, 5), (3, 6)):
            self.died(lab, node, number, record)
        assert ask(lab, node, "a", 4).skip == ()

    def test_an_echo_is_no_death(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store)
        self.died(lab, node, 1, None)
        order = self.died(lab, node, 2, 5)
        node.deliver(lab.protocol.AttemptFailed(order.attempt, "boom", 5), "a")
        assert ask(lab, node, "a", 3).skip == ()

    def test_too_many_deaths_end_the_job(self, lab: Modules, store: Objects) -> None:
        node = submitted(lab, store, max_failures=3)
        for number in (1, 2):
            self.died(lab, node, number, None)
        order = ask(lab, node, "a", 3)
        said = sent(node.deliver(lab.protocol.AttemptFailed(order.attempt, "boom", None), "a"))
        (over,) = [message for message in said if isinstance(message, lab.protocol.JobOver)]
        assert over.record.failure


class TestBackups:
    def test_an_idle_worker_helps_the_slowest(self, lab: Modules) -> None:
        node = submitted(lab, objects(a=b"".join(b"line %d\n" % n for n in range(5))), lease=None)
        slow = ask(lab, node, "slow", 1)
        for number in range(1, 5):
            order = ask(lab, node, "quick", number)
            node.advance(10 * MS)
            done(lab, node, order, "quick")
        helped = ask(lab, node, "quick", 5)
        assert helped.attempt.task == slow.attempt.task
        assert isinstance(ask(lab, node, "third", 1), lab.protocol.Idle)

    def test_nobody_helps_who_is_not_slow(self, lab: Modules) -> None:
        node = submitted(lab, objects(a=b"".join(b"line %d\n" % n for n in range(3))), lease=None)
        first, second = ask(lab, node, "a", 1), ask(lab, node, "b", 1)
        node.advance(10 * MS)
        done(lab, node, first, "a")
        ask(lab, node, "a", 2)
        assert isinstance(ask(lab, node, "c", 1), lab.protocol.Idle)
        assert done(lab, node, second, "b")[0].accepted


class TestWorker:
    def order(self, lab: Modules, node: Solo, **changes: Any) -> Any:
        """A map order that answers the worker's wish."""
        node.objects.put_if_absent("in/0", b"one two\nsix ten\n")
        (wish,) = [m for m in sent(node.effects) if isinstance(m, lab.protocol.Ask)][-1:]
        split = lab.protocol.Split("in/0", 0, 16)
        return lab.protocol.RunMap(wish.request, attempt(lab, **changes), spec(lab), split)

    def test_it_repeats_its_wish_word_for_word(self, lab: Modules) -> None:
        node = worker(lab)
        (first,) = [m for m in sent(node.effects) if isinstance(m, lab.protocol.Ask)]
        again = [m for m in sent(node.advance(100 * MS)) if isinstance(m, lab.protocol.Ask)]
        assert again
        assert set(again) == {first}

    def test_wishes_of_a_second_life_are_later(self, lab: Modules) -> None:
        node = worker(lab)
        first = [m for m in sent(node.effects) if isinstance(m, lab.protocol.Ask)]
        node.crash()
        second = [m for m in sent(node.start()) if isinstance(m, lab.protocol.Ask)]
        assert second[0].request > first[0].request

    def test_it_takes_one_order_for_one_wish(self, lab: Modules) -> None:
        node = worker(lab)
        order = self.order(lab, node)
        node.deliver(order, "master-1")
        echo = lab.protocol.RunMap(order.request, attempt(lab, number=2), order.spec, order.split)
        node.deliver(echo, "master-1")
        assert [job.order.attempt for job in node.jobs] == [order.attempt]

    def test_it_reports_until_it_is_noted_and_then_asks(self, lab: Modules) -> None:
        node = worker(lab)
        order = self.order(lab, node)
        node.deliver(order, "master-1")
        said = sent(node.finish_job(node.jobs[0]))
        assert [type(message).__name__ for message in said] == ["MapDone"]
        again = [type(m).__name__ for m in sent(node.advance(50 * MS))]
        assert "MapDone" in again
        assert "Ask" not in again
        noted = sent(node.deliver(lab.protocol.Noted(order.attempt, accepted=True), "master-1"))
        assert [type(message).__name__ for message in noted] == ["Ask"]
        assert "MapDone" not in [type(m).__name__ for m in sent(node.advance(50 * MS))]

    def test_it_hands_out_what_it_has_and_says_what_it_has_not(self, lab: Modules) -> None:
        node = worker(lab)
        order = self.order(lab, node)
        node.deliver(order, "master-1")
        node.finish_job(node.jobs[0])
        size = node.disk.size(f"{order.attempt.path}/0")
        fetch = lab.protocol.Fetch(order.attempt, 0, 1, size - 2)
        (piece,) = sent(node.deliver(fetch, "worker-2"))
        assert piece.data == node.disk.read(f"{order.attempt.path}/0", 1, size - 2)
        other = lab.protocol.Fetch(attempt(lab, number=9), 0, 0, 10)
        (gone,) = sent(node.deliver(other, "worker-2"))
        assert gone == lab.protocol.Gone(attempt(lab, number=9), 0)

    def reducing(self, lab: Modules, node: Solo, size: int = 10) -> Any:
        """A reduce order with one input, held by ``h``."""
        (wish,) = [m for m in sent(node.effects) if isinstance(m, lab.protocol.Ask)][-1:]
        output = lab.protocol.MapOutput(attempt(lab), "h", size)
        reduce = attempt(lab, "reduce", 0, 7)
        order = lab.protocol.RunReduce(wish.request, reduce, spec(lab), (output,))
        return order, node.deliver(order, "master-1")

    def test_a_copy_grows_only_at_its_end(self, lab: Modules) -> None:
        node = worker(lab, piece=4)
        order, effects = self.reducing(lab, node)
        assert sent(effects) == [lab.protocol.Fetch(attempt(lab), 0, 0, 4)]
        piece = lab.protocol.Piece(attempt(lab), 0, 0, b"abcd")
        assert lab.protocol.Fetch(attempt(lab), 0, 4, 4) in sent(node.deliver(piece, "h"))
        assert sent(node.deliver(piece, "h")) == []
        early = lab.protocol.Piece(attempt(lab), 0, 8, b"ij")
        assert sent(node.deliver(early, "h")) == []
        node.deliver(lab.protocol.Piece(attempt(lab), 0, 4, b"efgh"), "h")
        node.deliver(early, "h")
        (job,) = node.jobs
        assert node.disk.read(job.files[0]) == b"abcdefghij"
        assert job.attempt == order.attempt

    @pytest.mark.parametrize("how", ["gone", "silent"])
    def test_a_reducer_that_cannot_fetch_gives_its_task_back(self, lab: Modules, how: str) -> None:
        node = worker(lab)
        order, _ = self.reducing(lab, node)
        if how == "gone":
            effects = node.deliver(lab.protocol.Gone(attempt(lab), 0), "h")
        else:
            effects = node.advance(400 * MS)
        lost = lab.protocol.OutputLost(order.attempt, attempt(lab))
        assert lost in sent(effects)
        assert node.jobs == []

    def test_empty_outputs_are_not_fetched(self, lab: Modules) -> None:
        node = worker(lab)
        _, effects = self.reducing(lab, node, size=0)
        assert sent(effects) == []
        assert len(node.jobs) == 1

    def test_abandoned_work_stops(self, lab: Modules) -> None:
        node = worker(lab)
        order = self.order(lab, node)
        node.deliver(order, "master-1")
        effects = node.deliver(lab.protocol.Abandon(order.attempt), "master-1")
        assert any(isinstance(effect, fx.JobCancelled) for effect in effects)
        assert [type(m).__name__ for m in sent(effects)] == ["Ask"]

    def test_a_silent_master_is_left_for_the_next_one(self, lab: Modules) -> None:
        node = worker(lab, masters=("master-1", "master-2"))
        effects = node.advance(300 * MS)
        asked = [
            e.to for e in effects if isinstance(e, fx.Sent) and "Ask" in type(e.message).__name__
        ]
        assert "master-2" in asked
