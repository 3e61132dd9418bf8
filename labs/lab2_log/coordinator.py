"""The coordinator of consumer groups (part G2): who is in a group, in which generation, and what it has committed.

Theory of operation. A group is in one of five states::

    Empty ──join──▶ PreparingRebalance ──all have joined──▶ CompletingRebalance ──the leader's assignment──▶ Stable
      ▲                ▲         │                               │ join, leave,                               │
      └──nobody left───┴─────────┘                               ▼ silence               join, leave, silence ▼
                                                          PreparingRebalance                    PreparingRebalance

and ``Dead`` if there is nothing to know about it. *Preparing*, it waits for its members to join again, each for its
rebalance timeout at most; whoever does not is out. Then a new generation begins. *Completing*, it waits for what the
leader, one of the members, makes of it; the coordinator understands nothing of partitions. Once that is in the log all
members get their share, and the group is *Stable*: members are told by their heartbeats when it no longer is.

A member that is silent for its session timeout is out. While it waits for an answer to its JoinGroup it cannot speak,
and is not silent.

Fencing. What a member commits is taken if it is a member, and its generation is the group's. So a zombie, which was
thrown out and does not know, cannot put back an offset that another has committed since.

Everything that is said is in the log before it is said: assignments, commits. A coordinator that takes over reads the
log, and goes on in the same generation; nobody has to join again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import Address, Node, Timer
from labs.lab2_log.group_log import (
    Appended,
    AskLog,
    Entry,
    GroupLog,
    GroupRecord,
    Lead,
    Loaded,
    MemberRecord,
    OffsetRecord,
)
from labs.lab2_log.groups import (
    ILLEGAL_GENERATION,
    INCONSISTENT_PROTOCOL,
    LOADING,
    NO_GENERATION,
    NONE,
    NOT_COORDINATOR,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER,
    Assigned,
    CoordinatorConfig,
    CoordinatorFound,
    CoordinatorProbe,
    DescribeGroup,
    FindCoordinator,
    GroupDescribed,
    GroupListed,
    GroupsListed,
    Heartbeat,
    HeartbeatAnswer,
    Joined,
    JoinGroup,
    LeaveGroup,
    Left,
    ListGroups,
    MemberDescribed,
    OffsetCommit,
    OffsetCommitted,
    OffsetFetch,
    OffsetsFetched,
    Owned,
    Position,
    Subscription,
    Synced,
    SyncGroup,
    TopicPartition,
)

EMPTY, PREPARING, COMPLETING = "Empty", "PreparingRebalance", "CompletingRebalance"
STABLE, DEAD = "Stable", "Dead"


class Session(Timer, frozen=True):
    """The member has been silent for its session timeout."""

    group: str
    member: str


class RebalanceDue(Timer, frozen=True):
    """Who has not joined again by now is out."""

    group: str
    generation: int
    """The one that ends."""


@dataclass
class GroupMember:
    """What the coordinator remembers of a member."""

    subscription: Subscription
    address: Address
    session_timeout: int
    rebalance_timeout: int
    join: int
    """Id of its last JoinGroup."""
    awaits_join: bool = False
    """Whether that is unanswered."""
    has_answer: bool = True
    """Whether it has spoken in this generation, and so has got the answer."""
    sync: int | None = None
    """Id of its SyncGroup, while that is unanswered."""


@dataclass
class Group:
    """One group."""

    name: str
    state: str = EMPTY
    generation: int = NO_GENERATION
    assignor: str = ""
    leader: str = ""
    members: dict[str, GroupMember] = field(default_factory=dict)
    assignment: dict[str, Owned] = field(default_factory=dict)
    is_writing: bool = False
    """Whether the leader's assignment is on its way to the log."""
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    accepted: dict[TopicPartition, tuple[str, int]] = field(default_factory=dict)
    """Partition -> who sent the newest commit that was accepted for it, and its id."""
    unanswered: dict[tuple[str, int], Address] = field(default_factory=dict)
    """(member, id of its commit) -> whom to answer once it is in the log."""


