"""``distlab log``: lab 2's log, used as Kafka's command-line tools use Kafka. Topics, produce, consume, describe.

It needs a cluster that is kept running (``distlab live --lab 2 --keep``), and reaches it by its door
(:mod:`distlab.live.door`). Every request goes through the cluster's gateway, which looks for the leader as long as it
takes, up to fifteen seconds; what it gives up comes as one of Kafka's error codes, and is told in words.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from distlab.cli.keeping import own_folder
from distlab.cli.program import FAILED, INTERRUPTED, NotReady, usage
from distlab.cli.screen import Screen, plural, styled
from distlab.core.values import MS, SECOND, Ok, Operation
from distlab.grade.solution import load_lab

_LAB: Final = "lab2_log"
_GATEWAY: Final = "gateway"
_BATCH: Final = 500
"""Lines of a batch, at most."""
_BATCH_BYTES: Final = 500_000

WORDS: Final = {
    "UNKNOWN_TOPIC_OR_PARTITION": "there is no such topic or partition; `distlab log topics` lists them",
    "TOPIC_ALREADY_EXISTS": "there is a topic of that name already",
    "INVALID_TOPIC_EXCEPTION": "a topic's name has letters, digits, '.', '_' and '-', 100 at most",
    "INVALID_PARTITIONS": "a topic has 1 to 64 partitions",
    "INVALID_REPLICATION_FACTOR": "there are not so many brokers to keep a copy each",
    "MESSAGE_TOO_LARGE": "a record and what is sent with it has one megabyte at most",
    "OFFSET_OUT_OF_RANGE": "there is nothing at that offset: it was deleted, or not written yet",
    "CORRUPT_MESSAGE": "what came does not fit its checksum",
    "NOT_LEADER_OR_FOLLOWER": "whoever was asked does not lead the partition, and a leader could not be found in time",
    "LEADER_NOT_AVAILABLE": "nobody leads the partition: all that were in sync are down",
    "NOT_ENOUGH_REPLICAS": "fewer replicas are in sync than min.insync.replicas asks for; nothing was written",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few replicas were in sync to be sure; it may be in the log",
    "REQUEST_TIMED_OUT": "no answer in time; what was to be written may be in the log",
}
"""Error code -> what it means, and what to do."""


class Cluster:
    """A running log, as this program sees it."""

    def __init__(self) -> None:
        from distlab.live.door import NoDoor, Visit

        load_lab(_LAB)
        self.requests: Any = importlib.import_module(f"grading.{_LAB}.log.requests")
        self.sight: Any = importlib.import_module(f"grading.{_LAB}.log.sight")
        self.brokers: Any = importlib.import_module(f"labs.{_LAB}.brokers")
        where = own_folder() / "live" / _LAB / "door"
        nobody = "no log is running here. Start one in another terminal: make live LAB=2 KEEP=1"
        try:
            self._visit = Visit(Path(where.read_text()))
        except (FileNotFoundError, NoDoor):
            raise NotReady(nobody) from None

    def ask(self, operation: Operation) -> Any:
        """What the gateway answers. Raises ``Refusal``."""
        from distlab.live.door import NoDoor

        try:
            outcome = self._visit.ask(_GATEWAY, operation)
        except NoDoor:
            raise NotReady("the log has ended meanwhile") from None
        if isinstance(outcome, Ok):
            return outcome.value
        raise Refusal(outcome.reason)

    def partitions(self, topic: str) -> list[Any]:
        """What the controller knows of a topic's partitions, or of all. Raises ``Refusal`` where there is none."""
        kind: Any = self.brokers.PartitionState
        found = [msgspec.convert(each, kind) for each in self.ask(self.requests.List())]
        found.sort(key=lambda state: self.sight.in_order(state.partition))
        found = [s for s in found if topic in ("", s.partition.rpartition("-")[0])]
        if topic and not found:
            raise Refusal("UNKNOWN_TOPIC_OR_PARTITION", topic)
        return found

    def sights(self) -> list[Any]:
        """What the brokers say of their partitions."""
        probes = self._visit.look().probes
        kind = self.brokers.BrokerProbe
        return list(
            self.sight.sights(
                {
                    name: msgspec.convert(probe, kind)
                    for name, probe in probes.items()
                    if isinstance(probe, dict) and probe.keys() == {"replicas"}
                }
            )
        )

    def crash(self, node: str, seconds: float) -> None:
        self._visit.crash(node, int(seconds * SECOND))

    def nodes(self) -> list[Any]:
        return list(self._visit.look().nodes)


