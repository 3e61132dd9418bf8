"""Known bugs of lab 0, each the reference with one thing changed; made anew for each copy of it that is loaded.

A mutant passes a run without faults; somebody has written each of them, or would. What stands in the place of a class
is a subclass that overrides one method; of a function, another function.

The modules ``traced`` and ``clocked`` are not imported here: they must be loaded after a mutant has been put in place.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from distlab.grade.lab import Mutant

PARTS = ("frames", "effects", "tracing", "order")


def mutants() -> Sequence[Mutant]:
    """All of them, against the reference as it is loaded now."""
    found: list[Mutant] = []
    for part in PARTS:
        name = f"{__name__}.{part}"
        sys.modules.pop(name, None)  # its classes extend those of an earlier copy
        found += importlib.import_module(name).MUTANTS
    return found
