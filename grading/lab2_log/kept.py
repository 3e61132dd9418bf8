"""Lab 2 for people to use: brokers, controllers, producers and groups, until Ctrl-C. ``make live LAB=2 KEEP=1``.

All of it is the solution's: brokers (2A to 2C), controllers on their quorum (2D, 2E), producers (2F), coordinators and
members (2G). Between them and ``distlab log`` stands :mod:`grading.lab2_log.serving`.
"""

from __future__ import annotations

from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.grade.live import Kept
from distlab.grade.solution import Solution
from grading.lab2_log.serving.client import ClientConfig
from grading.lab2_log.serving.controllers import Topics, TopicsConfig
from grading.lab2_log.serving.gateway import Gateway, GatewayConfig
from grading.lab2_log.serving.offsets import OffsetsConfig, OffsetsLog
from grading.lab2_log.serving.pens import Pen
from grading.lab2_log.serving.requests import PENS, SEATS
from grading.lab2_log.serving.seats import Seat
from grading.lab2_log.serving.shelf import Shelf
from grading.lab2_log.serving.sight import table
from labs.lab2_log.broker import Broker
from labs.lab2_log.brokers import BrokerConfig, BrokerProbe, LogConfig, Replica
from labs.lab2_log.coordinator import Coordinator
from labs.lab2_log.groups import CoordinatorConfig, MemberConfig
from labs.lab2_log.metadata import Rules
from labs.lab2_log.producing import ProducerConfig

BROKERS = ("b1", "b2", "b3")
CONTROLLERS = ("c1", "c2", "c3")
COORDINATORS = ("g1", "g2")
MIN_INSYNC = 2


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
        controllers=CONTROLLERS,
        log=LogConfig(segment_bytes=64 << 20, segment_age=3600 * SECOND, index_interval=4096),
        min_insync=MIN_INSYNC,
        lag_time=2 * SECOND,
        fetch_wait=200 * MS,
        retry=600 * MS,
        fetch_bytes=1 << 20,
        tend_every=5 * SECOND,
    )
    deciding = TopicsConfig(
        members=tuple(map(Address, CONTROLLERS)),
        heartbeat=100 * MS,
        election=(450 * MS, 900 * MS),
        snapshot_after=100,
        rules=Rules(MIN_INSYNC),
        session=1 * SECOND,
        tend_every=60 * MS,
        brokers=BROKERS,
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
    pen = ProducerConfig(
        BROKERS,
        (),
        CONTROLLERS,
        batch_size=16 << 10,
        linger=5 * MS,
        request_timeout=1 * SECOND,
        retry_backoff=50 * MS,
        retry_backoff_max=400 * MS,
        metadata_retry=200 * MS,
        delivery_timeout=15 * SECOND,
    )
    members = {
        **{name: Member(Topics, deciding) for name in CONTROLLERS},
        **{name: Member(BriefBroker, config) for name in BROKERS},
        "offsets": Member(OffsetsLog, OffsetsConfig(CONTROLLERS, coordinators=COORDINATORS)),
        **{name: Member(Coordinator, keeping) for name in COORDINATORS},
        "shelf": Member(Shelf, ClientConfig(CONTROLLERS)),
        **{name: Member(Seat, seat) for name in SEATS},
        **{name: Member(Pen, pen) for name in PENS},
        "gateway": Member(Gateway, GatewayConfig(CONTROLLERS, coordinators=COORDINATORS)),
    }
    return Kept(
        about=[
            "three brokers, three controllers, min.insync.replicas 2, until Ctrl-C",
            "in another terminal, with .venv/bin/ in front:",
            "  distlab log topics create orders --partitions 2",
            "  distlab log produce orders                    a line is a record",
            "  distlab log consume orders --from-beginning   and with --group audit",
            "  distlab log describe                          leaders, in-sync sets",
            "  distlab log lag audit                         how far a group is",
            "  distlab log crash b1                          kill -9, back in three seconds",
        ],
        cluster=Cluster(members),
        table=table,
    )
