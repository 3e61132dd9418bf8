"""Parts 4F1 to 4F3: transactions on a log."""

from __future__ import annotations

from grading.lab4_transactions.logtx.parts import PARTS

__all__ = ["PARTS"]
