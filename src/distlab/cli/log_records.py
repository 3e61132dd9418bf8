"""``distlab log produce`` and ``consume``: records go in as lines, and come out as lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import click

from distlab.cli.log_cluster import Cluster, Refusal
from distlab.cli.log_groups import Membership, consume_as_member
from distlab.cli.program import NotReady, usage
from distlab.cli.screen import plural
from distlab.core.values import MS, SECOND

_BATCH: Final = 5000
"""Lines that are handed over at once, at most."""
_BATCH_BYTES: Final = 500_000


# -- produce ---------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("topic")
@click.option("--acks", type=click.Choice(["0", "1", "all"]), default="all", show_default=True)
@click.option("--key-separator", default="", help="what stands before it in a line is the key")
@click.option("--partition", type=int, default=None, help="where all records go")
@click.option("--quiet", is_flag=True, help="do not say where records stand")
def produce(topic: str, acks: str, key_separator: str, partition: int | None, quiet: bool) -> None:
    """Append lines of standard input, each a record.

    Records with a key go to the partition that the key chooses, the others are spread. With --acks all each record is
    there once, and in order, though brokers die meanwhile.
    """
    cluster = Cluster()
    names = [state.partition for state in cluster.partitions(topic)]
    if topic.startswith("__"):
        raise Refusal("INVALID_TOPIC_EXCEPTION", topic)
    if partition is not None and not 0 <= partition < len(names):
        raise Refusal("UNKNOWN_TOPIC_OR_PARTITION", f"{topic}-{partition}")
    told = acks_of(acks)
    if sys.stdin.isatty():
        click.echo("one record a line; Ctrl-D ends", err=True)
    pen = Pen(cluster, names, told)
    total = 0
    try:
        for lines in _batches(sys.stdin.fileno()):
            records = [_split(line, key_separator.encode()) for line in lines]
            places, refusal = pen.write(records, -1 if partition is None else partition)
            total += len(places)
            if not quiet and told:
                for text in _ranges(topic, places):
                    click.echo(text)
            if refusal is not None:
                raise refusal
    finally:
        pen.lay_down()
        click.echo(plural(total, "record"), err=True)


class Pen:
    """A producer: one of those that the cluster lends."""

    def __init__(self, cluster: Cluster, partitions: list[str], acks: int) -> None:
        self._cluster = cluster
        self._take = cluster.requests.TakePen(tuple(partitions), acks)
        self.take()

    def take(self) -> None:
        """Take a free one. Raises ``Refusal``."""
        for node in self._cluster.requests.PENS:
            with suppress(Refusal):
                self._token, self._node = self._cluster.ask(self._take, node), node
                return
        raise Refusal(self._cluster.requests.TAKEN)

    def write(
        self, records: list[tuple[bytes | None, bytes]], partition: int
    ) -> tuple[list[tuple[int, int]], Refusal | None]:
        """(partition's number, offset) of each record up to the first one that was refused, and why that was."""
        lines, refusal = [], None
        try:
            for key, value in records:
                if len(key or b"") + len(value) > self._cluster.requests.LARGEST:
                    raise Refusal(self._cluster.requests.TOO_LARGE)
                lines.append((None if key is None else key.decode(), value.decode()))
        except Refusal as too_large:
            refusal = too_large
        except UnicodeDecodeError:
            refusal = Refusal("INVALID_RECORD")
        places: list[tuple[int, int]] = []
        for first, second in self._told(tuple(lines), partition):
            if isinstance(first, str):
                return places, Refusal(second, _CERTAINTY[first])
            places.append((first, second))
        return places, refusal

    def _told(self, lines: tuple[tuple[str | None, str], ...], partition: int) -> Any:
        requests = self._cluster.requests
        try:
            return self._cluster.ask(requests.Write(self._token, lines, partition), self._node)
        except Refusal as refusal:
            if refusal.code != requests.UNKNOWN_PRODUCER:
                raise
        self.take()  # ours was started anew, or given to somebody else: nothing was sent
        return self._cluster.ask(requests.Write(self._token, lines, partition), self._node)

    def lay_down(self) -> None:
        with suppress(Refusal, NotReady):
            self._cluster.ask(self._cluster.requests.LayDown(self._token), self._node)


_CERTAINTY: Final = {
    "Fail": "the record is not in the log",
    "Info": "the record may be in the log",
}


def _ranges(topic: str, places: list[tuple[int, int]]) -> Iterator[str]:
    """Where records stand: those that stand one behind the other on one line."""
    runs: list[list[int]] = []
    latest: dict[int, list[int]] = {}
    for number, offset in places:
        run = latest.get(number)
        if run is not None and run[2] == offset - 1:
            run[2] = offset
        else:
            latest[number] = [number, offset, offset]
            runs.append(latest[number])
    for number, first, last in runs:
        yield f"{topic}-{number} @ {first:,}" + (f" to {last:,}" if last > first else "")


def acks_of(text: str) -> int:
    """-1 for all."""
    return -1 if text == "all" else int(text)


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


@click.command()
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
@click.option("--group", default="", help="be a member of this group, and go on where it was")
@click.option(
    "--assignor",
    type=click.Choice(["range", "roundrobin", "sticky", "cooperative-sticky"]),
    default="range",
    show_default=True,
    help="how a group shares partitions",
)
@click.option(
    "--max-poll-interval",
    type=float,
    default=10.0,
    show_default=True,
    help="seconds after which a group goes on without a member that stands still",
)
def consume(
    topic: str,
    from_beginning: bool,
    partition: int | None,
    offset: int | None,
    max_messages: int,
    timeout: float,
    show: str,
    group: str,
    assignor: str,
    max_poll_interval: float,
) -> int | None:
    """Print records as they are committed, until Ctrl-C.

    With --group, partitions are shared among all who consume as this group, and each of them goes on where the group
    was; --from-beginning counts only for a group that has read nothing yet. What was printed is committed once a
    second, and at the end.
    """
    fields = show.split(",")
    if strange := set(fields) - {"partition", "offset", "time", "key", "value"}:
        usage(f"--show: there is no {', '.join(sorted(strange))} of a record")
    if offset is not None and partition is None:
        usage("--offset needs --partition: each partition counts its own")
    if group and partition is not None:
        usage("--group and --partition exclude each other: a group shares its partitions itself")
    cluster = Cluster()
    names = [state.partition for state in cluster.partitions(topic)]
    if group:
        membership = Membership(group, topic, assignor, from_beginning, max_poll_interval)

        def put(record: list[Any]) -> None:
            name, *rest = record
            sys.stdout.buffer.write(_shown(name, rest, fields) + b"\n")

        return consume_as_member(cluster, membership, put, max_messages, timeout)
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
                    return None
            sys.stdout.flush()
        if came:
            heard_at = time.monotonic()
        elif timeout and time.monotonic() - heard_at > timeout:
            return None


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
