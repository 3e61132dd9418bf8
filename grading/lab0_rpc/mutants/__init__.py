"""Known bugs of lab 0, each the reference with one thing changed; made anew for each copy of it that is loaded.

A mutant passes a run without faults; somebody has written each of them, or would. What stands in the place of a class
is a subclass that overrides one method; of a function, another function.

The modules ``traced`` and ``clocked`` are not imported here: they must be loaded after a mutant has been put in place.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from distlab.grade.lab import Mutant, bug

GROUPS = ("frames", "clients", "servers", "tracing", "order")


def mutants() -> Sequence[Mutant]:
    """All of them, against the reference as it is loaded now."""
    found: list[Mutant] = []
    for group in GROUPS:
        name = f"{__name__}.{group}"
        sys.modules.pop(name, None)  # its classes extend those of an earlier copy
        found += importlib.import_module(name).MUTANTS
    return found


def listed(
    part: str,
    name: str,
    replaces: str,
    by: object,
    breaks: str,
    kind: str,
    story: str,
    source: str = "ours",
    code: str = "",
) -> Mutant:
    """One entry of the tables."""
    return bug(
        name,
        by,
        part=part,
        replaces=replaces,
        breaks=breaks,
        code=code,
        kind=kind,
        source=source,
        story=story,
    )
