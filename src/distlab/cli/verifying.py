"""``verify-graders``: the long campaign that proves the graders, and the page it writes.

Both correct solutions of each lab over many random scenarios, and every known bug as a student's submission. One line
for each as it is done; at the end what is not as it should be, and the kill matrix as a page of the docs.
"""

from __future__ import annotations

import click

from distlab.cli.choosing import chosen
from distlab.cli.program import FAILED, PASSED, usage
from distlab.grade.solution import lab_names, root


@click.command()
@click.option("--lab", default="", help="only this lab")
@click.option("--part", default="", help="only this part of it: c or 1c")
@click.option("--runs", default=1000, show_default=True, help="random scenarios for each part")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--record", is_flag=True, help="write each bug's smallest scenario to grading/*/witnesses"
)
@click.option("--quick", is_flag=True, help="ask each bug's own promise only")
@click.option("--page", is_flag=True, help="write docs/labs/kill-matrix.md")
def verify_graders(
    lab: str, part: str, runs: int, seed: int, record: bool, quick: bool, page: bool
) -> int:
    """Prove the graders: every reference passes, every known bug is caught (the kill matrix)."""
    from distlab.grade.hunt import Kill
    from distlab.grade.solution import load_lab
    from distlab.grade.verify import Acquittal, campaign, kill_matrix_page

    wanted = chosen(lab, part, "", seed, "reference", "oracle")
    if wanted.part and page:
        usage("the page shows whole labs: --page and --part do not go together")
    names = list(wanted.labs) or lab_names()
    kills: dict[str, list[Kill]] = {name: [] for name in names}
    faults: list[str] = []
    scenarios = 0
    for name in names:
        click.echo(f"{name}")
        for done in campaign(
            [name], part=wanted.part, runs=runs, seed=seed, record=record, quick=quick
        ):
            match done:
                case Acquittal():
                    scenarios += done.result.runs
                    line = f"{done.solution} {done.part}: {done.result.runs:,} runs"
                    wrong = [
                        f"{p.code} {p.state}" for p in done.result.promises if p.earned < p.points
                    ]
                    if wrong:
                        faults.append(f"{name} {line}: {', '.join(wrong)}")
                case Kill():
                    kills[name].append(done)
                    first = next(iter(done.caught_by.items()), ("nothing", "-"))
                    line = f"{done.mutant} ({done.part}): caught by {first[0]}, {first[1]}"
                    wrong = _what_is_wrong(done)
                    faults += [f"{name} {done.mutant}: {what}" for what in wrong]
            click.echo(f"  {'ok  ' if not wrong else 'BAD '}  {line}")
    if page:
        labs = [
            (load_lab(name), sorted(kills[name], key=lambda k: (k.part, k.mutant)))
            for name in names
        ]
        (root() / "docs/labs/kill-matrix.md").write_text(kill_matrix_page(labs, whole=not quick))
    hunted = sum(map(len, kills.values()))
    click.echo(f"{hunted} bugs hunted, {scenarios:,} scenarios with correct solutions")
    for fault in faults:
        click.echo(f"  {fault}")
    click.echo(
        "all as it should be" if not faults else f"{len(faults)} things are not as they should be"
    )
    return FAILED if faults else PASSED


def _what_is_wrong(kill: object) -> list[str]:
    from distlab.grade.hunt import Kill

    assert isinstance(kill, Kill)
    wrong = []
    if not kill.passes_smoke_test:
        wrong.append("it shows without any fault")
    if not kill.caught_by:
        wrong.append("it SURVIVES")
    elif kill.expected not in kill.caught_by:
        wrong.append(f"it was to break {kill.expected}, and breaks {', '.join(kill.caught_by)}")
    return wrong
