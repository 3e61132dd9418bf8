"""Who says what to whom in a consumer group: messages, errors, configs, operations and probes. Given.

The messages are Kafka's, without versions: ``FindCoordinator``, ``JoinGroup``, ``SyncGroup``, ``Heartbeat``,
``LeaveGroup``, ``OffsetCommit``, ``OffsetFetch``, ``ListGroups``, ``DescribeGroup``. All are datagrams: they may be
lost, repeated or overtaken. Each answer carries the ``id`` of its question. A member's ids rise through its life; a
question that is asked again, word for word, has the same id.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Config, Message, Operation

# -- errors -----------------------------------------------------------------------------------------------------------

NONE = ""
NOT_COORDINATOR = "NOT_COORDINATOR"
"""Somebody else looks after groups now; nothing was done."""
LOADING = "COORDINATOR_LOAD_IN_PROGRESS"
"""It will look after groups once it has read the log; nothing was done."""
UNKNOWN_MEMBER = "UNKNOWN_MEMBER_ID"
"""The group does not have that member, or not any more."""
ILLEGAL_GENERATION = "ILLEGAL_GENERATION"
"""The group is in another generation."""
REBALANCE_IN_PROGRESS = "REBALANCE_IN_PROGRESS"
"""Join again."""
INCONSISTENT_PROTOCOL = "INCONSISTENT_GROUP_PROTOCOL"
"""The group uses another assignor."""
FENCED = "FENCED_LEADER_EPOCH"
"""The log has a leader of a newer epoch; nothing was written."""
OUT_OF_RANGE = "OFFSET_OUT_OF_RANGE"
"""There is nothing at that offset, and it is not the end either."""

NO_GENERATION = -1
"""Of a member that has never owned anything; of a commit from outside of the group."""

RANGE, ROUND_ROBIN, STICKY, COOPERATIVE = "range", "roundrobin", "sticky", "cooperative-sticky"
"""Names of assignors. Only the last one leaves members what they own while the group rebalances (KIP-429)."""

EARLIEST, LATEST, NEVER = "earliest", "latest", "none"
"""``auto.offset.reset``: where to begin when nothing is committed, or when what is committed is gone."""


class TopicPartition(Struct, frozen=True, order=True):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


Owned = tuple[TopicPartition, ...]
"""Partitions, in order, none twice."""

# -- members and their coordinator ------------------------------------------------------------------------------------


class FindCoordinator(Message, frozen=True):
    """Who looks after this group? Anybody who could be it may be asked."""

    id: int
    group: str


class CoordinatorFound(Message, frozen=True):
    """Answer to :class:`FindCoordinator`; empty: nobody knows yet."""

    id: int
    coordinator: str


class JoinGroup(Message, frozen=True):
    """I am in the group, or want to be; and I know that it rebalances, or want it to. Answered when all have joined."""

    id: int
    group: str
    member: str
    """A name that nobody else has, in any life."""
    session_timeout: int
    """Whoever is silent for so long is out."""
    rebalance_timeout: int
    """So long the others wait for me to join again."""
    assignor: str
    topics: tuple[str, ...]
    owned: Owned = ()
    """What I own, and keep while the group rebalances; empty where the assignor is not cooperative, unless it is
    sticky: then what I owned just now."""
    owned_generation: int = NO_GENERATION
    """The generation in which that was assigned to me."""


class Subscription(Struct, frozen=True):
    """What a member says of itself: what assignors go by."""

    member: str
    topics: tuple[str, ...]
    owned: Owned = ()
    generation: int = NO_GENERATION
    """That of ``owned``."""


class Joined(Message, frozen=True):
    """Answer to :class:`JoinGroup`: this is the generation, and who leads it."""

    id: int
    error: str = NONE
    generation: int = NO_GENERATION
    member: str = ""
    leader: str = ""
    members: tuple[Subscription, ...] = ()
    """Of all members, for the leader only."""


class Assigned(Struct, frozen=True):
    """What one member gets."""

    member: str
    partitions: Owned = ()


class SyncGroup(Message, frozen=True):
    """What do I get? From the leader: this is what everybody gets."""

    id: int
    group: str
    generation: int
    member: str
    assignment: tuple[Assigned, ...] = ()


class Synced(Message, frozen=True):
    """Answer to :class:`SyncGroup`, once the assignment is in the log."""

    id: int
    error: str = NONE
    generation: int = NO_GENERATION
    partitions: Owned = ()


class Heartbeat(Message, frozen=True):
    """I live, and think that this is the generation."""

    id: int
    group: str
    generation: int
    member: str


class HeartbeatAnswer(Message, frozen=True):
    """Answer to :class:`Heartbeat`."""

    id: int
    error: str = NONE


class LeaveGroup(Message, frozen=True):
    """I go."""

    id: int
    group: str
    member: str


class Left(Message, frozen=True):
    """Answer to :class:`LeaveGroup`."""

    id: int
    error: str = NONE


class Position(Struct, frozen=True):
    """Where the group begins to read when somebody takes over this partition: the offset of the next record."""

    partition: TopicPartition
    offset: int | None
    """None: nothing is committed."""


class OffsetCommit(Message, frozen=True):
    """Everything before these offsets is processed. ``NO_GENERATION`` and no member: from outside of the group (a tool
    that sets offsets), which is allowed while it has no members."""

    id: int
    group: str
    generation: int
    member: str
    positions: tuple[Position, ...]


class OffsetCommitted(Message, frozen=True):
    """Answer to :class:`OffsetCommit`, once it is in the log."""

    id: int
    error: str = NONE


class OffsetFetch(Message, frozen=True):
    """What is committed? With no partitions: everything."""

    id: int
    group: str
    partitions: Owned = ()


class OffsetsFetched(Message, frozen=True):
    """Answer to :class:`OffsetFetch`."""

    id: int
    error: str = NONE
    positions: tuple[Position, ...] = ()


# -- for tools --------------------------------------------------------------------------------------------------------


class ListGroups(Message, frozen=True):
    """Which groups are there?"""

    id: int


class GroupListed(Struct, frozen=True):
    """One group, in short."""

    group: str
    state: str


class GroupsListed(Message, frozen=True):
    """Answer to :class:`ListGroups`, in order."""

    id: int
    error: str = NONE
    groups: tuple[GroupListed, ...] = ()


class DescribeGroup(Message, frozen=True):
    """Tell me about a group."""

    id: int
    group: str


class MemberDescribed(Struct, frozen=True):
    """A member, where it runs, and what it has."""

    member: str
    address: str
    partitions: Owned = ()


class GroupDescribed(Message, frozen=True):
    """Answer to :class:`DescribeGroup`. A group that nobody knows is ``Dead``."""

    id: int
    error: str = NONE
    state: str = "Dead"
    """Empty, PreparingRebalance, CompletingRebalance, Stable or Dead."""
    generation: int = NO_GENERATION
    assignor: str = ""
    members: tuple[MemberDescribed, ...] = ()
    positions: tuple[Position, ...] = ()
    """What is committed. A group's lag in a partition is the high watermark minus that."""


