"""Does the campaign notice a judge with one condition missing? ``python -m tests.check.mutants [NAME]``.

A check that cannot fail is a defect. Each mutant below is one line of a judge changed, in a copy of the sources; the
campaign must end with a disagreement. Takes a minute or two.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LINEAR = Path("src/distlab/check/linear")
HISTORIES = 40_000


class Mutant(NamedTuple):
    """One line changed."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant("read-before-write", "zones.py", "if read_returned < called:", "if False:"),
    Mutant("chain-out-of-order", "zones.py", "if returned < latest:", "if False:"),
    Mutant(
        "forward-overlap",
        "zones.py",
        "if first < last:\n                return",
        "if False:\n                return",
    ),
    Mutant("backward-inside", "zones.py", "if around >= 0 and first < ends[around]:", "if False:"),
    Mutant(
        "first-value-forgotten",
        "zones.py",
        "self._add(NOBODY, BEFORE, BEFORE)",
        "self._add(NOBODY, BEFORE, NEVER)",
    ),
    Mutant(
        "open-writes-count",
        "zones.py",
        "self.wanted.append(returned != NEVER)",
        "self.wanted.append(True)",
    ),
    Mutant(
        "ancestors-forgotten",
        "zones.py",
        "version = self.preceding.get(version)\n",
        "version = None\n",
    ),
    Mutant(
        "last-read-forgotten",
        "zones.py",
        "if called > self.read_called[version]:",
        "if called < self.read_called[version]:",
    ),
    Mutant(
        "first-read-forgotten",
        "zones.py",
        "if returned < self.read_returned[version]:",
        "if self.read_returned[version] == NEVER:",
    ),
    Mutant(
        "repeats-register",
        "chains.py",
        "        if value in version_of:\n            return Quick.DECLINED",
        "        if value in version_of:\n            pass",
    ),
    Mutant("two-swaps", "chains.py", "if before in chains.following:", "if False:"),
    Mutant(
        "swap-from-nowhere",
        "chains.py",
        "if version not in chains.preceding:\n            return _from_nowhere(part, chains.writer[version], old)",
        "if version not in chains.preceding:\n            continue",
    ),
    Mutant("swap-circle", "chains.py", "        if start not in reached:", "        if False:"),
    Mutant("list-prefix", "chains.py", "if longest[: len(value)] != value:", "if False:"),
    Mutant("list-twice", "chains.py", "        if element in seen:", "        if False:"),
    Mutant(
        "list-unseen",
        "chains.py",
        "if element not in seen and part.returned[i] != NEVER:",
        "if False:",
    ),
    Mutant(
        "list-repeats",
        "chains.py",
        "            if operation.element in appended:",
        "            if False:",
    ),
    Mutant("set-nested", "chains.py", "if not before <= members:", "if False:"),
    Mutant(
        "set-batch-order",
        "chains.py",
        "sorted((part.called[inserted[element]], inserted",
        "sorted((-part.called[inserted[element]], inserted",
    ),
    Mutant(
        "set-repeats",
        "chains.py",
        "if operation.element in inserted or answer is False:",
        "if answer is False:",
    ),
    Mutant(
        "set-insert-refused",
        "chains.py",
        "if operation.element in inserted or answer is False:",
        "if operation.element in inserted:",
    ),
    Mutant("counter-twice", "chains.py", "    if twice is not None:", "    if False:"),
    Mutant("counter-negative", "chains.py", "operation.amount <= 0 or", ""),
    Mutant("counter-unsaid", "chains.py", "or answer is None:", "or False:"),
    Mutant("counter-open", "chains.py", "if strange and has_open:", "if False:"),
    Mutant("counter-strange", "chains.py", "    if strange:\n", "    if False:\n"),
    Mutant(
        "queue-never-enqueued", "fifo.py", "        if value not in enqueues:", "        if False:"
    ),
    Mutant(
        "queue-too-early", "fifo.py", "if part.returned[taken] < part.called[put]:", "if False:"
    ),
    Mutant("queue-twice", "fifo.py", "    if twice is not None:", "    if False:"),
    Mutant(
        "queue-repeats",
        "fifo.py",
        "if operation.value in enqueues or operation.value is None:",
        "if operation.value is None:",
    ),
    Mutant(
        "queue-overtaken",
        "fifo.py",
        "if value in dequeues and returned[dequeues[value]] < latest:",
        "if False:",
    ),
    Mutant(
        "queue-left-behind", "fifo.py", "            if deadline != NEVER:", "            if False:"
    ),
    Mutant("queue-late-dequeue", "fifo.py", "or open_calls[taken] > deadline:", ":"),
    Mutant(
        "queue-few-dequeues",
        "fifo.py",
        "if taken >= len(open_calls) or",
        "if taken < len(open_calls) and",
    ),
    Mutant(
        "queue-urgency",
        "fifo.py",
        "heappush(waiting, (deadline, number",
        "heappush(waiting, (-number, number",
    ),
    Mutant(
        "queue-empty",
        "fifo.py",
        "if around >= 0 and part.returned[empty] < ends[around]:",
        "if False:",
    ),
    Mutant("queue-empty-merge", "fifo.py", "ends[-1] = max(ends[-1], leaves)", "pass"),
    Mutant("queue-empty-touching", "fifo.py", "if starts and enters < ends[-1]:", "if starts:"),
    Mutant("queue-empty-open", "fifo.py", "if open_dequeues and empties:", "if False:"),
    Mutant(
        "element-no-insertion",
        "elements.py",
        "for i in sorted({*present, removal} - {-1}):",
        "for i in ():",
    ),
    Mutant(
        "element-removal",
        "elements.py",
        "chains.preceding[gone], chains.following[here] = here, gone",
        "pass",
    ),
    Mutant(
        "element-absent",
        "elements.py",
        "if part.called[i] > part.returned[first] and",
        "if False and",
    ),
    Mutant("element-absent-late", "elements.py", "part.returned[i] < latest", "latest == NEVER"),
    Mutant(
        "element-absent-early",
        "elements.py",
        "if part.called[i] > part.returned[first] and",
        "if True and",
    ),
    Mutant(
        "element-second-removal",
        "elements.py",
        "if removal >= 0 or answer is not True:",
        "if answer is not True:",
    ),
    Mutant(
        "element-second-insertion",
        "elements.py",
        "if insertion >= 0 or answer not in",
        "if answer not in",
    ),
    Mutant("lock-for-ever", "locks.py", "chains.read_called[turn] = NEVER", "pass"),
    Mutant(
        "lock-open-release",
        "locks.py",
        "chains.read(chains.add(acquired), i)",
        "chains.add(acquired)",
    ),
    Mutant("lock-refused", "locks.py", "if answer_of(entry) is False or (", "if ("),
    Mutant(
        "lock-not-held",
        "locks.py",
        "        elif operation.holder not in held:\n            return Quick.DECLINED",
        "        elif operation.holder not in held:\n            continue",
    ),
    Mutant(
        "search-failed",
        "parts.py",
        "            part.failed.append(entry)\n            continue",
        "            pass",
    ),
    Mutant(
        "time-ids",
        "parts.py",
        "called = (entry.began << shift) + entry.call",
        "called = entry.began << shift",
    ),
    Mutant("time-ties", "parts.py", "(entry.ret or top)", "entry.ret - 1"),
    Mutant(
        "search-known", "search.py", "any(better & ~used == 0 for better in seen)", "bool(seen)"
    ),
    Mutant(
        "search-state",
        "search.py",
        "setdefault((position, state, done), [])",
        "setdefault((position, 0, done), [])",
    ),
    Mutant(
        "search-done",
        "search.py",
        "setdefault((position, state, done), [])",
        "setdefault((position, state, 0), [])",
    ),
    Mutant(
        "search-others",
        "search.py",
        "for i in reversed(self._progressing[position]):",
        "for i in self._progressing[position][:1]:",
    ),
    Mutant(
        "search-open", "search.py", "for i in self._open[: self._opened[position]]:", "for i in ():"
    ),
    Mutant("search-open-early", "search.py", "self._open[: self._opened[position]]", "self._open"),
    Mutant("search-alike", "search.py", "(type(said), entry.operation, said)", "entry.operation"),
    Mutant("search-observes", "search.py", "and state in self._next_states(state, i)", "and True"),
]


def notices(mutant: Mutant, histories: int = HISTORIES) -> bool:
    """Whether the campaign fails with this mutant in the place of ours."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        file = source.parent / LINEAR / mutant.file
        text = file.read_text()
        if mutant.old not in text:
            raise LookupError(f"{mutant.name}: {mutant.file} has no {mutant.old!r}")
        file.write_text(text.replace(mutant.old, mutant.new))
        result = subprocess.run(
            [sys.executable, "-m", "tests.check.agree", str(histories)],
            check=False,
            capture_output=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(source)},
            text=True,
        )
    return result.returncode == 1 and "seed" in result.stdout


def main() -> int:
    wanted = sys.argv[1:]
    survivors = []
    for mutant in MUTANTS:
        if not wanted or mutant.name in wanted:
            noticed = notices(mutant)
            print(f"{'noticed ' if noticed else 'SURVIVES'}  {mutant.name}", flush=True)
            survivors += [] if noticed else [mutant.name]
    print(f"{len(survivors)} of {len(wanted or MUTANTS)} survive" if survivors else "all noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
