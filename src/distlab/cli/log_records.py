"""``distlab log produce`` and ``consume``: records go in as lines, and come out as lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click

from distlab.cli.log_cluster import Cluster, Refusal
from distlab.cli.log_groups import Membership, consume_as_member
from distlab.cli.program import usage
from distlab.cli.screen import plural
from distlab.core.values import MS, SECOND

_BATCH: Final = 500
"""Lines of a batch, at most."""
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
