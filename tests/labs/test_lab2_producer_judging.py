"""The judgement of part 2F: it accepts producers and brokers that are unusual, and right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from distlab.core import Fail, Info
from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant
from distlab.grade.result import State
from distlab.grade.solution import load_lab, load_solution, patch
from grading.lab2_log.producer import hashing
from tests.labs.lab2 import Modules
from tests.labs.solutions import modules

RUNS = 12


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab2")


Variant = Callable[[Any, Modules], Any]


def one_at_a_time(base: Any, m: Modules) -> Any:
    """Never has more than one batch under way."""
    return lambda config: 1


def knows_nothing(base: Any, m: Modules) -> Any:
    """Never claims that a record is not in the log."""

    class Producer(base):  # type: ignore[misc]
        def settle(self, record: Any, outcome: Any) -> None:
            super().settle(record, Info("?") if isinstance(outcome, Fail) else outcome)

    return Producer


def hears_the_last_only(base: Any, m: Modules) -> Any:
    """Takes an answer to an attempt of before for none."""
    from labs.lab2_log.brokers import Produced

    class Producer(base):  # type: ignore[misc]
        def on_produced(self, answer: Produced) -> None:
            under_way = {draft.request for queue in self.queues for draft in queue.batches}
            if answer.id in under_way:
                super().on_produced(answer)

    return Producer


def oldest_first(base: Any, m: Modules) -> Any:
    """Sends nothing again but the oldest batch, and nothing new before that (as Kafka's client does)."""

    def next_up(queue: Any, now: int, config: Any) -> Any:
        draft = base(queue, now, config)
        was_refused = any(d.attempts and not d.request for d in queue.batches)
        if draft is not None and was_refused and draft is not queue.batches[0]:
            return None
        return draft

    return next_up


def asks_everybody(base: Any, m: Modules) -> Any:
    """Asks all brokers who leads, each time."""
    from labs.lab2_log.producer import Look  # type: ignore[attr-defined]

    class Producer(base):  # type: ignore[misc]
        def on_look(self, _: Look) -> None:
            if self.wants_news:
                for broker in self.config.brokers:
                    self.send(broker, m.producing.Metadata(self.next_id()))
                self.set_timer(Look(), self.config.metadata_retry)

    return Producer


def forgets_late(base: Any, m: Modules) -> Any:
    """Looks for producers to forget when it has forgotten before, a little later."""
    return lambda producers, horizon: base(producers, horizon - 50_000)


def dealt_by_hash(base: Any, m: Modules) -> Any:
    """Draws the partition of a record without a key for each record."""

    class Sticky(base):  # type: ignore[misc]
        def choose(self, available: Any, count: int, size: int, draw: int) -> int:
            choices = available or range(count)
            return int(choices[hashing.murmur2(draw.to_bytes(4, "big")) % len(choices)])

    return Sticky


@pytest.mark.parametrize(
    ("replaces", "variant"),
    [
        ("accumulator:window", one_at_a_time),
        ("producer:Producer", knows_nothing),
        ("producer:Producer", hears_the_last_only),
        ("accumulator:next_up", oldest_first),
        ("producer:Producer", asks_everybody),
        ("producers:expire", forgets_late),
        ("partitioner:Sticky", dealt_by_hash),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_right_passes(lab: Lab, replaces: str, variant: Variant) -> None:
    part = lab.part("F")
    m = modules("2", "reference")
    m.solution = solution = load_solution(lab, part, "reference")
    for loaded in part.modules:
        solution.module(loaded)
    module, _, name = replaces.partition(":")
    base = getattr(solution.module(module), name)
    mutant = Mutant(
        name="variant",
        code="",
        part="F",
        replaces=replaces,
        by=variant(base, m),
        story="",
        source="",
        breaks="",
    )
    patch(lab, mutant)
    result = Grading(lab, part, solution, runs=RUNS).grade()
    wrong = [(p.code, p.broken) for p in result.promises if p.state is not State.PASSED]
    assert not wrong
