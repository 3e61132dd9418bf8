"""``distlab log``: lab 2's log, used as Kafka's command-line tools use Kafka.

It needs a cluster that is kept running (``distlab live --lab 2 --keep``), and reaches it by its door
(:mod:`distlab.live.door`).
"""

from __future__ import annotations

from typing import Any

import click

from distlab.cli.log_cluster import Cluster, Refusal
from distlab.cli.log_groups import groups, lag
from distlab.cli.log_records import consume, produce
from distlab.cli.program import FAILED, INTERRUPTED, usage
from distlab.cli.screen import Screen, plural, styled


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
    """Use lab 2's log while it runs."""


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
        if all(topic.startswith("__") for topic in counts):
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


for command in (produce, consume, groups, lag):
    log.add_command(command)
