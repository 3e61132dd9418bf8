"""What an exam of lab 2 tells a student: the steps that led there, the last ones first to be looked at."""

from grading.lab2_log.log.bench import exam
from grading.lab2_log.log.ledger import SHOWN, Wrong


def told(steps: list[str], code: str = "LOG-S3") -> str:
    def check(_: object) -> None:
        raise Wrong(code, "something is gone", "5", "4", steps)

    return exam("an exam", "LOG-S3", check).check(None).reason  # type: ignore[arg-type]


def test_a_failed_exam_tells_the_steps_before_it() -> None:
    assert told(["produce", "power fails"]) == "something is gone. Before it: produce; power fails"


def test_of_many_steps_the_last_ones_are_told() -> None:
    steps = [f"step {n}." for n in range(SHOWN + 5)]
    reason = told(steps)
    assert "... step 5.;" in reason
    assert reason.endswith(steps[-1])
    assert "step 4." not in reason


def test_without_steps_the_reason_stands_alone() -> None:
    assert told([]) == "something is gone"


def test_what_belongs_to_another_promise_is_left_to_it() -> None:
    assert told(["produce"], "LOG-S4") == ""
