"""Parts 3B to 3D, in order."""

from __future__ import annotations

from grading.lab3_scheduler.allocation.fairness import PART_B
from grading.lab3_scheduler.allocation.packing import PART_D
from grading.lab3_scheduler.allocation.reclaiming import PART_C

PARTS = (PART_B, PART_C, PART_D)
