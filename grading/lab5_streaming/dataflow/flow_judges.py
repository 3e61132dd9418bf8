"""The judges of part 5A1: what was read against what was written, and what was on the wire between."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, structs

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.core import Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab5_streaming.dataflow.flow_world import (
    SINK,
    rows_of,
    source_names,
    vertex_names,
)
from labs.lab5_streaming.stream import (
    MAX_PARALLELISM,
    Batch,
    Credit,
    Ended,
    EndOfInput,
    Read,
    TaskConfig,
    Written,
    key_group,
)

SPARE = 2
"""So many batches more than its buffers a task may have in its hands for each channel."""


class Arrival(Struct, frozen=True):
    """One record that a sink wrote."""

    event: int
    sender: Address
    key: Any
    id: int
    way: tuple[int, ...]
    """The subtask of each operator that it went through, from the source to the sink."""


def _written(run: Run) -> Iterator[tuple[Event, Written]]:
    return (
        (event, event.what) for event in run.trace.of(Kind.SEND) if isinstance(event.what, Written)
    )


def _arrivals(run: Run) -> list[Arrival]:
    configs = run.notes["configs"]
    arrivals = []
    for event, written in _written(run):
        last = configs[Address(event.node)].subtask
        for key, value in zip(written.records.keys, written.records.values, strict=True):
            arrivals.append(Arrival(event.id, written.sender, key, value[0], (*value[1:], last)))
    return arrivals


def _copies(run: Run) -> int:
    """How often each record comes out: as often as broadcasts have copied it."""
    copies = 1
    for how, parallelism in zip(
        run.scenario.shape["how"], run.scenario.shape["stages"], strict=True
    ):
        copies *= parallelism if how == "broadcast" else 1
    return copies


def _ids(run: Run) -> list[int]:
    shape = run.scenario.shape
    return [
        row[2][0]
        for source, parallelism in enumerate(shape["sources"])
        for subtask in range(parallelism)
        for row in rows_of(shape, source, subtask)
    ]


def _ended(run: Run) -> dict[str, Event]:
    return {e.node: e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Ended)}


def each_once_in_order(run: Run) -> Verdict:
    """CH-S1: nothing is lost, nothing comes twice, nothing overtakes on its way, nothing comes behind the end."""
    arrivals, ended = _arrivals(run), _ended(run)
    came: Counter[int] = Counter()
    newest: dict[tuple[Any, ...], int] = {}
    copies, ids = _copies(run), set(_ids(run))
    for arrival in arrivals:
        came[arrival.id] += 1
        if arrival.id not in ids:
            return broken(f"record {arrival.id} was written, and nobody read it", arrival.event)
        if came[arrival.id] > copies:
            reason = f"record {arrival.id} was written too often"
            return broken(reason, arrival.event, expected=f"{copies} times", got=came[arrival.id])
        way = (arrival.id // 10_000, arrival.sender, arrival.way)
        if newest.get(way, -1) >= arrival.id:
            return broken(
                f"record {arrival.id} came behind {newest[way]}, by the same way",
                arrival.event,
                expected="the order in which they were read",
            )
        newest[way] = arrival.id
        node = f"{SINK}-{arrival.way[-1]}"
        if node in ended and ended[node].id < arrival.event:
            reason = f"record {arrival.id} came to {node} behind the end of all its inputs"
            return broken(reason, arrival.event)
    for node, event in ended.items():
        senders = {s for end in run.notes["configs"][Address(node)].inputs for s in end.senders}
        said = {
            e.peer
            for e in run.trace.of(Kind.DELIVER)
            if e.node == node and e.id < event.id and isinstance(e.what, EndOfInput)
        }
        if missing := senders - {Address(peer) for peer in said}:
            return broken(f"{node} ended, and {min(missing)} had not", event.id)
    if len(ended) == run.scenario.shape["stages"][-1]:
        for record in sorted(ids):
            if came[record] < copies:
                lost = broken(
                    f"record {record} was read, and all sinks have ended without it",
                    max(event.id for event in ended.values()),
                    expected=f"{copies} times",
                    got=came[record],
                )
                return structs.replace(lost, is_absence=True)
    return kept()


def _may_go(how: str, arrival: Arrival, hop: int, parallelism: int) -> bool:
    """Whether the record may have gone from where it was to where it went, by this partitioner."""
    here, there = arrival.way[hop], arrival.way[hop + 1]
    match how:
        case "forward":
            return here == there
        case "global":
            return there == 0
        case "key_by":
            return there == key_group(arrival.key) * parallelism // MAX_PARALLELISM
    return True


def _sender_of(shape: dict[str, Any], hop: int, source: int) -> str:
    return source_names(shape)[source] if hop == 0 else vertex_names(shape)[hop - 1]


def goes_where_it_must(run: Run) -> Verdict:
    """ST-S7, SM-S3: by each partitioner's rule."""
    shape = run.scenario.shape
    arrivals = _arrivals(run)
    is_whole = len(_ended(run)) == shape["stages"][-1]
    for hop, (how, parallelism) in enumerate(zip(shape["how"], shape["stages"], strict=True)):
        choices: dict[Any, set[int]] = defaultdict(set)
        shares: dict[tuple[Any, ...], dict[tuple[int, ...], int]] = defaultdict(dict)
        for arrival in arrivals:
            there = arrival.way[hop + 1]
            before = arrival.way[: hop + 1]
            if not _may_go(how, arrival, hop, parallelism):
                return broken(
                    f"{how} sent record {arrival.id} with key {arrival.key!r} from subtask {before[-1]} to"
                    f" subtask {there} of {parallelism}",
                    arrival.event,
                )
            choices[arrival.key].add(there)
            source = arrival.id // 100_000 if hop == 0 else 0
            shares[(source, before[-1])][(arrival.id, *before)] = there
            if how == "partial_key" and len(choices[arrival.key]) > 2:
                reason = f"partial_key sent key {arrival.key!r} to a third subtask"
                return broken(reason, arrival.event, got=sorted(choices[arrival.key]))
        if how == "rebalance" and is_whole:
            for (source, sender), sent in sorted(shares.items()):
                counts = [list(sent.values()).count(target) for target in range(parallelism)]
                if max(counts) - min(counts) > 1:
                    return broken(
                        f"rebalance in subtask {sender} of {_sender_of(shape, hop, source)} did not deal evenly",
                        expected="no two differ by more than one",
                        got=counts,
                    )
    return kept()