class Refusal(Exception):
    """The log says no, with a code."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.about = about

    def __str__(self) -> str:
        words = WORDS.get(self.code, "")
        return (
            f"{self.code}{f' ({self.about})' if self.about else ''}{f': {words}' if words else ''}"
        )


class _Group(click.Group):
    """Says what was refused, and ends as it should."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            click.echo(f"distlab: {refusal}", err=True)
            return FAILED
        except KeyboardInterrupt:
            click.echo("", err=True)
            return INTERRUPTED


@click.group(cls=_Group)
def log() -> None:
    """Use lab 2's log while it runs: topics, produce, consume, describe."""


# -- topics ----------------------------------------------------------------------------------------------------------


@log.group(invoke_without_command=True)
@click.pass_context
def topics(context: click.Context) -> None:
    """List topics, or create one."""
    if context.invoked_subcommand is None:
        states = Cluster().partitions("")
        counts: dict[str, list[Any]] = {}
        for state in states:
            counts.setdefault(state.partition.rpartition("-")[0], []).append(state)
        for topic, partitions in counts.items():
            copies = plural(len(partitions[0].replicas), "replica")
            click.echo(f"{topic:<24}{plural(len(partitions), 'partition')}, {copies}")
        if not counts:
            click.echo("no topics yet: distlab log topics create NAME", err=True)


@topics.command()
@click.argument("topic")
@click.option("--partitions", default=1, show_default=True)
@click.option("--replicas", default=3, show_default=True, help="brokers that keep a copy of each")
def create(topic: str, partitions: int, replicas: int) -> None:
    """Create a topic."""
    cluster = Cluster()
    cluster.ask(cluster.requests.NewTopic(topic, partitions, replicas))
    click.echo(f"created {topic}: {plural(partitions, 'partition')}, {plural(replicas, 'replica')}")


@log.command()
@click.argument("topic", default="")
def describe(topic: str) -> None:
    """Who leads, who is in sync, what is committed, where epochs begin; of one topic, or of all."""
    cluster = Cluster()
    wanted = {state.partition for state in cluster.partitions(topic)}
    sights = [sight for sight in cluster.sights() if sight.best.partition in wanted]
    screen = Screen()
    screen.lines([styled(cluster.sight.HEAD, "dim")])
    for sight in sights:
        screen.lines([styled(cluster.sight.line(sight))])
        begins = cluster.sight.epochs(sight.best)
        if begins:
            screen.lines([styled(f"{'':<16}epochs  {begins}", "dim")])


@log.command()
@click.argument("broker")
@click.option(
    "--for", "seconds", default=3.0, show_default=True, help="seconds until it is started again"
)
def crash(broker: str, seconds: float) -> None:
    """Kill a broker (kill -9), and start it again later."""
    cluster = Cluster()
    known = [node.name for node in cluster.nodes()]
    if broker not in known:
        usage(f"there is no node {broker!r}; there are {', '.join(known)}")
    cluster.crash(broker, seconds)
    click.echo(f"killed {broker}; it comes back in {seconds:g} s")


# -- produce ---------------------------------------------------------------------------------------------------------


@log.command()
@click.argument("topic")
@click.option("--acks", type=click.Choice(["0", "1", "all"]), default="all", show_default=True)
@click.option("--key-separator", default="", help="what stands before it in a line is the key")
@click.option("--partition", type=int, default=None, help="where all records go")
@click.option("--quiet", is_flag=True, help="do not say where records stand")
def produce(topic: str, acks: str, key_separator: str, partition: int | None, quiet: bool) -> None:
    """Append lines of standard input, each a record.

    Records with a key go to the partition that the key chooses, the others to one after the other. A batch may be
    written twice when a broker dies: the producer that prevents that is part 2F.
    """
    cluster = Cluster()
    count = len(cluster.partitions(topic))
    if partition is not None and not 0 <= partition < count:
        raise Refusal("UNKNOWN_TOPIC_OR_PARTITION", f"{topic}-{partition}")
    told = acks_of(acks)
    if sys.stdin.isatty():
        click.echo("one record a line; Ctrl-D ends", err=True)
    total = 0
    for turn, lines in enumerate(_batches(sys.stdin.fileno())):
        groups: dict[int, list[Any]] = {}
        for line in lines:
            key, value = _split(line, key_separator.encode())
            chosen = partition
            if chosen is None:
                chosen = _by_key(key, count) if key is not None else turn % count
            groups.setdefault(chosen, []).append((key, value))
        for chosen, records in sorted(groups.items()):
            name = f"{topic}-{chosen}"
            base = cluster.ask(cluster.requests.Put(name, tuple(records), told))
            total += len(records)
            if not quiet and told:
                click.echo(
                    f"{name} @ {base}"
                    + (f" to {base + len(records) - 1}" if len(records) > 1 else "")
                )
    click.echo(f"{plural(total, 'record')}", err=True)


