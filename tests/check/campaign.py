"""Compares the judges with their twins on random histories: ``python -m tests.check.campaign [--judge NAME]``."""

import argparse
from collections import Counter
from collections.abc import Callable

from distlab.check.isolation import Level, isolation
from distlab.check.logs import judge_log
from distlab.check.money import explained_by_transfers
from distlab.check.sessions import Guarantee, sessions
from distlab.check.streams import Delivery, converged_by, delivered
from distlab.core.errors import ScenarioError
from tests.check import counting_twin as counting
from tests.check.isolation_twin import allowed, schedules, written_values
from tests.check.logs_twin import faults_of
from tests.check.sessions_twin import SETS, possible, sequential
from tests.check.stores import any_history, log, registers

PROMISED = {
    "strict": Level.STRICT_SERIALIZABLE,
    "serializable": Level.SERIALIZABLE,
    "snapshot": Level.STRONG_SNAPSHOT_ISOLATION,
    "stale snapshot": Level.SNAPSHOT_ISOLATION,
    "committed": Level.READ_COMMITTED,
}


def compare_isolation(seed: int, seen: Counter[str], size: int = 4) -> str:
    """What the judge and its twins say differently of the history of a seed; empty if nothing."""
    kind, false, history = any_history(seed, size)
    if size > 4 and any(len(values) > 5 for values in written_values(history).values()):
        seen["left out: too many orders to try"] += 1
        return ""
    try:
        found = isolation(history)
    except ScenarioError:
        seen["refused"] += 1
        return "" if false else f"seed {seed}: an honest history was refused"
    definition, execution = allowed(history), schedules(history)
    for level in Level:
        if level.base >= 2 and (level in definition) != (level in execution):
            return f"seed {seed}: the twins differ on {level}"
        if found.violates(level):
            says = "broken"
        elif level in found.unsure:
            says = "unknown"
        else:
            says = "kept"
        seen[f"{level}: {says}"] += 1
        at_serializable = next(it for it in Level if (it.base, it.order) == (3, level.order))
        needless = level.base < 2 or (
            not found.violates(at_serializable) and at_serializable not in found.unsure
        )
        if says == "unknown" and needless:
            return f"seed {seed}: {level} is unknown, and could be decided"
        if says != "unknown" and (says == "kept") != (level in definition):
            return f"seed {seed}: {level} is {says}, and by definition it is not"
    if not false and kind in PROMISED and found.violates(PROMISED[kind]):
        return f"seed {seed}: a {kind} store was found to break {PROMISED[kind]}"
    for anomaly in found.anomalies:
        seen[anomaly.name] += 1
    return ""


def compare_sessions(seed: int, seen: Counter[str], size: int = 6) -> str:
    """The same, for what each client may rely on."""
    kind, history = registers(seed, size)
    found = sessions(history)
    holds = possible(history)
    conflicts = {conflict.guarantees for conflict in found.conflicts}
    smallest = {
        some
        for some in SETS
        if some not in holds and not any(x < some for x in SETS if x not in holds)
    }
    if conflicts != smallest:
        return f"seed {seed}: conflicts are {conflicts}, by definition {smallest}"
    if found.reads and found.sequential.is_kept != sequential(history):
        return f"seed {seed}: sequential consistency is {found.sequential.finding}"
    promised = {"atomic": Guarantee.SEQUENTIAL, "causal": Guarantee.CAUSAL}.get(kind)
    if promised and found.verdict(promised).is_broken:
        return f"seed {seed}: a {kind} store was found to break {promised}"
    for conflict in found.conflicts:
        seen[f"conflict: {conflict}"] += 1
    seen[f"sequential: {found.sequential.finding}"] += 1
    return ""


WHOLE = ("inconsistent offset", "duplicate", "lost write")
"""Phenomena of which the two may name different operations."""


def compare_logs(seed: int, seen: Counter[str], size: int = 13) -> str:
    """The same, for a partitioned log."""
    honest, drained, history = log(seed, size)
    said = {
        (fault.name, 0 if fault.name in WHOLE else fault.operations[-1].ticket)
        for fault in judge_log(history, drained=drained).faults
    }
    by_definition = faults_of(history, drained)
    if said != by_definition:
        return f"seed {seed}: {sorted(said ^ by_definition)} said by one only"
    if honest and said:
        return f"seed {seed}: an honest log shows {sorted(said)}"
    seen.update(name for name, _ in said)
    seen["honest" if not said else "faulty"] += 1
    return ""


def compare_money(seed: int, seen: Counter[str]) -> str:
    """The same, for balances that follow from transfers."""
    history, end = counting.bank(seed)
    verdict = explained_by_transfers(counting.START, history, end)
    if verdict.is_kept != counting.follows(history, end) or verdict.is_kept == verdict.is_broken:
        return f"seed {seed}: the balances are {verdict.finding}"
    seen[f"balances: {verdict.finding}"] += 1
    return ""


def compare_streams(seed: int, seen: Counter[str]) -> str:
    """The same, for what comes out of a pipeline, and for replicas that become equal."""
    expected, got = counting.pipeline(seed)
    for delivery in Delivery:
        verdict = delivered(expected, got, delivery)
        if verdict.is_kept != counting.fits(expected, got, delivery):
            return f"seed {seed}: {delivery.value} is {verdict.finding}"
        seen[f"{delivery.value}: {verdict.finding}"] += 1
    changes = counting.replicas(seed)
    verdict = converged_by(counting.HEALED, counting.WITHIN, changes, counting.REPLICAS)
    if verdict.is_kept != counting.are_equal_in_time(changes):
        return f"seed {seed}: the replicas' agreement is {verdict.finding}"
    seen[f"replicas: {verdict.finding}"] += 1
    return ""


JUDGES: dict[str, Callable[..., str]] = {
    "isolation": compare_isolation,
    "sessions": compare_sessions,
    "logs": compare_logs,
    "money": compare_money,
    "streams": compare_streams,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--judge", choices=JUDGES, default="isolation")
    parser.add_argument(
        "--size", type=int, help="operations, or transactions, of a history at most"
    )
    options = parser.parse_args()
    judge = JUDGES[options.judge]
    size = {"size": options.size} if options.size else {}
    seen: Counter[str] = Counter()
    wrong = [
        text
        for seed in range(options.first, options.first + options.runs)
        if (text := judge(seed, seen, **size))
    ]
    for name, times in sorted(seen.items()):
        print(f"{times:>9,}  {name}")
    print(f"{options.runs:,} histories, {len(wrong)} disagreements")
    print("\n".join(wrong[:20]))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
