"""Directed schedules of part 1A: texts and sizes that careless code gets wrong. Nothing fails.

The first is free of faults, and small.
"""

from __future__ import annotations

from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job
from grading.lab1_mapreduce.schedules.common import AMPLE

PART_A = (
    Directed(
        "a few words, read at once",
        "one small document, one output, memory enough",
        job({**AMPLE, "docs": [6], "text": 1}, reduces=1, split_size=100_000),
    ),
    Directed(
        "many outputs",
        "every key has its place",
        job({**AMPLE, "docs": [30, 30], "text": 2}, reduces=5, split_size=100_000),
    ),
    Directed(
        "splits that cut lines",
        "a line belongs to the split in which it begins",
        job({**AMPLE, "docs": [40], "text": 3}, app="Sort", reduces=1, split_size=37),
    ),
    Directed(
        "little memory",
        "what does not fit is spilled, and the runs are merged",
        job(
            {**AMPLE, "docs": [60], "text": 4, "memory": 400, "ways": 2, "batch": 50},
            reduces=2,
            split_size=100_000,
        ),
    ),
    Directed(
        "odd lines",
        "only a line feed ends a line; empty lines count; the last line may lack its end",
        job(
            {**AMPLE, "docs": [40, 1], "text": 5, "style": "odd"},
            app="Sort",
            reduces=2,
            split_size=150,
        ),
    ),
    Directed(
        "outputs without keys",
        "an output may be empty, and is there",
        job({**AMPLE, "docs": [1], "text": 6}, reduces=5, split_size=100_000),
    ),
    Directed(
        "means",
        "a mean of means is no mean",
        job(
            {**AMPLE, "docs": [50, 50], "text": 7, "style": "stations", "memory": 300, "batch": 40},
            app="Mean",
            reduces=2,
            split_size=250,
        ),
    ),
)
