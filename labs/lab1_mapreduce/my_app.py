"""Your own MapReduce program (part 1A): the mean of what each station measured.

A line is ``station;tenths``: a name, and a number of tenths of a degree, 0 or more. A line of output
is the name, a tab, and the mean in tenths, rounded down: ``Hamburg<TAB>124``.

Let it combine: a year of measurements should not cross the network when two numbers would do. But
the mean of two means is not the mean (§4.3 asks for a function that is commutative and associative).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labs.lab1_mapreduce.apps import App


class Mean(App):
    """Station -> mean of its measurements."""

    combines = True

    def map(self, line: bytes, source: str) -> Iterable[tuple[bytes, Any]]:
        raise NotImplementedError("1A: one pair for the line")

    def combine(self, key: bytes, values: list[Any]) -> list[Any]:
        raise NotImplementedError("1A: one value that stands for all of these")

    def reduce(self, key: bytes, values: list[Any]) -> Iterable[bytes]:
        raise NotImplementedError("1A: the line of output for a station")
