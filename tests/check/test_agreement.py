"""Every judge agrees with its dumb twin on random histories; ``python -m tests.check.campaign`` does many more."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.check.campaign import JUDGES

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {
    "isolation": [
        "G0", "G1a aborted read", "G1b intermediate read", "G1c", "G-single", "G2-item", "lost update",
        "G0-realtime", "G1c-process", "G1c-realtime", "G-single-process", "G-single-realtime", "internal",
        "garbage read", "duplicate element", "incompatible order", "G-single non-repeatable read",
        "strict serializable: kept", "serializable: broken", "serializable: unknown",
    ],
    "sessions": [
        "conflict: ", "conflict: read your writes", "conflict: monotonic reads", "conflict: writes follow reads",
        "conflict: monotonic reads with monotonic writes", "sequential: kept", "sequential: broken",
    ],
    "logs": [
        "inconsistent offset", "duplicate", "lost write", "unobserved", "garbage read", "aborted read",
        "nonmonotonic send", "internal nonmonotonic poll", "internal poll skip", "nonmonotonic poll", "poll skip",
        "commit too high", "honest",
    ],
    "money": ["balances: kept", "balances: broken"],
    "streams": [
        f"{what}: {said}"
        for what in ("exactly once", "at least once", "at most once", "replicas")
        for said in ("kept", "broken")
    ],
}  # fmt: skip
"""What must have been seen for the comparison to mean anything."""


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_agrees_with_its_twin(judge: str) -> None:
    seen: Counter[str] = Counter()
    differences = [text for seed in range(2000) if (text := JUDGES[judge](seed, seen))]
    assert differences == []
    assert [name for name in NEEDED[judge] if not seen[name]] == []


SPEAK = """
from distlab.check.isolation import isolation
from distlab.check.logs import judge_log
from distlab.check.sessions import sessions
from distlab.core.errors import ScenarioError
from tests.check.stores import any_history, log, registers
for seed in range(150):
    try:
        print(isolation(any_history(seed)[2]).anomalies)
    except ScenarioError as refused:
        print(refused)
    print([(str(it), it.reason) for it in sessions(registers(seed)[1]).conflicts])
    print(judge_log(log(seed)[2]).faults)
"""


def test_judges_say_the_same_under_every_hash_seed() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SPEAK],
            check=True,
            capture_output=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}/src"},
        ).stdout
        for seed in "123"
    }
    assert len(said) == 1
