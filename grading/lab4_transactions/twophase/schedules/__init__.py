"""Directed schedules of part 4A. The first is free of faults."""

from grading.lab4_transactions.twophase.schedules.calm import CALM, LOCKS, NONSENSE
from grading.lab4_transactions.twophase.schedules.dangers import DANGERS
from grading.lab4_transactions.twophase.schedules.steps import every_pair, every_step

PART_A = (*CALM, *LOCKS, *NONSENSE, *DANGERS, *every_step(), *every_pair())
