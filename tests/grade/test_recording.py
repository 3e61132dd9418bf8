"""Recordings of runs: everything that pictures need, as far as there is time for it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from distlab.grade import recording
from distlab.grade.solution import load_lab, load_solution


def test_a_run_with_states_too_large_to_write_is_recorded_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = load_lab("4")
    part = lab.part("D")
    solution = load_solution(lab, part, "reference")
    scenario = part.directed[0].scenario
    assert recording.record(part, solution, scenario).states

    def slow(state: dict[str, Any]) -> list[str]:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return []

    monkeypatch.setattr(recording, "plain_state", slow)
    found = recording.record(part, solution, scenario, limit=0.4)
    assert found.performance.problem is None
    assert not found.states