class Coordinator(Node):
    """A broker that looks after groups while it leads their log."""

    config: CoordinatorConfig
    journal: GroupLog
    groups: dict[str, Group]

    def on_start(self) -> None:
        self.journal = GroupLog(life=self.random.getrandbits(40))
        self.groups = {}

    def probe(self) -> CoordinatorProbe:
        groups = tuple(GroupListed(g.name, g.state) for _, g in sorted(self.groups.items()))
        return CoordinatorProbe(self.journal.is_ready(self), groups)

    def refusal(self) -> str:
        """Why this node cannot say anything about groups now; empty if it can. Given."""
        if not self.journal.leads(self):
            return NOT_COORDINATOR
        return NONE if self.journal.is_ready(self) else LOADING

    # -- the log ------------------------------------------------------------------------------------------------------

    def on_lead(self, lead: Lead, sender: Address) -> None:
        if self.journal.heard(self, lead, sender):
            self.groups = {}

    def on_ask_log(self, _: AskLog) -> None:
        self.journal.ask(self)

    def on_loaded(self, answer: Loaded, sender: Address) -> None:
        records, is_all = self.journal.loaded(self, answer)
        for record in records:
            self.read(record)
        if is_all:
            self.take_over()

    def on_appended(self, answer: Appended, sender: Address) -> None:
        for record in self.journal.appended(self, answer):
            self.written(record)

    def read(self, record: Entry) -> None:
        """A record of the log, after a fail-over, oldest first: what it says is how things are."""
        raise NotImplementedError("G2: take over what the record says")

    def take_over(self) -> None:
        """The log has been read to its end."""
        raise NotImplementedError("G2: the members' sessions begin anew")

    def written(self, record: Entry) -> None:
        """What we asked to be written is in the log: now it may be said."""
        raise NotImplementedError("G2: answer whoever waits for it")

    # -- joining ------------------------------------------------------------------------------------------------------

    def on_find_coordinator(self, ask: FindCoordinator, sender: Address) -> None:
        self.send(sender, CoordinatorFound(ask.id, self.journal.leader))

    def on_join_group(self, ask: JoinGroup, sender: Address) -> None:
        raise NotImplementedError(
            "G2: a new member, or one that joins again; or a question that was answered before"
        )

    def join_again(self, group: Group, member: GroupMember) -> None:
        """A JoinGroup comes once more. If the answer was lost the member waits for it; else this is an echo."""
        raise NotImplementedError("G2: answer again; but the generation may be over by now")

    def prepare(self, group: Group) -> None:
        """Wait for all members to join again; in an empty group, for others to come."""
        raise NotImplementedError("G2: PreparingRebalance, with a time limit")

    def on_rebalance_due(self, due: RebalanceDue) -> None:
        raise NotImplementedError("G2: go on without those who did not come")

    def complete(self, group: Group) -> None:
        """All have joined: the next generation begins, and its leader decides."""
        raise NotImplementedError("G2: the next generation; answer all who wait")

    def answer_join(self, group: Group, member: GroupMember) -> None:
        """Tell a member of the generation that has begun."""
        raise NotImplementedError("G2: only the leader is told of all")

    def on_sync_group(self, ask: SyncGroup, sender: Address) -> None:
        raise NotImplementedError("G2: the leader's goes into the log; the others wait for it")

    def answer_sync(self, group: Group, member: GroupMember, number: int) -> None:
        """Tell a member what it gets."""
        raise NotImplementedError("G2: its share, or nothing")

    # -- living -------------------------------------------------------------------------------------------------------

    def hear(self, group: Group, member: GroupMember) -> None:
        """The member has spoken: its session goes on."""
        raise NotImplementedError("G2: watch it anew")

    def on_session(self, session: Session) -> None:
        raise NotImplementedError("G2: it is out")

    def on_heartbeat(self, ask: Heartbeat, sender: Address) -> None:
        raise NotImplementedError("G2: who is not one of us is told so; and whether to join again")

    def on_leave_group(self, ask: LeaveGroup, sender: Address) -> None:
        raise NotImplementedError("G2: it need not be waited for")

    def remove(self, group: Group, name: str) -> None:
        """A member is out: the others share what it had."""
        raise NotImplementedError("G2: rebalance, or the group is empty")

    # TODO G2: your own helpers

    # -- offsets ------------------------------------------------------------------------------------------------------

    def on_offset_commit(self, ask: OffsetCommit, sender: Address) -> None:
        raise NotImplementedError("G2: fence; note in the log what is new")

    def may_not_commit(self, group: Group, ask: OffsetCommit) -> str:
        """Why this commit is refused; empty if it is not."""
        raise NotImplementedError(
            "G2: members of this generation only; while there are none, tools"
        )

    def is_overtaken(self, group: Group, position: Position, ask: OffsetCommit) -> bool:
        """Whether the member has committed something newer for that partition; or this."""
        raise NotImplementedError("G2: ids of one member rise")

    def on_offset_fetch(self, ask: OffsetFetch, sender: Address) -> None:
        raise NotImplementedError("G2: what is in the log")

    # -- tools --------------------------------------------------------------------------------------------------------

    def on_list_groups(self, ask: ListGroups, sender: Address) -> None:
        self.send(sender, GroupsListed(ask.id, self.refusal(), self.probe().groups))

    def on_describe_group(self, ask: DescribeGroup, sender: Address) -> None:
        raise NotImplementedError("G2: everything that a tool may want to know")