def credit_is_kept(run: Run) -> Verdict:
    """CH-S2: no batch without credit; and nobody has more in its hands than its buffers hold."""
    configs = run.notes["configs"]
    copies = _hop_copies(run)
    credit: Counter[tuple[str, str, int]] = Counter()
    held: Counter[str] = Counter()
    in_hands = {a: _most_records(config, run) for a, config in configs.items()}
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        what, node = event.what, event.node
        if event.kind == Kind.DELIVER:
            if isinstance(what, Credit):
                credit[(node, event.peer, what.edge)] += what.batches
            elif isinstance(what, Batch):
                held[node] += len(what.records) * copies[node]
                if held[node] > in_hands[Address(node)] * copies[node]:
                    return _too_much(node, held[node] // copies[node], in_hands, event)
        elif isinstance(what, Batch):
            channel = (node, event.peer, what.edge)
            credit[channel] -= 1
            if credit[channel] < 0:
                return broken(f"{node} sent {event.peer} a batch without credit", event.id)
            held[node] -= len(what.records)
        elif isinstance(what, Written):
            held[node] -= len(what.records)
        elif isinstance(what, Read):
            held[node] += len(what.records) * copies[node]
            if held[node] > in_hands[Address(node)] * copies[node]:
                return _too_much(node, held[node] // copies[node], in_hands, event)
    return kept()


def _too_much(node: str, records: int, most: dict[Address, int], event: Event) -> Verdict:
    return broken(
        f"{node} has {records} records in its hands: it took in more than it could pass on",
        event.id,
        expected=f"at most {most[Address(node)]}",
        got=records,
    )


def _hop_copies(run: Run) -> dict[str, int]:
    """For each task, how often it sends what it gets."""
    shape = run.scenario.shape
    after = {}
    for name, how, parallelism in zip(
        [*vertex_names(shape)], [*shape["how"][1:], ""], [*shape["stages"][1:], 1], strict=True
    ):
        after[name] = parallelism if how == "broadcast" else 1
    for name in source_names(shape):
        after[name] = shape["stages"][0] if shape["how"][0] == "broadcast" else 1
    return {str(a): after[config.name] for a, config in run.notes["configs"].items()}


def _most_records(config: TaskConfig, run: Run) -> int:
    """In its inputs, in work, and waiting in its outputs. A batch is never larger than those that sources make."""
    if config.operator == "operators:Hoard":  # it is there to keep everything
        return len(_ids(run))
    channels = sum(len(end.senders) for end in config.inputs)
    waiting = sum(len(end.targets) for end in config.outputs)
    size = int(run.scenario.shape["size"])
    return size * (channels * (config.buffers + SPARE) + SPARE * (waiting + 1))


def all_is_written_in_time(run: Run) -> Verdict:
    """CH-L1: the job comes to its end, soon after all is well."""
    ended = _ended(run)
    deadline = run.notes["deadline"]
    sinks = [a for a, config in run.notes["configs"].items() if config.name == SINK]
    missing = [sink for sink in sinks if sink not in ended]
    done_at = None if missing else max(event.time for event in ended.values())
    waiting_for = f"{missing[0]} has not ended" if missing else ""
    return bounded_liveness(
        done_at, deadline, "the end of all inputs of all sinks", waiting_for=waiting_for
    )


def nobody_starves(run: Run) -> Verdict:
    """CH-L2: of the channels of a sink on which something waits, each has its turn."""
    buffers = run.scenario.shape["buffers"]
    waiting: Counter[tuple[str, Address]] = Counter()
    passed: dict[tuple[str, Address], int] = defaultdict(int)
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        what = event.what
        if event.kind == Kind.DELIVER and isinstance(what, Batch) and event.node.startswith(SINK):
            waiting[(event.node, Address(event.peer))] += 1
        elif isinstance(what, Written) and event.kind == Kind.SEND:
            mine = (event.node, what.sender)
            waiting[mine] -= 1
            passed[mine] = 0
            for other, count in waiting.items():
                if other[0] == event.node and other != mine and count > 0:
                    passed[other] += 1
                    most = 2 * buffers * sum(1 for c in waiting if c[0] == event.node)
                    if passed[other] > most:
                        return broken(
                            f"{event.node} took {passed[other]} batches from others while one from {other[1]} waited",
                            event.id,
                            expected=f"at most {most}",
                        )
    return kept()


def costs_little(run: Run) -> Verdict:
    """CH-C1: batches stay batches, and credit is not told in more messages than there are batches."""
    configs = run.notes["configs"]
    batches: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    told: Counter[tuple[str, str]] = Counter()
    came: Counter[tuple[str, str]] = Counter()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        what = event.what
        if event.kind == Kind.DELIVER and isinstance(what, Batch):
            taken[event.node] += 1
            came[(event.node, event.peer)] += 1
        elif event.kind == Kind.SEND and isinstance(what, Read):
            taken[event.node] += 1
        elif event.kind == Kind.SEND and isinstance(what, Batch):
            batches[event.node] += 1
            targets = sum(len(end.targets) for end in configs[Address(event.node)].outputs)
            if batches[event.node] > taken[event.node] * targets:
                return broken(
                    f"{event.node} took {taken[event.node]} batches and has sent {batches[event.node]}",
                    event.id,
                    expected=f"at most one to each of {targets} targets, of each batch",
                )
        elif event.kind == Kind.SEND and isinstance(what, Credit):
            channel = (event.node, event.peer)
            told[channel] += 1
            if told[channel] > came[channel] + 2:
                return broken(
                    f"{event.node} told {event.peer} of credit {told[channel]} times, for {came[channel]} batches",
                    event.id,
                )
    return kept()


# -- situations ---------------------------------------------------------------------------------------


def was_without_credit(run: Run) -> bool:
    """A sender had used all its credit."""
    credit: Counter[tuple[str, str, int]] = Counter()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if event.kind == Kind.DELIVER and isinstance(event.what, Credit):
            credit[(event.node, event.peer, event.what.edge)] += event.what.batches
        elif event.kind == Kind.SEND and isinstance(event.what, Batch):
            channel = (event.node, event.peer, event.what.edge)
            credit[channel] -= 1
            if credit[channel] == 0:
                return True
    return False


def dealt_by(how: str) -> Any:
    return lambda run: any(
        kind == how and parallelism > 1
        for kind, parallelism in zip(
            run.scenario.shape["how"], run.scenario.shape["stages"], strict=True
        )
    )


def was_slow(run: Run) -> bool:
    return bool(run.scenario.shape.get("pace") or run.scenario.shape.get("slow"))


def had_rivals(run: Run) -> bool:
    """A slow sink had a full choice of channels."""
    senders = {(e.node, w.sender) for e, w in _written(run)}
    return was_slow(run) and any(
        sum(1 for node, _ in senders if node == sink) > 1 for sink, _ in senders
    )
