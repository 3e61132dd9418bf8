"""Lab 2 for people to use: three brokers and topics, until Ctrl-C. ``make live LAB=2 KEEP=1``.

The brokers are the solution's. The controller is the world's, and so is the gateway by which ``distlab log`` comes in.
"""

from __future__ import annotations

from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.grade.live import Kept
from distlab.grade.solution import Solution
from grading.lab2_log.serving.client import ClientConfig
from grading.lab2_log.serving.gateway import Gateway, GatewayConfig
from grading.lab2_log.serving.offsets import OffsetsConfig, OffsetsLog
from grading.lab2_log.serving.requests import SEATS
from grading.lab2_log.serving.seats import Seat
from grading.lab2_log.serving.shelf import Shelf
from grading.lab2_log.serving.sight import table
from grading.lab2_log.serving.topics import Topics, TopicsConfig
from labs.lab2_log.broker import Broker
from labs.lab2_log.brokers import BrokerConfig, BrokerProbe, LogConfig, Replica
from labs.lab2_log.coordinator import Coordinator
from labs.lab2_log.groups import CoordinatorConfig, MemberConfig

BROKERS = ("b1", "b2", "b3")
COORDINATORS = ("g1", "g2")


class BriefBroker(Broker):
    """The solution's broker; asked how it is, it does not read all of its log out."""

    def probe(self) -> BrokerProbe:
        return BrokerProbe(
            tuple(
                Replica(
                    partition.name,
                    partition.leader,
                    partition.leader_epoch,
                    partition.isr,
                    partition.log.start,
                    partition.log.end,
                    partition.high_watermark,
                    tuple(partition.epochs),
                )
                for partition in self.partitions.values()
            )
        )


def kept(solution: Solution) -> Kept:
    """The cluster."""
    config = BrokerConfig(
        log=LogConfig(segment_bytes=64 << 20, segment_age=3600 * SECOND, index_interval=4096),
        min_insync=2,
        lag_time=2 * SECOND,
        fetch_wait=200 * MS,
        retry=600 * MS,
        fetch_bytes=1 << 20,
        tend_every=5 * SECOND,
    )
    keeping = CoordinatorConfig("offsets", initial_delay=300 * MS, retry=300 * MS)
    seat = MemberConfig(
        group="",
        topics=(),
        coordinators=COORDINATORS,
        broker="shelf",
        session_timeout=6 * SECOND,
        heartbeat=500 * MS,
        retry=500 * MS,
        metadata_every=2 * SECOND,
        fetch_records=1000,
    )
    members = {
        "controller": Member(Topics, TopicsConfig(BROKERS)),
        **{name: Member(BriefBroker, config) for name in BROKERS},
        "offsets": Member(OffsetsLog, OffsetsConfig(coordinators=COORDINATORS)),
        **{name: Member(Coordinator, keeping) for name in COORDINATORS},
        "shelf": Member(Shelf, ClientConfig()),
        **{name: Member(Seat, seat) for name in SEATS},
        "gateway": Member(Gateway, GatewayConfig(coordinators=COORDINATORS)),
    }
    return Kept(
        about=[
            "three brokers, min.insync.replicas 2, until Ctrl-C",
            "in another terminal, with .venv/bin/ in front:",
            "  distlab log topics create orders --partitions 2",
            "  distlab log produce orders                    a line is a record",
            "  distlab log consume orders --from-beginning",
            "  distlab log describe                          leaders, in-sync sets, lags",
            "  distlab log crash b1                          kill -9, back in three seconds",
        ],
        cluster=Cluster(members),
        table=table,
    )
