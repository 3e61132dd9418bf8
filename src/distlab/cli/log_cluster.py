"""The log that runs, as ``distlab log`` sees it: its door, its gateway, and what its refusals mean.

Every request goes through the cluster's gateway, which looks for the leader as long as it takes, up to fifteen seconds;
what it gives up comes as one of Kafka's error codes, and is told in words.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

import msgspec

from distlab.cli.keeping import own_folder
from distlab.cli.program import NotReady
from distlab.core.values import SECOND, Info, Ok, Operation
from distlab.grade.solution import load_lab

_LAB: Final = "lab2_log"
_GATEWAY: Final = "gateway"

WORDS: Final = {
    "UNKNOWN_TOPIC_OR_PARTITION": "there is no such topic or partition; `distlab log topics` lists them",
    "TOPIC_ALREADY_EXISTS": "there is a topic of that name already",
    "INVALID_TOPIC_EXCEPTION": "a topic's name has letters, digits, '.', '_' and '-', 100 at most",
    "INVALID_PARTITIONS": "a topic has 1 to 64 partitions",
    "INVALID_REPLICATION_FACTOR": "there are not so many brokers to keep a copy each",
    "MESSAGE_TOO_LARGE": "a record and what is sent with it has one megabyte at most",
    "OFFSET_OUT_OF_RANGE": "there is nothing at that offset: it was deleted, or not written yet",
    "INVALID_RECORD": "a record is a line of text in UTF-8",
    "CORRUPT_MESSAGE": "what is stored there does not fit its checksum; another broker has it: crash the leader",
    "NOT_LEADER_OR_FOLLOWER": "whoever was asked does not lead the partition, and a leader could not be found in time",
    "LEADER_NOT_AVAILABLE": "nobody leads the partition: all that were in sync are down",
    "NOT_ENOUGH_REPLICAS": "fewer replicas are in sync than min.insync.replicas asks for; nothing was written",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few replicas were in sync to be sure; it may be in the log",
    "REQUEST_TIMED_OUT": "no answer in time; what was to be written may be in the log",
    "COORDINATOR_NOT_AVAILABLE": "nobody looks after groups now; `distlab log describe` tells who is down",
    "GROUP_ID_NOT_FOUND": "nobody has ever consumed as that group; `distlab log groups` lists them",
    "INVALID_GROUP_ID": "a group's name has letters, digits, '.', '_' and '-', 100 at most",
    "UNKNOWN_MEMBER_ID": "the member is not in its group any more, and another one may read on in its place",
    "UNKNOWN_PRODUCER_ID": "the producer was started anew meanwhile; what was under way may be in the log",
    "SEAT_TAKEN": "all members, or producers, are in use; one is free a moment after whoever uses it ends",
}
"""Error code -> what it means, and what to do."""


class Cluster:
    """A running log, as this program sees it."""

    def __init__(self) -> None:
        from distlab.live.door import NoDoor, Visit

        load_lab(_LAB)
        self.requests: Any = importlib.import_module(f"grading.{_LAB}.serving.requests")
        self.sight: Any = importlib.import_module(f"grading.{_LAB}.serving.sight")
        self.brokers: Any = importlib.import_module(f"labs.{_LAB}.brokers")
        where = own_folder() / "live" / _LAB / "door"
        nobody = "no log is running here. Start one in another terminal: make live LAB=2 KEEP=1"
        try:
            self._visit = Visit(Path(where.read_text()))
        except (FileNotFoundError, NoDoor):
            raise NotReady(nobody) from None

    def ask(self, operation: Operation, node: str = _GATEWAY) -> Any:
        """What the gateway answers, or another node. Raises ``Refusal``."""
        from distlab.live.door import NoDoor

        try:
            outcome = self._visit.ask(node, operation)
        except NoDoor:
            raise NotReady("the log has ended meanwhile") from None
        if isinstance(outcome, Ok):
            return outcome.value
        about = "nobody knows whether it was done" if isinstance(outcome, Info) else ""
        raise Refusal(outcome.reason, about)

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
