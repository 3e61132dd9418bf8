"""Part 5A: dataflow, and Storm's acking."""

from __future__ import annotations

from grading.lab5_streaming.dataflow.flow_part import PART_A1
from grading.lab5_streaming.dataflow.tree_part import PART_A2

PARTS = (PART_A1, PART_A2)
