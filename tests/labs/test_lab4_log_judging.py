"""The judgement of part 4F: it accepts what is right, however it is built, and says what it saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from distlab.core import Address
from distlab.grade.grading import Grading, judge
from distlab.grade.lab import Lab, Mutant, Part
from distlab.grade.perform import perform
from distlab.grade.result import State
from distlab.grade.solution import load_lab, load_solution, patch


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("4")


# -- unusual, and right -----------------------------------------------------------------------------------------------


def an_id_for_each_beginning(base: Any) -> Any:
    """InitProducer always brings another producer id: nothing of the old one is open, and it may not speak any more."""
    from labs.lab4_transactions.logtx import InitProducer

    class Coordinator(base):  # type: ignore[misc]
        is_beginning: bool

        def forget(self) -> None:
            super().forget()
            self.is_beginning = False

        def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
            self.is_beginning = True
            super().on_init_producer(ask, sender)
            self.is_beginning = False

        def after(self, identity: Any) -> Any:
            return self.fresh() if self.is_beginning else super().after(identity)

    return Coordinator


def silent_when_busy(base: Any) -> Any:
    """Says nothing instead of CONCURRENT_TRANSACTIONS: whoever asks will ask again."""
    from labs.lab4_transactions.logtx import CONCURRENT_TRANSACTIONS

    class Coordinator(base):  # type: ignore[misc]
        def send(self, to: Address, message: Any) -> None:
            if getattr(message, "error", "") != CONCURRENT_TRANSACTIONS:
                super().send(to, message)

    return Coordinator


def answers_at_the_end(base: Any) -> Any:
    """Answers EndTxn when every marker is written."""
    from labs.lab4_transactions.logtx import COMPLETE_ABORT, COMPLETE_COMMIT, TxnEnded

    class Coordinator(base):  # type: ignore[misc]
        late: dict[str, Any]

        def forget(self) -> None:
            super().forget()
            self.late = {}

        def write(self, record: Any, reply: Any = None) -> None:
            if reply is not None and isinstance(reply[1], TxnEnded):
                self.late[record.transactional_id] = reply
                reply = None
            super().write(record, reply)

        def go_on(self, record: Any) -> None:
            if record.state in (COMPLETE_COMMIT, COMPLETE_ABORT):
                reply = self.late.pop(record.transactional_id, None)
                if reply is not None:
                    self.send(*reply)
            super().go_on(record)

    return Coordinator


def skips_epochs(base: Any) -> Any:
    """Leaves every second epoch out, as long as there are enough."""
    from labs.lab4_transactions.logtx import Identity

    class Coordinator(base):  # type: ignore[misc]
        def after(self, identity: Any) -> Any:
            if identity.epoch + 2 < self.config.max_epoch:
                return Identity(identity.id, identity.epoch + 2)
            return super().after(identity)

    return Coordinator


def one_marker_after_the_other(base: Any) -> Any:
    """Sends the next marker when the one before is answered."""
    from labs.lab4_transactions.logtx import PREPARE_COMMIT, MarkerWritten, WriteMarker
    from labs.lab4_transactions.txn_coordinator import SayMarkers

    class Coordinator(base):  # type: ignore[misc]
        def say_markers(self, record: Any) -> None:
            left = sorted(self.markers[record.transactional_id])
            is_commit = record.state == PREPARE_COMMIT
            for partition in left[:1]:
                marker = WriteMarker(record.transactional_id, self.marker_of(record), is_commit)
                self.send(Address(partition), marker)
            self.set_timer(SayMarkers(record.transactional_id), self.config.retry)

        def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
            before = set(self.markers.get(answer.transactional_id, ()))
            super().on_marker_written(answer, sender)
            record = self.known.get(answer.transactional_id)
            after = self.markers.get(answer.transactional_id)
            if record is not None and after and after != before:
                self.say_markers(record)

    return Coordinator


def asks_the_group_each_time(base: Any) -> Any:
    """Forgets its positions after every transaction, also a committed one."""

    class Processor(base):  # type: ignore[misc]
        def transacted(self, outcome: str) -> None:
            self.positions = {}
            super().transacted(outcome)

    return Processor


def commits_all_its_places(base: Any) -> Any:
    """Commits its positions in all its inputs, not only in the one that it has read."""

    class Processor(base):  # type: ignore[misc]
        def transact(self, writes: Any, offsets: Any = None, **options: Any) -> None:
            if offsets is not None:
                offsets.positions = {**self.positions, **offsets.positions}
            super().transact(writes, offsets, **options)

    return Processor


def begins_anew_each_time(base: Any) -> Any:
    """Begins as a new producer with every transaction."""

    class Processor(base):  # type: ignore[misc]
        def transact(self, writes: Any, offsets: Any = None, **options: Any) -> None:
            super().transact(writes, offsets, **{**options, "init": True})

    return Processor


def fetches_much(base: Any) -> Any:
    """Fetches as much as there is."""
    from labs.lab4_transactions.logtx import Fetch

    class Processor(base):  # type: ignore[misc]
        def send(self, to: Address, message: Any) -> None:
            if isinstance(message, Fetch):
                message = structs.replace(message, max_batches=1000)
            super().send(to, message)

    return Processor


COORDINATORS: list[Callable[[Any], Any]] = [
    an_id_for_each_beginning,
    silent_when_busy,
    answers_at_the_end,
    skips_epochs,
    one_marker_after_the_other,
]
PROCESSORS: list[Callable[[Any], Any]] = [
    asks_the_group_each_time,
    commits_all_its_places,
    begins_anew_each_time,
    fetches_much,
]


def passes(lab: Lab, part: Part, module: str, name: str, make: Callable[[Any], Any]) -> None:
    solution = load_solution(lab, part, "reference")
    by = make(getattr(solution.module(module), name))
    variant = Mutant(
        name=make.__name__,
        code="",
        part=part.code,
        replaces=f"{module}:{name}",
        by=by,
        story="",
        source="",
        breaks="",
    )
    patch(lab, variant)
    result = Grading(lab, part, solution, keep=False, runs=60).grade()
    fine = (State.PASSED, State.UNKNOWN)
    assert not {p.code: (p.state, p.broken) for p in result.promises if p.state not in fine}


@pytest.mark.parametrize("make", COORDINATORS, ids=lambda make: make.__name__)
def test_an_unusual_coordinator_passes(lab: Lab, make: Callable[[Any], Any]) -> None:
    passes(lab, lab.part("F2"), "txn_coordinator", "Coordinator", make)


@pytest.mark.parametrize("make", PROCESSORS, ids=lambda make: make.__name__)
def test_an_unusual_processor_passes(lab: Lab, make: Callable[[Any], Any]) -> None:
    passes(lab, lab.part("F3"), "txn_processor", "Processor", make)


# -- what is said -----------------------------------------------------------------------------------------------------


def verdict(lab: Lab, code: str, promise: str, solution: str, schedule: str) -> Any:
    part = lab.part(code)
    loaded = load_solution(lab, part, solution)
    scenario = next(d.scenario for d in part.directed if d.name == schedule)
    performance = perform(part, loaded, scenario)
    return judge(next(p for p in part.promises if p.code == promise), performance)


def test_half_a_committed_transaction_may_be_seen(lab: Lab) -> None:
    name = "a transaction begins in the midst of another one, and lasts longer"
    assert verdict(lab, "F2", "TX-G1", "reference", name).is_kept


def test_the_half_that_is_committed_is_named(lab: Lab) -> None:
    name = "an EndTxn comes again, in the middle of the next transaction"
    found = verdict(lab, "F2", "TX-S1", "mutant:any-epoch-ends", name)
    assert found.is_broken
    assert "answered Fail, and p in out-0 is committed" in found.reason


def test_a_record_that_is_processed_twice_is_named(lab: Lab) -> None:
    name = "the marker for the group comes late, and another processor takes over"
    found = verdict(lab, "F3", "TX-S5", "mutant:takes-unstable-offsets", name)
    assert found.is_broken
    assert "was processed 2 times" in found.reason


def test_what_hangs_is_named_with_its_partition(lab: Lab) -> None:
    name = "the client dies in its transaction"
    found = verdict(lab, "F2", "TX-L1", "mutant:endless-transactions", name)
    assert found.is_broken
    assert found.is_absence
    assert "in out-0 everything from offset 0 on stays hidden" in found.reason
