"""The judges of part 5A2: what was worked off against what was reported done."""

from __future__ import annotations

from collections import Counter, defaultdict

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Kind
from labs.lab5_streaming.tuples import Ack, Emit, Init, Tuple, Work, Worked


def tree_of(message: int, fan: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The paths of all tuples that come of a message."""
    paths: set[tuple[int, ...]] = set()
    level = [Work(message, (), fan)]
    while level:
        level = [child for work in level for child in work.children()]
        paths.update(work.path for work in level)
    return paths


def is_quiet(run: Run) -> bool:
    """Nothing goes wrong in this run, and nothing is slow."""
    noise, shape = run.scenario.noise, run.scenario.shape
    return not (
        run.scenario.plan.faults
        or noise.loss
        or noise.duplicate
        or noise.straggle
        or shape.get("pace")
    )


def done_means_done(run: Run) -> Verdict:
    """SM-S1: when a message is reported done, everything that came of it has been worked off."""
    worked: dict[int, set[tuple[int, ...]]] = defaultdict(set)
    entries = {entry.ret: entry for entry in run.history if entry.is_ok}
    for event in run.trace.of(Kind.SEND, Kind.RETURN):
        if event.kind == Kind.SEND and isinstance(event.what, Worked):
            worked[event.what.message].add(event.what.path)
        elif event.id in entries:
            op = entries[event.id].operation
            assert isinstance(op, Emit)
            if missing := tree_of(op.message, op.fan) - worked[op.message]:
                return broken(
                    f"message {op.message} was reported done, and tuple {min(missing)} of it was never worked off",
                    entries[event.id].call,
                    event.id,
                    expected=f"{len(tree_of(op.message, op.fan))} tuples",
                    got=f"{len(worked[op.message])} tuples",
                )
    return kept()


def no_message_is_lost(run: Run) -> Verdict:
    """SM-S2: every message is done in the end, and soon after all is well."""
    deadline = run.notes["deadline"]
    for entry in run.history:
        done_at = entry.ended if entry.is_ok else None
        verdict = bounded_liveness(done_at, deadline, f"the end of {entry.operation}")
        if not verdict.is_kept:
            return verdict
    return kept()


def done_without_delay(run: Run) -> Verdict:
    """SM-L1: where nothing is lost, a message is done as soon as its last Ack is at the acker."""
    if not is_quiet(run):
        return kept()
    for entry in run.history:
        op = entry.operation
        assert isinstance(op, Emit)
        hops = len(op.fan) + 3
        limit = entry.began + hops * run.scenario.noise.delay[1] + 5 * MS
        verdict = bounded_liveness(entry.ended, limit, f"the end of {op}")
        if not verdict.is_kept:
            return verdict
    return kept()


def costs_little(run: Run) -> Verdict:
    """SM-C1: one Ack for each tuple; nothing is emitted again before its time; ackers forget."""
    config = run.notes["config"]
    acks: Counter[str] = Counter()
    came: Counter[str] = Counter()
    began: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        what = event.what
        if event.kind == Kind.DELIVER and isinstance(what, Tuple):
            came[event.node] += 1
        elif event.kind == Kind.SEND and isinstance(what, Ack):
            acks[event.node] += 1
            if acks[event.node] > came[event.node]:
                reason = f"{event.node} has sent {acks[event.node]} Acks, for fewer tuples"
                return broken(reason, event.id, expected=f"at most {came[event.node]}")
        elif event.kind == Kind.SEND and isinstance(what, Tuple) and event.node == "spout":
            trees = began[what.work.message]
            if not trees or trees[-1][1] != what.root:
                trees.append((event.time, what.root))
            if len(trees) > 1:
                (before, _), (now, _) = trees[-2:]
                if now - before < config.rotation * (config.buckets - 1) - 1 * MS:
                    return broken(
                        f"message {what.work.message} was emitted again after {(now - before) // MS} ms",
                        event.id,
                        expected=f"not before {config.rotation * (config.buckets - 1) // MS} ms",
                    )
    for address in config.ackers:
        view = run.probes.get(address)
        if view is not None and view.pending and all(entry.is_ok for entry in run.history):
            return broken(
                f"all messages are done for long, and {address} still remembers {view.pending} roots",
                expected="0",
                got=view.pending,
            )
    return kept()


# -- situations ---------------------------------------------------------------------------------------


def lost_a_tuple(run: Run) -> bool:
    return any(isinstance(event.what[0], Tuple) for event in run.trace.of(Kind.DROP) if event.what)


def acker_died(run: Run) -> bool:
    return any(e.node.startswith("acker") for e in run.trace.of(Kind.CRASH))


def ack_came_first(run: Run) -> bool:
    """An Ack came before the Init of its tree."""
    early = set()
    for event in run.trace.of(Kind.DELIVER):
        if isinstance(event.what, Ack):
            early.add(event.what.root)
        elif isinstance(event.what, Init) and event.what.root in early:
            return True
    return False


def came_twice(run: Run) -> bool:
    return run.tally.get("duplicate", 0) > 0


def quiet_and_deep(run: Run) -> bool:
    return is_quiet(run) and any(
        len(entry.operation.fan) > 1 for entry in run.history if isinstance(entry.operation, Emit)
    )
