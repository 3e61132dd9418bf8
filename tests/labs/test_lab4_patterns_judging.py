"""The judgement of parts 4C to 4E: it accepts what is right, however it is built, and says what it saw."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from distlab.core import Address
from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant, Part
from distlab.grade.solution import load_lab, load_solution, patch, root

PATTERNS = ("C", "D", "E1", "E2", "E3")


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("4")


def parts(lab: Lab) -> list[Part]:
    return [lab.part(code) for code in PATTERNS]


# -- unusual, and right -----------------------------------------------------------------------------------------------


def silent_to_the_cancelled(base: Any) -> Any:
    """Does not answer a Try behind its Cancel: there is nobody who waits for it."""
    from labs.lab4_transactions.tcc import ROLLBACKED, SUSPENDED, Try

    class Bank(base):  # type: ignore[misc]
        def on_try(self, request: Try, sender: Address) -> None:
            fence = self.fence_of(request)
            if fence is None or fence.state not in (ROLLBACKED, SUSPENDED):
                super().on_try(request, sender)

    return Bank


def bars_the_refused(base: Any) -> Any:
    """A Try that is refused leaves a tombstone at once."""
    from labs.lab4_transactions.tcc import SUSPENDED, Fence, Try

    class Bank(base):  # type: ignore[misc]
        def on_try(self, request: Try, sender: Address) -> None:
            fence = self.fence_of(request)
            is_over = self.is_over(request.xid)
            if fence is None and not is_over and self.objection(request, None):
                self.db.commit(self.disk, Fence(request.xid, request.branch, SUSPENDED))
            super().on_try(request, sender)

    return Bank


def one_branch_after_the_other(base: Any) -> Any:
    """Tries the next branch when the one before is tried."""
    from labs.lab4_transactions.tcc import Tried

    class Manager(base):  # type: ignore[misc]
        def drive(self, transaction: Any) -> None:
            left = self.missing.get(transaction.xid)
            if transaction.phase != "trying" or not left:
                super().drive(transaction)
                return
            self.missing[transaction.xid] = {min(left)}
            super().drive(transaction)
            self.missing[transaction.xid] = left

        def on_tried(self, tried: Tried) -> None:
            super().on_tried(tried)
            if self.is_in(tried.xid, "trying"):
                self.drive(self.transaction(tried.xid))

    return Manager


def answers_in_the_end(base: Any) -> Any:
    """Answers when everything is confirmed or cancelled, not before."""

    class Manager(base):  # type: ignore[misc]
        def answer(self, transaction: Any) -> None:
            if transaction.is_over:
                super().answer(transaction)

        def done_with(self, xid: int, branch: int) -> None:
            super().done_with(xid, branch)
            self.answer(self.transaction(xid))

    return Manager


def waits_longer_each_time(base: Any) -> Any:
    """Repeats itself after twice the time, up to a limit."""

    class Manager(base):  # type: ignore[misc]
        rounds: dict[int, int]

        def on_start(self) -> None:
            self.rounds = {}
            super().on_start()

        def drive(self, transaction: Any) -> None:
            super().drive(transaction)
            from labs.lab4_transactions.tcc_manager import SayAgain

            if self.missing.get(transaction.xid):
                times = self.rounds[transaction.xid] = self.rounds.get(transaction.xid, 0) + 1
                wait = min(5, 2 ** min(times, 3)) * self.config.retry
                self.set_timer(SayAgain(transaction.xid), wait)

    return Manager


def never_in_doubt(base: Any) -> Any:
    """Asks for a step until it answers, and undoes only what it knows to be done."""
    from labs.lab4_transactions.saga_orchestrator import GiveUp

    class Orchestrator(base):  # type: ignore[misc]
        def on_give_up(self, timer: GiveUp) -> None:
            pass

    return Orchestrator


def tells_when_it_turns(base: Any) -> Any:
    """Answers Fail as soon as it turns round: that is certain then."""

    class Orchestrator(base):  # type: ignore[misc]
        def answer(self, saga: Any) -> None:
            from labs.lab4_transactions.saga import Ended

            if not saga.is_forward and saga.name in self.asking:
                client, number = self.asking.pop(saga.name)
                self.send(client, Ended(number, False, saga.reason))
            else:
                super().answer(saga)

        def go_on(self, saga: Any) -> None:
            self.answer(saga)
            super().go_on(saga)

    return Orchestrator


def removes_now_and_then(base: Any) -> Any:
    """Takes rows out of the outbox ten at a time, or when it looks at it again."""
    from labs.lab4_transactions.outbox import Received
    from labs.lab4_transactions.outbox_relay import Relay

    class Shop(base):  # type: ignore[misc]
        received: int

        def on_start(self) -> None:
            self.received = 0
            super().on_start()

        def on_received(self, received: Received) -> None:
            self.received = max(self.received, received.commit)
            gone = [e for e in self.outbox.by_commit(0) if e.commit <= self.received]
            if len(gone) >= 10:
                self.clean()
            self.publish()

        def on_relay(self, timer: Relay) -> None:
            self.clean()
            super().on_relay(timer)

        def clean(self) -> None:
            gone = [e for e in self.outbox.by_commit(0) if e.commit <= self.received]
            self.outbox.remove(self.disk, gone)

    return Shop


def decides_silently(base: Any) -> Any:
    """Never sends a decision by itself: the broker will ask."""

    class Seller(base):  # type: ignore[misc]
        def after_transaction(self, sale: int, committed: bool) -> None:
            pass

    return Seller


def confirms_at_once(base: Any) -> Any:
    """Where it is no peak, says phase 2 once when it is decided, and leaves the rest to the job."""

    class Initiator(base):  # type: ignore[misc]
        def begin_phase_two(self, activity: Any) -> None:
            super().begin_phase_two(activity)
            if not self.is_peak and len(self.left) <= self.config.batch:
                for branch in range(len(activity.shares)):
                    self.left[activity.id, branch] = self.monotonic()
                    self.say(activity, branch)

    return Initiator


RIGHT: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "silent to the cancelled": ("C", "tcc_bank:Bank", silent_to_the_cancelled),
    "bars the refused": ("C", "tcc_bank:Bank", bars_the_refused),
    "one branch after the other": ("C", "tcc_manager:Manager", one_branch_after_the_other),
    "answers in the end": ("C", "tcc_manager:Manager", answers_in_the_end),
    "waits longer each time": ("C", "tcc_manager:Manager", waits_longer_each_time),
    "never in doubt": ("D", "saga_orchestrator:Orchestrator", never_in_doubt),
    "tells when it turns": ("D", "saga_orchestrator:Orchestrator", tells_when_it_turns),
    "removes now and then": ("E1", "outbox_relay:Shop", removes_now_and_then),
    "decides silently": ("E2", "txmsg_seller:Seller", decides_silently),
    "confirms at once": ("E3", "xts_initiator:Initiator", confirms_at_once),
}


def graded(
    lab: Lab, name: str, code: str, replaces: str, variant: Callable[[Any], Any], runs: int
) -> Any:
    """The result of a part where the reference has something else in one place."""
    part = lab.part(code)
    solution = load_solution(lab, part, "reference")
    module, _, attribute = replaces.partition(":")
    by = variant(getattr(solution.module(module), attribute))
    patch(
        lab,
        Mutant(
            name=name, code="", part=code, replaces=replaces, by=by, story="", source="", breaks=""
        ),
    )
    return Grading(lab, part, solution, runs=runs, keep=False).grade()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_and_right_passes(lab: Lab, name: str) -> None:
    result = graded(lab, name, *RIGHT[name], runs=60)
    assert {p.code: p.broken.reason for p in result.promises if p.broken is not None} == {}
    assert {p.code: p.unseen for p in result.promises if p.unseen} == {}


# -- wrong without any fault: no bug for a bank of bugs, and no way to points either ----------------------------------


def never_commits(base: Any) -> Any:
    """Cancels everything: money is safe."""

    class Manager(base):  # type: ignore[misc]
        def decide(self, transaction: Any, phase: str, reason: str = "") -> None:
            super().decide(transaction, "cancelling", reason)

    return Manager


def always_turns(base: Any) -> Any:
    """Undoes every saga at its last step."""

    class Orchestrator(base):  # type: ignore[misc]
        def move(self, saga: Any) -> None:
            from msgspec import structs

            if saga.is_forward and saga.is_over:
                saga = structs.replace(saga, at=saga.at - 1, is_forward=False)
            super().move(saga)

    return Orchestrator


def never_sells(base: Any) -> Any:
    """Gives up every sale."""
    from labs.lab4_transactions.txmsg import HalfStored

    class Seller(base):  # type: ignore[misc]
        def on_half_stored(self, stored: HalfStored) -> None:
            pass

    return Seller


def never_pays(base: Any) -> Any:
    """Cancels every payment."""

    class Initiator(base):  # type: ignore[misc]
        def commit_locally(self, payment: int) -> None:
            self.cancel(self.activity(payment), "better not")

    return Initiator


def sends_nonsense_on(base: Any) -> Any:
    """Checks nothing before it asks the banks, not even whether there are such banks."""

    def objection(*_: Any) -> str:
        return ""

    return objection


WRONG: dict[str, tuple[str, str, Callable[[Any], Any], str]] = {
    "never commits": ("C", "tcc_manager:Manager", never_commits, "TX2-L7"),
    "sends nonsense on": ("C", "tcc_manager:objection", sends_nonsense_on, "TX2-S4"),
    "always turns": ("D", "saga_orchestrator:Orchestrator", always_turns, "TX2-L8"),
    "never sells": ("E2", "txmsg_seller:Seller", never_sells, "TX2-L6"),
    "never pays": ("E3", "xts_initiator:Initiator", never_pays, "TX2-L2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_nothing_earns_little(lab: Lab, name: str) -> None:
    code, replaces, variant, promise = WRONG[name]
    result = graded(lab, name, code, replaces, variant, runs=10)
    assert promise in {p.code for p in result.promises if p.broken is not None}
    earned = sum(p.earned for p in result.promises)
    assert earned <= 0.6 * sum(p.points for p in result.promises)


# -- the judges -------------------------------------------------------------------------------------------------------


def test_points_are_those_of_the_curriculum(lab: Lab) -> None:
    assert [part.points for part in parts(lab)] == [35, 20, 10, 8, 7]


def test_schedules_have_names_of_their_own(lab: Lab) -> None:
    ours = [directed.name for part in parts(lab) for directed in part.directed]
    others = [d.name for part in lab.parts if part.code not in PATTERNS for d in part.directed]
    assert [name for name in set(ours) if ours.count(name) > 1 or name in others] == []


def test_drawn_scenarios_are_the_same_for_the_same_numbers(lab: Lab) -> None:
    for part in parts(lab):
        assert part.draw is not None
        assert part.draw(Random(5)) == part.draw(Random(5))
        assert part.draw(Random(5)) != part.draw(Random(6))


def test_every_order_of_six_messages_is_played() -> None:
    from grading.lab4_transactions.patterns.tcc_exams import orders

    assert len(set(orders())) == 90
    beginnings = {order[:length] for order in orders() for length in range(1, 7)}
    assert {"XT", "TXT", "XXT", "TCC", "CT"} <= beginnings


def test_every_promise_has_three_hints_and_a_place_in_the_handout(lab: Lab) -> None:
    from distlab.grade.hints import key_of, load

    hints = load(root() / "grading" / lab.name / "hints.toml")
    handout = (root() / "docs" / "labs" / "lab4-patterns.md").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in handout.splitlines()
        if line.startswith("###")
    }
    for part in parts(lab):
        for promise in part.promises:
            assert len(hints[key_of(hints, promise.code, part.code)]) == 3
            assert promise.page.partition("#")[2] in headings
            assert f"**{promise.code}** ({promise.points})" in handout
