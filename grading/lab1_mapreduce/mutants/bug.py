"""How a bug is written down: a function or a subclass that stands in one place of the reference."""

from __future__ import annotations

import inspect
from typing import Any

from distlab.grade.lab import Mutant


def bug(
    name: str,
    by: Any,
    *,
    part: str,
    replaces: str,
    breaks: str,
    code: str = "",
    kind: str = "safety",
    source: str = "ours",
) -> Mutant:
    """A mutant whose story is the docstring of what stands in the place."""
    return Mutant(
        name=name,
        code=code,
        part=part,
        replaces=replaces,
        by=by,
        story=" ".join((inspect.getdoc(by) or "").split()),
        source=source,
        breaks=breaks,
        kind=kind,
    )
