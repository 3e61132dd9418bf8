"""``distlab live``: a lab as real processes under real faults. The live world does the work."""

from __future__ import annotations

import importlib
import importlib.util

import click

from distlab.cli.program import NotReady, usage
from distlab.grade.solution import find_lab_name


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--lab", default="", help="which lab")
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def live(lab: str, rest: tuple[str, ...]) -> int:
    """Run a lab as real processes under real faults."""
    if not lab:
        usage("which lab? Say LAB=1")
    name = find_lab_name(lab)
    entry = importlib.util.find_spec("distlab.live")
    run = getattr(importlib.import_module("distlab.live"), "run_lab", None) if entry else None
    if run is None:
        raise NotReady(
            "this tree cannot run labs as real processes yet (distlab.live has no run_lab)"
        )
    return int(run(name, list(rest)) or 0)
