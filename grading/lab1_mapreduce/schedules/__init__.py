"""Directed schedules of lab 1: one known danger each, by part. The first of each part is free of faults."""

from grading.lab1_mapreduce.schedules.core import PART_A
from grading.lab1_mapreduce.schedules.deaths import PART_C
from grading.lab1_mapreduce.schedules.hard import PART_E
from grading.lab1_mapreduce.schedules.network import PART_B
from grading.lab1_mapreduce.schedules.stragglers import PART_D

__all__ = ["PART_A", "PART_B", "PART_C", "PART_D", "PART_E"]
