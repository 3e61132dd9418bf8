"""Parts 4A and 4B: two-phase commit. Promises and points; what judges them is in the modules beside this one."""

from __future__ import annotations

from distlab.grade.lab import Part

PARTS: tuple[Part, ...] = ()
