"""Isolation: from a history of transactions to the levels that it violates, each with its cycle in plain words.

``isolation(history)`` judges :mod:`~distlab.check.transactions` over list-append and read-modify-write registers;
``as_text`` and ``to_svg`` draw what it found.
"""

from distlab.check.isolation.drawing import as_text, to_svg
from distlab.check.isolation.levels import Anomaly, Isolation, Level, isolation

__all__ = ["Anomaly", "Isolation", "Level", "as_text", "isolation", "to_svg"]
