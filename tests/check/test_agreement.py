"""Every judge agrees with its dumb twin on random histories; ``python -m tests.check.campaign`` does many more."""

from collections import Counter

import pytest

from tests.check.campaign import JUDGES

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
}  # fmt: skip
"""What must have been seen for the comparison to mean anything."""


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_agrees_with_its_twin(judge: str) -> None:
    seen: Counter[str] = Counter()
    differences = [text for seed in range(2000) if (text := JUDGES[judge](seed, seen))]
    assert differences == []
    assert [name for name in NEEDED[judge] if not seen[name]] == []
