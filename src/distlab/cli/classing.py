"""``distlab class``: grades a folder of submissions, each sealed, and writes what came of it: a page, tables, results.

In the folder that ``--out`` names: ``index.html`` (the class), ``class.csv`` (a row for each student), ``promises.csv``
(a row for each promise of each), ``class.json`` (how it came about), and ``students/NAME/`` with that student's page,
``report.json``, Gradescope's ``results.json``, ``classroom50.json``, ``junit.xml`` and ``runs/`` (counterexamples).
``record.json`` stands there last: what has one need not be graded again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import msgspec

from distlab.cli.choosing import chosen
from distlab.cli.keeping import shown, write
from distlab.cli.program import OUR_FAULT, PASSED, NotReady, usage
from distlab.cli.screen import Screen, plural
from distlab.cli.views.classpage import class_page, student_page
from distlab.grade import exports
from distlab.grade.classroom import executors, submissions
from distlab.grade.classroom.course import Plan, Record, Summary, grade_class, summary
from distlab.grade.classroom.seeds import Seeds, WeakSecret
from distlab.grade.sealed.confine import level


@click.command("class")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="where results go",
)
@click.option("--lab", default="", help="only this lab")
@click.option("--part", default="", help="only this part: c or 1c")
@click.option(
    "--prior", default="oracle", help="whose code stands under it: own, reference, oracle"
)
@click.option(
    "--runs", type=click.IntRange(1), help="random schedules for each part, in place of its budget"
)
@click.option("--seed", default=1, help="the same for all, known to them")
@click.option(
    "--secret", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="a file: the seed is made from it, and shown to nobody",
)  # fmt: skip
@click.option("--per-student", is_flag=True, help="and from the student's name")
@click.option("--executor", type=click.Choice(executors.NAMES), default="local", show_default=True)
@click.option(
    "--address", default="", help="of a Dask scheduler or a Ray cluster that runs already"
)
@click.option(
    "--jobs",
    type=click.IntRange(0),
    default=0,
    help="submissions at a time; 0: one for each processor",
)
@click.option(
    "--partly-sealed", is_flag=True, help="grade also where this machine cannot put up every wall"
)
def class_(
    folder: Path,
    out: Path,
    lab: str,
    part: str,
    prior: str,
    runs: int | None,
    seed: int,
    secret: Path | None,
    per_student: bool,
    executor: str,
    address: str,
    jobs: int,
    partly_sealed: bool,
) -> int:
    """Grade every submission in FOLDER: a folder each, or an archive as ``make submit`` makes it."""
    request = chosen(lab, part, "", seed, "own", prior, runs)
    if "partial" in level() and not partly_sealed:
        raise NotReady(
            f"this machine cannot seal submissions ({level()}): Linux 5.13 with Landlock and seccomp can; "
            "--partly-sealed grades all the same, and the report says so"
        )
    try:
        seeds = Seeds(seed, secret.read_bytes().strip() if secret else b"", per_student)
    except WeakSecret as error:
        usage(str(error))
    plan = Plan(seeds, request.labs, request.part, prior, runs)
    found = submissions.read_all(folder)
    if not found:
        raise NotReady(f"there are no submissions in {shown(folder)}: a folder or an archive each")
    screen, records = Screen(), []
    with _Progress(screen, len(found)) as progress:
        try:
            with executors.open_executor(executor, jobs, address) as pool:
                for record in grade_class(found, plan, pool, lambda s: _kept(out, s.slug)):
                    _write_student(out, record, plan)
                    records.append(record)
                    progress.done(record)
        except executors.NotInstalled as error:
            raise NotReady(str(error)) from None
    records.sort(key=lambda record: record.name)
    _forget_others(out, {record.slug for record in records})
    total = summary(records, plan)
    _write_class(out, records, total)
    return _say(screen, out, records, total)


def _say(screen: Screen, out: Path, records: list[Record], total: Summary) -> int:
    failed = [record for record in records if record.failed]
    screen.say(f"{shown(out / 'index.html')}: {plural(total.graded, 'submission')} graded")
    screen.say(
        f"  {total.seeds}; {total.isolation}; prior {total.prior}; release {total.release}", "dim"
    )
    screen.say(f"  {total.rate:.0f} submissions in an hour of one processor core", "dim")
    for record in records:
        if record.refused:
            screen.say(f"  refused: {submissions.shown(record.name)}: {record.refused}", "odd")
    for record in failed:
        screen.say(f"  NOT GRADED: {submissions.shown(record.name)}: {record.failed}", "bad")
    if failed:
        screen.say("  the same command tries these again, and only these", "dim")
    return OUR_FAULT if failed else PASSED


# -- files ------------------------------------------------------------------------------------------------------------


def _kept(out: Path, slug: str) -> Record | None:
    try:
        return msgspec.json.decode(
            (out / "students" / slug / "record.json").read_bytes(), type=Record
        )
    except (OSError, msgspec.DecodeError):
        return None


def _write_student(out: Path, record: Record, plan: Plan) -> None:
    folder = out / "students" / record.slug
    (folder / "record.json").unlink(missing_ok=True)
    write(folder / "index.html", student_page(record, str(plan.seeds)))
    for name in ("report.json", "results.json", "classroom50.json", "junit.xml"):
        if record.report is None:
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "runs", ignore_errors=True)
    if record.report is not None:
        hidden = plan.seeds.is_hidden
        write(folder / "report.json", exports.to_json(record.report))
        write(folder / "results.json", exports.to_gradescope(record.report, is_hidden=hidden))
        write(folder / "classroom50.json", exports.to_classroom50(record.report))
        write(folder / "junit.xml", exports.to_junit(record.report))
        for one in record.counterexamples:
            write(folder / "runs" / f"{one.id}.json", msgspec.json.encode(one))
        write(folder / "record.json", msgspec.json.encode(record))


def _forget_others(out: Path, slugs: set[str]) -> None:
    """Who has handed in nothing any more has no results."""
    for folder in (out / "students").iterdir():
        if folder.name not in slugs and (folder / "index.html").exists():
            shutil.rmtree(folder)


def _write_class(out: Path, records: list[Record], total: Summary) -> None:
    write(out / "index.html", class_page(records, total))
    write(out / "class.csv", exports.class_table([(r.name, _state(r), r.report) for r in records]))
    write(
        out / "promises.csv",
        exports.promises_table([(r.name, r.report) for r in records if r.report is not None]),
    )
    about = {**msgspec.structs.asdict(total), "submissions_per_core_hour": round(total.rate, 1)}
    write(out / "class.json", msgspec.json.format(msgspec.json.encode(about)) + b"\n")


def _state(record: Record) -> str:
    return "not graded" if record.failed else "refused" if record.refused else "graded"


class _Progress:
    """A bar on a terminal, a line for each submission elsewhere."""

    def __init__(self, screen: Screen, of: int) -> None:
        self._screen, self._of, self._count = screen, of, 0

    def __enter__(self) -> _Progress:
        self._bar = None
        if self._screen.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("  graded"),
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=self._screen.console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=self._of)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def done(self, record: Record) -> None:
        self._count += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)
        else:
            points = f"{record.earned}/{record.report.points}" if record.report else _state(record)
            self._screen.say(
                f"  {self._count}/{self._of}  {submissions.shown(record.name)}  {points}"
            )
