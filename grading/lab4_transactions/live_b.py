"""Lab 4 as real processes: part 4B's gateways. See grading/lab4_transactions/live.py."""

from __future__ import annotations

from grading.lab4_transactions.live import stage

__all__ = ["stage"]
