"""Lab 2 as real processes: part 2E's controllers and brokers. See grading/lab2_log/control/live.py."""

from __future__ import annotations

from grading.lab2_log.control.live import stage

__all__ = ["stage"]
