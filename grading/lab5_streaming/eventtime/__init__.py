"""Part 5B: event time."""

from __future__ import annotations

from grading.lab5_streaming.eventtime.parts import PARTS as PARTS
