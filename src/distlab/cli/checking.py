"""``distlab check``: judge a recorded history, of distlab's or of any other system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from distlab.check import Finding
from distlab.check.edn import BadHistory
from distlab.check.isolation import Level, as_text, isolation, to_svg
from distlab.check.isolation.recorded import TXN
from distlab.check.isolation.recorded import to_history as to_transactions
from distlab.check.jepsen import Recorded, read_recorded
from distlab.check.linear import BUDGET, MODELS, Examination, Model, examine, longest_order
from distlab.check.linear.recorded import NAMES, guess_model, to_history
from distlab.cli.keeping import shown, write
from distlab.cli.program import FAILED, PASSED, NotReady, usage
from distlab.cli.screen import Screen, joined, plural, rule, styled
from distlab.cli.views.timeline import Timeline
from distlab.core.errors import ScenarioError

LEVELS = {str(level).replace(" ", "-"): level for level in Level}

WORDS = {
    Finding.KEPT: ("linearizable", "good"),
    Finding.BROKEN: ("NOT linearizable", "bad"),
    Finding.UNKNOWN: ("unknown", "odd"),
}


class Asked:
    """What the command line asks of a judge."""

    def __init__(
        self, file: Path, recorded: Sequence[Recorded], options: dict[str, object]
    ) -> None:
        self.file, self.recorded = file, recorded
        self.model = str(options["model"] or "")
        self.svg = Path(str(options["svg"])) if options["svg"] else None
        self.budget = int(str(options["budget"]))
        self.level = LEVELS[str(options["level"])]
        self.screen = Screen()

    def head(self, judged_as: str) -> None:
        """What every judge opens with."""
        clients = len({one.process for one in self.recorded})
        counted = f"{plural(len(self.recorded), 'operation')}, {plural(clients, 'client')}"
        self.screen.lines(rule(self.file.name, counted, self.screen.width))
        self.screen.say(f"judged as  {judged_as}", "dim")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model", type=click.Choice(list(NAMES)), help="what the object is; default: a guess"
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="strict-serializable",
    metavar="LEVEL",
    show_default=True,
    help="what transactions are held to",
)
@click.option("--svg", type=click.Path(dir_okay=False), help="also write the picture there")
@click.option(
    "--budget",
    type=click.IntRange(1),
    default=BUDGET,
    show_default=True,
    help="steps of the search, where values repeat",
)
def check(file: Path, **options: object) -> int:
    """Judge a recorded history: EDN as Jepsen writes it, or JSON lines.

    Operations on objects are held to linearizability, transactions (``txn``) to a level of isolation. Ends with 0 if
    the history keeps it, and with 1 if it does not, or if nobody can say.
    """
    try:
        recorded = read_recorded(_text(file))
        return JUDGES[form_of(recorded)](Asked(file, recorded, options))
    except (BadHistory, ScenarioError) as error:
        raise NotReady(f"{file} is no history that can be judged: {error}") from None


def form_of(recorded: Sequence[Recorded]) -> str:
    """Which judge a history is for, by the form of its operations: a key of :data:`JUDGES`."""
    names = {one.f for one in recorded}
    return "transactions" if TXN in names else "objects"


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise NotReady(f"{file} is no text: byte {error.start} is not UTF-8") from None


# ---------------------------------------------------------------- single operations on objects


def _objects(asked: Asked) -> int:
    """Linearizability."""
    screen = asked.screen
    if not asked.recorded:
        asked.head("nothing: it is empty")
        screen.lines([joined(("unknown", "odd"), ": there is no operation to judge")])
        return FAILED
    name = asked.model or guess_model(asked.recorded)
    if not name:
        names = ", ".join(sorted({one.f for one in asked.recorded}))
        usage(f"no model knows all of these operations: {names}. Say which with --model")
    if stray := sorted({one.f for one in asked.recorded} - NAMES[name]):
        usage(f"a {name} has no operation {stray[0]}: it knows {', '.join(sorted(NAMES[name]))}")
    guessed = "" if asked.model else ", guessed from the names of its operations"
    model = MODELS[name]
    history = to_history(asked.recorded, name)
    examination = examine(history, model, budget=asked.budget)
    asked.head(f"a {name}{guessed}")
    screen.say("")
    _say_verdict(screen, examination)
    timeline = _timeline(examination, model)
    if timeline is not None:
        screen.say("")
        screen.show(timeline)
    if asked.svg is not None:
        if timeline is None:
            timeline = Timeline(history.entries, ())
        write(
            asked.svg, timeline.svg(f"{asked.file.name}: {WORDS[examination.verdict.finding][0]}")
        )
        screen.say("")
        screen.say(shown(asked.svg))
    return PASSED if examination.verdict.is_kept else FAILED


def _say_verdict(screen: Screen, examination: Examination) -> None:
    word, style = WORDS[examination.verdict.finding]
    if examination.verdict.finding is Finding.KEPT:
        how = f"{plural(examination.objects, 'object')}, each with an order that explains every answer"
        screen.lines([joined((word, style), f": {how}")])
    else:
        screen.lines([styled(word, style)])
        screen.say(examination.verdict.reason)


def _timeline(examination: Examination, model: Model) -> Timeline | None:
    conflict, part = examination.conflict, examination.part
    if conflict is None or part is None:
        return None
    order = longest_order(examination, model)
    return Timeline([*part.entries, *part.failed], conflict.entries, order)


# ---------------------------------------------------------------- transactions


def _transactions(asked: Asked) -> int:
    """Isolation."""
    screen, level = asked.screen, asked.level
    if asked.model:
        usage("--model is for operations on objects; this is a history of transactions: --level")
    found = isolation(to_transactions(asked.recorded))
    verdict = found.verdict(level)
    asked.head(f"transactions, held to {level}")
    screen.say("")
    match verdict.finding:
        case Finding.KEPT:
            screen.lines([styled(str(level), "good")])
        case Finding.UNKNOWN:
            screen.lines([joined(("unknown", "odd"), f": {verdict.reason}")])
        case Finding.BROKEN:
            screen.lines([styled(f"NOT {level}", "bad")])
            anomaly = found.violates(level)
            assert anomaly is not None
            screen.lines(map(styled, as_text(anomaly, screen.width).split("\n")))
            if asked.svg is not None:
                write(asked.svg, to_svg(anomaly))
                screen.say("")
                screen.say(shown(asked.svg))
    if not verdict.is_kept:
        strongest = " or ".join(map(str, found.strongest)) or "nothing"
        screen.say("")
        screen.say(f"The strongest that it may be: {strongest}.")
    return PASSED if verdict.is_kept else FAILED


JUDGES: dict[str, Callable[[Asked], int]] = {"objects": _objects, "transactions": _transactions}
"""By the form of the history; see :func:`form_of`."""
