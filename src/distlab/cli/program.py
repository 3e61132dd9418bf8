"""The program itself: which commands there are, and what becomes of an exception.

Each command is imported when it is called, so that ``distlab --help`` answers at once. Exit codes are a contract
(docs/reference/commands.md): 0 all passed, 1 some failed, 2 not understood, 3 the machine or environment is not ready,
4 our own fault; 130 after Ctrl-C. No traceback of ours is ever printed, unless ``VERBOSE`` is set: it is kept in
``.distlab/crash.txt``.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import keyword
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import click

from distlab.core.errors import DistlabError, HarnessBug

PASSED, FAILED, USAGE, SETUP, OUR_FAULT = range(5)
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell shows for a program whose reader has gone, as in ``distlab grade | head -1``."""

COMMANDS = {
    "grade": ("distlab.cli.grading", "grade what is in labs/"),
    "watch": ("distlab.cli.watching", "grade quickly on every save, last counterexample first"),
    "replay": ("distlab.cli.replaying", "run a saved counterexample on today's code"),
    "show": ("distlab.cli.picturing", "draw the picture of a counterexample"),
    "trace": ("distlab.cli.picturing", "write a counterexample's events for other tools"),
    "hint": ("distlab.cli.hinting", "the next hint"),
    "warmup": ("distlab.cli.warming", "recorded runs: what happens next?"),
    "own": ("distlab.cli.owning", "which known bugs does your own test catch?"),
    "explore": ("distlab.cli.exploring", "search a small scope whole"),
    "live": ("distlab.cli.living", "run a lab as real processes under real faults"),
    "log": ("distlab.cli.logs", "use lab 2's log while it runs: topics, produce, consume"),
    "check": ("distlab.cli.checking", "judge a recorded history, of any system"),
    "doctor": ("distlab.cli.doctoring", "is this machine fit?"),
    "submit": ("distlab.cli.submitting", "make the file to hand in"),
    "update": ("distlab.cli.submitting", "bring in a new release without losing work"),
    "skeleton": ("distlab.cli.authoring", "write labs/ anew from the reference solutions"),
    "verify-graders": (
        "distlab.cli.verifying",
        "every reference passes, every known bug is caught",
    ),
    "class": ("distlab.cli.classing", "grade a folder of submissions, each sealed"),
    "release": ("distlab.cli.releasing", "cut a student repository: labs, no solutions"),
    "gradescope": ("distlab.cli.bundling", "make the autograder that Gradescope wants"),
    "bench": ("distlab.cli.authoring", "run the benchmarks"),
}
"""Name -> the module that has it, and what it does. The module holds a click command of that name, ``-`` as ``_``
(and ``class_``, which Python keeps for itself)."""


class NotReady(DistlabError):
    """The machine or the environment is not fit; the text says what to do. Exit code 3."""


class _Commands(click.Group):
    """Imports a command when it is needed, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[name][0])
        command = getattr(module, name.replace("-", "_") + "_" * keyword.iskeyword(name))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(
                f"there is no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command has its own --help. The same words work with make: make grade LAB=2 PART=c.",
)
@click.version_option(package_name="distlab", message="distlab %(version)s")
def program() -> None:
    """Write distributed programs, break them, see why."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean grade?``, or nothing."""
    spelt = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.5)
    return f" Did you mean {spelt[close[0]]}?" if close else ""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns its exit code, whatever happens."""
    try:
        code = program.main(arguments, prog_name="distlab", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        try:
            return _failed(error)
        except BrokenPipeError:
            return _reader_has_gone()
    return code if isinstance(code, int) else PASSED


def _failed(error: BaseException) -> int:
    """Say what happened in a sentence; which exit code it is."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OUR_FAULT
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _say("\nstopped. Nothing is left running; what was saved before is whole.")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return _reader_has_gone()
    if os.environ.get("VERBOSE"):
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        _say(f"distlab: {error.format_message()}")
        context = getattr(error, "ctx", None)
        _say(f"  see: {context.command_path if context else 'distlab'} --help")
        return USAGE
    from distlab.grade.counterexample import DamagedCounterexample
    from distlab.grade.solution import NoSuchThing

    if isinstance(error, NoSuchThing):
        # What a child refused comes as a sentence of its own.
        text = error.name if error.name.startswith("there is no ") else str(error)
        _say(f"distlab: {text}.{did_you_mean(error.name, error.known)}")
        return USAGE
    if isinstance(error, NotReady):
        _say(f"distlab: {error}")
        return SETUP
    if isinstance(error, OSError) and (text := _environment(error)):
        _say(f"distlab: {text}")
        return SETUP
    if isinstance(error, DamagedCounterexample):
        _say(f"distlab: {error}")
        return SETUP
    if isinstance(error, DistlabError) and not isinstance(error, HarnessBug):
        _say(f"distlab: {error}")
        return OUR_FAULT
    if isinstance(error, HarnessBug) and "No space left on device" in str(error):
        _say(
            "distlab: the disk is full. Make room and give the same command again; nothing is half-written."
        )
        return SETUP
    kept = _keep(error)
    _say(f"distlab: a fault of our own, not of your code: {_first_line(error)}")
    _say(
        f"  the full trace is in {kept}; please report it. VERBOSE=1 prints it."
        if kept
        else "  VERBOSE=1 says more."
    )
    return OUR_FAULT


def _environment(error: OSError) -> str:
    """What is wrong with the machine; empty where that is not the trouble."""
    where = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full{where}. Make room and give the same command again; nothing is half-written."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"not allowed{where}. distlab keeps what it learns in .distlab/ beside labs/: make that writable."
        case errno.EEXIST | errno.ENOTDIR | errno.EISDIR:
            return f"something is in the way{where}: it is a file where a folder is wanted, or the reverse. Remove it."
        case errno.EMFILE | errno.ENFILE:
            return "too many open files. Raise the limit: ulimit -n 4096"
    return ""


def _keep(error: BaseException) -> str:
    """Write the trace where it can be found; empty if even that fails."""
    from distlab.cli.keeping import own_folder, write

    try:
        file = own_folder() / "crash.txt"
        write(file, "".join(traceback.format_exception(error)))
    except OSError:
        return ""
    return os.path.relpath(file, Path.cwd())


def _reader_has_gone() -> int:
    # So that the interpreter's own flush at exit does not complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return BROKEN_PIPE


def _first_line(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0][:200]
    # What a child reports has its own name in front already.
    return first if first.startswith(type(error).__name__) else f"{type(error).__name__}: {first}"


def _say(text: str) -> None:
    click.echo(text, err=True)


def usage(text: str) -> NoReturn:
    """The command line makes no sense: exit code 2."""
    raise click.UsageError(text)