# -- members and the brokers of their topics --------------------------------------------------------------------------


class Metadata(Message, frozen=True):
    """How many partitions have these topics?"""

    id: int
    topics: tuple[str, ...]


class TopicSize(Struct, frozen=True):
    """A topic, and how many partitions it has."""

    topic: str
    partitions: int


class MetadataIs(Message, frozen=True):
    """Answer to :class:`Metadata`."""

    id: int
    topics: tuple[TopicSize, ...]


class Want(Struct, frozen=True):
    """Records of a partition, from that offset on."""

    partition: TopicPartition
    offset: int


class FetchRecords(Message, frozen=True):
    """What is there? The broker waits for up to ``max_wait`` until there is something."""

    id: int
    wants: tuple[Want, ...]
    max_records: int = 10
    """Of each partition."""
    max_wait: int = 0


class Record(Struct, frozen=True):
    """One record, as it is handed to a program."""

    partition: TopicPartition
    offset: int
    value: str


class Found(Struct, frozen=True):
    """What there is in one partition."""

    partition: TopicPartition
    error: str = NONE
    records: tuple[Record, ...] = ()
    log_start: int = 0
    high_watermark: int = 0
    """Where the next record will stand."""


class RecordsFetched(Message, frozen=True):
    """Answer to :class:`FetchRecords`. With offset -1 one asks where a partition begins and ends: no records, no
    error."""

    id: int
    found: tuple[Found, ...] = ()


# -- configs ----------------------------------------------------------------------------------------------------------


class CoordinatorConfig(Config, frozen=True):
    """Of a broker that can look after groups."""

    log: str = "log"
    """Who keeps the log of the groups."""
    initial_delay: int = 40 * MS
    """How long an empty group waits for others when the first member joins (group.initial.rebalance.delay.ms)."""
    retry: int = 40 * MS
    """When to write again what has not been answered."""


class MemberConfig(Config, frozen=True):
    """Of a member, and of the program that uses it."""

    group: str = "g"
    topics: tuple[str, ...] = ("orders",)
    coordinators: tuple[str, ...] = ("k1", "k2")
    broker: str = "broker"
    assignor: str = RANGE
    session_timeout: int = 200 * MS
    heartbeat: int = 40 * MS
    max_poll_interval: int = 400 * MS
    """A program that does not poll for so long is stuck: its member leaves. It is also the rebalance timeout."""
    auto_commit: bool = True
    auto_commit_every: int = 60 * MS
    reset: str = EARLIEST
    retry: int = 50 * MS
    """When to ask again what has not been answered."""
    metadata_every: int = 150 * MS
    """How often the leader looks for new partitions."""
    fetch_records: int = 10
    """How many records to fetch of a partition at a time."""
    poll_records: int = 4
    """How many records the program takes at a time."""
    poll_wait: int = 40 * MS
    """How long the program waits for some."""
    start_at: int = 0
    """When the program begins to poll, by its clock."""
    stop_at: int | None = None
    """When it closes its member."""
    work: int = 4 * MS
    """How long it works on what it takes."""
    commits: bool = False
    """Whether it commits by itself, after each piece of work."""


# -- operations -------------------------------------------------------------------------------------------------------


class Poll(Operation, frozen=True):
    """Take up to ``max_records`` records, waiting for some for up to ``wait``. Calling it says that everything that the
    last poll brought is processed. Ok(tuple of Record); Fail where nothing is committed and reset is ``none``."""

    max_records: int = 4
    wait: int = 40 * MS


class CommitNow(Operation, frozen=True):
    """Commit everything that was polled: the program has processed it. Ok, or Fail if the member has lost its place."""


class Close(Operation, frozen=True):
    """Leave the group. Ok."""


class Handle(Operation, frozen=True):
    """The program works on these records: begun when it takes them, Ok when it is done. Nothing for members to do."""

    records: tuple[Want, ...]
    """Partition and offset of each."""


class Stall(Operation, frozen=True):
    """The program's next piece of work takes so long."""

    duration: int


# -- what they show of themselves -------------------------------------------------------------------------------------


class CoordinatorProbe(Struct, frozen=True):
    """What a coordinator's ``probe`` returns."""

    coordinates: bool
    groups: tuple[GroupListed, ...] = ()


class MemberProbe(Struct, frozen=True):
    """What a member's ``probe`` returns."""

    generation: int
    owned: Owned = ()
