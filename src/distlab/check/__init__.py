"""Judges: pure functions from what was recorded to a verdict with its evidence."""

from distlab.check.basic import bounded_liveness, each_effect_once, equal_outputs, is_prefix
from distlab.check.history import Entry, History
from distlab.check.verdict import Finding, Verdict, broken, kept, unknown

__all__ = [
    "Entry",
    "Finding",
    "History",
    "Verdict",
    "bounded_liveness",
    "broken",
    "each_effect_once",
    "equal_outputs",
    "is_prefix",
    "kept",
    "unknown",
]
