"""Lab 2 as real processes: all of it together. See grading/lab2_log/serving/live.py."""

from __future__ import annotations

from grading.lab2_log.serving.live import stage

__all__ = ["stage"]
