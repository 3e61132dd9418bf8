"""Bugs of the controllers round the decisions: who decides, when it is decided, who is told."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log.brokers import Alive, Heard
from labs.lab2_log.controller import CLUSTER, Controller
from labs.lab2_log.metadata import Command, Fence, decoded, encoded
from labs.lab2_log.quorum import Cas, Put


class SaysFirst(Controller):
    """Says what it decides before the quorum has it. It is deposed meanwhile, and another one decides otherwise."""

    def decide(self) -> None:
        super().decide()
        if self.written is not None and self.text is not None:
            self.text, self.cluster = self.written, decoded(self.written)
            self.written = None
            self.tell()
            self.answer()

    def look(self) -> None:
        text, cluster = self.text, self.cluster
        super().look()
        if self.is_active and text is not None:
            self.text, self.cluster = text, cluster


class StartsFromNothing(Controller):
    """A controller that takes over begins with the cluster as it was in the beginning."""

    def become_active(self) -> None:
        if self.text is not None:
            before, self.text = self.text, encoded(self.beginning())
            self.write(Cas(CLUSTER, before, self.text))
            self.cluster = self.beginning()
        super().become_active()


class AnswersFirst(Controller):
    """Tells the leader that asks what it is going to decide. It is deposed, and the leader has an ISR of its own."""

    def decide(self) -> None:
        super().decide()
        if self.written is not None:
            cluster, self.cluster = self.cluster, decoded(self.written)
            self.answer()
            self.cluster = cluster


class HasHeardNobody(Controller):
    """Takes office, has heard nobody so far, and fences everybody: another controller, and all leaders change."""

    def become_active(self) -> None:
        super().become_active()
        self.last = dict.fromkeys(self.cluster.brokers, 0)


class NeverFences(Controller):
    """Waits for a broker that will not come back. A dead leader leads for ever."""

    def wish(self, command: Command) -> None:
        if not isinstance(command, Fence):
            super().wish(command)


class TellsOnce(Controller):
    """Takes what it has sent for heard. A message is lost, and a broker never learns that it leads."""

    def tell(self) -> None:
        super().tell()
        for name, state in self.cluster.partitions.items():
            for broker, known in self.cluster.brokers.items():
                self.heard[broker, known.life, name] = state.version


class TellsForEver(Controller):
    """Does not note who has heard."""

    def on_heard(self, word: Heard, sender: Address) -> None:
        pass


class HasHeardInAnotherLife(Controller):
    """What a broker heard in a former life it has heard: it comes back, and nobody tells it anything."""

    def on_heard(self, word: Heard, sender: Address) -> None:
        known = self.cluster.brokers.get(sender)
        for life in (*known.former, known.life, word.life) if known else (word.life,):
            super().on_heard(Heard(word.partition, word.version, life), sender)

    def on_alive(self, word: Alive, sender: Address) -> None:
        for (broker, _, partition), version in list(self.heard.items()):
            if broker == sender:
                key = (sender, word.life, partition)
                self.heard[key] = max(self.heard.get(key, -1), version)
        super().on_alive(word, sender)


class WritesHeartbeats(Controller):
    """Each word of each broker goes into the quorum's log."""

    def on_alive(self, word: Alive, sender: Address) -> None:
        super().on_alive(word, sender)
        if self.is_active:
            self.write(Put(f"last/{sender}", str(self.monotonic())))


class KeepsItToItself(Controller):
    """Keeps what is decided in memory, and writes the first of it only: the next controller knows no better."""

    def decide(self) -> None:
        if self.text is None or not self.wishes:
            super().decide()
            return
        self.write = lambda operation: None  # type: ignore[method-assign]
        super().decide()
        del self.write
        if self.written is not None:
            self.text, self.cluster = self.written, decoded(self.written)
            self.written = None
            self.tell()
            self.answer()

    def look(self) -> None:
        text, cluster = self.text, self.cluster
        super().look()
        if self.is_active and text is not None:
            self.text, self.cluster = text, cluster


class WaitsForEver(Controller):
    """What it has written when it loses the office it takes for under way when it is back, and waits for it."""

    def leave_office(self) -> None:
        written = getattr(self, "written", None)
        super().leave_office()
        self.written = written


DECIDING = (
    bug(
        "says-first",
        SaysFirst,
        part="E",
        replaces="controller:Controller",
        breaks="RL-S7",
        code="2E-m23",
        source="controller epochs: a zombie controller's older command",
    ),
    bug(
        "starts-from-nothing",
        StartsFromNothing,
        part="E",
        replaces="controller:Controller",
        breaks="RL-S7",
    ),
    bug(
        "keeps-it-to-itself",
        KeepsItToItself,
        part="E",
        replaces="controller:Controller",
        breaks="RL-S7",
    ),
    bug(
        "answers-before-it-is-decided",
        AnswersFirst,
        part="E",
        replaces="controller:Controller",
        breaks="RL-S7",
    ),
    bug(
        "has-heard-nobody",
        HasHeardNobody,
        part="E",
        replaces="controller:Controller",
        breaks="RL-L2",
        kind="liveness",
    ),
    bug(
        "never-fences",
        NeverFences,
        part="E",
        replaces="controller:Controller",
        breaks="RL-L4",
        kind="liveness",
    ),
    bug(
        "tells-once",
        TellsOnce,
        part="E",
        replaces="controller:Controller",
        breaks="RL-L4",
        kind="liveness",
    ),
    bug(
        "has-heard-in-another-life",
        HasHeardInAnotherLife,
        part="E",
        replaces="controller:Controller",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug(
        "waits-for-its-last-word",
        WaitsForEver,
        part="E",
        replaces="controller:Controller",
        breaks="RL-L4",
        kind="liveness",
    ),
    bug(
        "tells-for-ever",
        TellsForEver,
        part="E",
        replaces="controller:Controller",
        breaks="RL-C2",
        kind="cost",
    ),
    bug(
        "writes-heartbeats",
        WritesHeartbeats,
        part="E",
        replaces="controller:Controller",
        breaks="RL-C2",
        kind="cost",
    ),
)