def acks_of(text: str) -> int:
    """-1 for all."""
    return -1 if text == "all" else int(text)


def _by_key(key: bytes, count: int) -> int:
    from zlib import crc32

    return crc32(key) % count


def _split(line: bytes, separator: bytes) -> tuple[bytes | None, bytes]:
    if separator and separator in line:
        key, _, value = line.partition(separator)
        return key, value
    return None, line


def _batches(file: int) -> Iterator[list[bytes]]:
    """Lines as they come: what is there already makes a batch, and nobody waits for it to be full."""
    rest = b""
    while True:
        data = os.read(file, 1 << 18)
        lines = (rest + data).split(b"\n") if data else [rest] if rest else []
        rest = lines.pop() if data else b""
        while lines:
            size, taken = 0, 0
            while taken < min(len(lines), _BATCH) and (not taken or size < _BATCH_BYTES):
                size += len(lines[taken])
                taken += 1
            yield lines[:taken]
            del lines[:taken]
        if not data:
            return


# -- consume ---------------------------------------------------------------------------------------------------------


@log.command()
@click.argument("topic")
@click.option("--from-beginning", is_flag=True, help="not only what comes from now on")
@click.option("--partition", type=int, default=None, help="only this one")
@click.option("--offset", type=int, default=None, help="begin there; needs --partition")
@click.option("--max-messages", type=int, default=0, help="end after so many")
@click.option(
    "--timeout", type=float, default=0.0, help="end when nothing has come for so many seconds"
)
@click.option(
    "--show", default="value", show_default=True, help="any of partition,offset,time,key,value"
)
def consume(
    topic: str,
    from_beginning: bool,
    partition: int | None,
    offset: int | None,
    max_messages: int,
    timeout: float,
    show: str,
) -> None:
    """Print records as they are committed, until Ctrl-C."""
    fields = show.split(",")
    if strange := set(fields) - {"partition", "offset", "time", "key", "value"}:
        usage(f"--show: there is no {', '.join(sorted(strange))} of a record")
    if offset is not None and partition is None:
        usage("--offset needs --partition: each partition counts its own")
    cluster = Cluster()
    names = [state.partition for state in cluster.partitions(topic)]
    if partition is not None:
        if not 0 <= partition < len(names):
            raise Refusal("UNKNOWN_TOPIC_OR_PARTITION", f"{topic}-{partition}")
        names = [f"{topic}-{partition}"]
    start = cluster.requests.FROM_START if from_beginning else cluster.requests.FROM_END
    places = dict.fromkeys(names, start if offset is None else offset)
    count, heard_at = 0, time.monotonic()
    while True:
        came = False
        for name in names:
            # The last one waits, if nothing has come: then the others are looked at again.
            waits = name == names[-1] and not came
            wait = 300 * MS if waits and places[name] >= 0 else 0
            take = cluster.requests.Take(name, places[name], max_wait=wait)
            _, _, places[name], records = cluster.ask(take)
            came = came or bool(records)
            for record in records:
                sys.stdout.buffer.write(_shown(name, record, fields) + b"\n")
                count += 1
                if count == max_messages:
                    sys.stdout.flush()
                    return
            sys.stdout.flush()
        if came:
            heard_at = time.monotonic()
        elif timeout and time.monotonic() - heard_at > timeout:
            return


def _shown(partition: str, record: list[Any], fields: list[str]) -> bytes:
    offset, timestamp, key, value = record
    texts = {
        "partition": partition.encode(),
        "offset": b"%d" % offset,
        "time": datetime.fromtimestamp(timestamp / SECOND).isoformat(" ", "milliseconds").encode(),
        "key": b"-" if key is None else key,
        "value": b"" if value is None else value,
    }
    return b"\t".join(texts[field] for field in fields)
