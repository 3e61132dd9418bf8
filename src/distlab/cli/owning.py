"""``own``: which known bugs a student's own schedules and properties catch."""

from __future__ import annotations

import click

from distlab.cli.program import FAILED, PASSED, usage
from distlab.grade.solution import find_lab_name


@click.command()
@click.option("--lab", default="", help="which lab: 1, lab1 or lab1_mapreduce")
def own(lab: str) -> int:
    """Score your own test (labs/<lab>/own_test.py) by the known bugs that it catches."""
    from distlab.grade.own import BONUS
    from distlab.grade.runner import score_own

    if not lab:
        usage("which lab? Say LAB=0")
    name = find_lab_name(lab)
    with click.progressbar(length=100, label="trying the known bugs", width=30) as bar:
        result = score_own(name, lambda done, of: bar.update(done * 100 // of - bar.pos))
    if result.objection:
        click.echo(f"Your own test scores nothing yet: {result.objection}")
        click.echo("A test must let every correct solution pass before it may accuse a wrong one.")
        return FAILED
    for part in result.parts:
        total = len(part.caught) + len(part.missed)
        click.echo(
            f"Part {part.code}: your own test catches {len(part.caught)} of {total} known bugs: "
            f"{part.points}/{BONUS}"
        )
        for mutant in part.caught:
            click.echo(f"  caught  {mutant}")
        if part.missed:
            missed = len(part.missed)
            click.echo(f"  missed  {missed} more: what could go wrong that you have not tried?")
    return PASSED
