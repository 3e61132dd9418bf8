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
        # BEGIN SOLUTION G2: take over what the record says
        group = self.groups.setdefault(record.group, Group(record.group))
        if isinstance(record, OffsetRecord):
            self.note_offsets(group, record)
            for position in record.positions:
                group.accepted[position.partition] = record.member, record.id
            return
        group.generation, group.assignor = record.generation, record.assignor
        group.leader = record.leader
        group.members = {
            m.subscription.member: GroupMember(
                m.subscription,
                Address(m.address),
                m.session_timeout,
                m.rebalance_timeout,
                m.join,
            )
            for m in record.members
        }
        group.assignment = {a.member: a.partitions for a in record.assignment}
        group.state = STABLE if group.members else EMPTY
        # END SOLUTION

    def take_over(self) -> None:
        """The log has been read to its end."""
        # BEGIN SOLUTION G2: the members' sessions begin anew
        for group in self.groups.values():
            for member in group.members.values():
                self.hear(group, member)
        # END SOLUTION

    def written(self, record: Entry) -> None:
        """What we asked to be written is in the log: now it may be said."""
        # BEGIN SOLUTION G2: answer whoever waits for it
        group = self.groups[record.group]
        if isinstance(record, OffsetRecord):
            self.note_offsets(group, record)
            address = group.unanswered.pop((record.member, record.id), None)
            if address is not None:
                self.send(address, OffsetCommitted(record.id))
        elif group.state == COMPLETING and group.generation == record.generation:
            group.state = STABLE
            group.assignment = {a.member: a.partitions for a in record.assignment}
            for member in group.members.values():
                if member.sync is not None:
                    self.answer_sync(group, member, member.sync)
        # END SOLUTION

    # -- joining ------------------------------------------------------------------------------------------------------

    def on_find_coordinator(self, ask: FindCoordinator, sender: Address) -> None:
        self.send(sender, CoordinatorFound(ask.id, self.journal.leader))

    def on_join_group(self, ask: JoinGroup, sender: Address) -> None:
        # BEGIN SOLUTION G2: a new member, or one that joins again; or a question that was answered before
        if error := self.refusal():
            self.send(sender, Joined(ask.id, error))
            return
        group = self.groups.setdefault(ask.group, Group(ask.group))
        known = group.members.get(ask.member)
        if known is not None and ask.id <= known.join:
            if ask.id == known.join:
                self.join_again(group, known)
            return
        if any(name != ask.member for name in group.members) and group.assignor != ask.assignor:
            self.send(sender, Joined(ask.id, INCONSISTENT_PROTOCOL))
            return
        group.assignor = ask.assignor
        group.members[ask.member] = GroupMember(
            Subscription(ask.member, ask.topics, ask.owned, ask.owned_generation),
            sender,
            ask.session_timeout,
            ask.rebalance_timeout,
            ask.id,
            awaits_join=True,
        )
        self.cancel_timer(Session(group.name, ask.member))
        self.prepare(group)
        # END SOLUTION

    def join_again(self, group: Group, member: GroupMember) -> None:
        """A JoinGroup comes once more. If the answer was lost the member waits for it; else this is an echo."""
        # BEGIN SOLUTION G2: answer again; but the generation may be over by now
        if group.state in (COMPLETING, STABLE):
            self.answer_join(group, member)
            self.hear(group, member)
        elif not member.has_answer:
            member.awaits_join = True
            self.cancel_timer(Session(group.name, member.subscription.member))
            self.prepare(group)
        # END SOLUTION

    def prepare(self, group: Group) -> None:
        """Wait for all members to join again; in an empty group, for others to come."""
        # BEGIN SOLUTION G2: PreparingRebalance, with a time limit
        if group.state != PREPARING:
            for member in group.members.values():
                if member.sync is not None:
                    self.send(member.address, Synced(member.sync, REBALANCE_IN_PROGRESS))
                    member.sync = None
            was_empty, group.state = group.state == EMPTY, PREPARING
            group.is_writing = False
            limit = max(m.rebalance_timeout for m in group.members.values())
            due = RebalanceDue(group.name, group.generation)
            self.set_timer(due, self.config.initial_delay if was_empty else limit)
            if was_empty:
                return
        if group.leader and all(m.awaits_join for m in group.members.values()):
            self.complete(group)
        # END SOLUTION

    def on_rebalance_due(self, due: RebalanceDue) -> None:
        # BEGIN SOLUTION G2: go on without those who did not come
        group = self.groups.get(due.group)
        if group is None or (group.state, group.generation) != (PREPARING, due.generation):
            return
        for name in [name for name, m in group.members.items() if not m.awaits_join]:
            self.forget(group, name)
        self.complete(group)
        # END SOLUTION

    def complete(self, group: Group) -> None:
        """All have joined: the next generation begins, and its leader decides."""
        # BEGIN SOLUTION G2: the next generation; answer all who wait
        self.cancel_timer(RebalanceDue(group.name, group.generation))
        group.generation += 1
        group.assignment, group.is_writing = {}, False
        if not group.members:
            group.state, group.leader = EMPTY, ""
            self.journal.write(self, GroupRecord(group.name, group.generation))
            return
        group.state = COMPLETING
        if group.leader not in group.members:
            group.leader = next(iter(group.members))
        for member in group.members.values():
            member.has_answer = False
            self.answer_join(group, member)
            self.hear(group, member)
        # END SOLUTION

    def answer_join(self, group: Group, member: GroupMember) -> None:
        """Tell a member of the generation that has begun."""
        # BEGIN SOLUTION G2: only the leader is told of all
        name = member.subscription.member
        members = tuple(m.subscription for m in group.members.values())
        member.awaits_join = False
        self.send(
            member.address,
            Joined(
                member.join,
                NONE,
                group.generation,
                name,
                group.leader,
                members if name == group.leader else (),
            ),
        )
        # END SOLUTION

    def on_sync_group(self, ask: SyncGroup, sender: Address) -> None:
        # BEGIN SOLUTION G2: the leader's goes into the log; the others wait for it
        group = self.groups.get(ask.group, Group(ask.group))
        if error := self.refusal() or self.not_one_of_us(group, ask.member, ask.generation):
            self.send(sender, Synced(ask.id, error))
            return
        member = group.members[ask.member]
        self.note_speaking(group, member)
        if group.state == PREPARING:
            self.send(sender, Synced(ask.id, REBALANCE_IN_PROGRESS))
        elif group.state == STABLE:
            self.answer_sync(group, member, ask.id)
        else:
            member.sync = ask.id
            if ask.member == group.leader and not group.is_writing:
                group.is_writing = True
                self.journal.write(self, self.record_of(group, ask.assignment))
        # END SOLUTION

    def answer_sync(self, group: Group, member: GroupMember, number: int) -> None:
        """Tell a member what it gets."""
        # BEGIN SOLUTION G2: its share, or nothing
        mine = group.assignment.get(member.subscription.member, ())
        member.sync = None
        self.send(member.address, Synced(number, NONE, group.generation, mine))
        # END SOLUTION

    # -- living -------------------------------------------------------------------------------------------------------

    def hear(self, group: Group, member: GroupMember) -> None:
        """The member has spoken: its session goes on."""
        # BEGIN SOLUTION G2: watch it anew
        if not member.awaits_join:
            session = Session(group.name, member.subscription.member)
            self.set_timer(session, member.session_timeout)
        # END SOLUTION

    def on_session(self, session: Session) -> None:
        # BEGIN SOLUTION G2: it is out
        group = self.groups.get(session.group)
        member = group.members.get(session.member) if group is not None else None
        if group is not None and member is not None and not member.awaits_join:
            self.remove(group, session.member)
        # END SOLUTION

    def on_heartbeat(self, ask: Heartbeat, sender: Address) -> None:
        # BEGIN SOLUTION G2: who is not one of us is told so; and whether to join again
        group = self.groups.get(ask.group, Group(ask.group))
        error = self.refusal() or self.not_one_of_us(group, ask.member, ask.generation)
        if not error:
            self.note_speaking(group, group.members[ask.member])
            error = REBALANCE_IN_PROGRESS if group.state == PREPARING else NONE
        self.send(sender, HeartbeatAnswer(ask.id, error))
        # END SOLUTION

    def on_leave_group(self, ask: LeaveGroup, sender: Address) -> None:
        # BEGIN SOLUTION G2: it need not be waited for
        group = self.groups.get(ask.group, Group(ask.group))
        error = self.refusal() or (NONE if ask.member in group.members else UNKNOWN_MEMBER)
        if not error:
            if ask.id < group.members[ask.member].join:
                return  # an echo: it has come back since
            self.remove(group, ask.member)
        self.send(sender, Left(ask.id, error))
        # END SOLUTION

    def remove(self, group: Group, name: str) -> None:
        """A member is out: the others share what it had."""
        # BEGIN SOLUTION G2: rebalance, or the group is empty
        self.forget(group, name)
        if not group.members:
            self.complete(group)
        else:
            self.prepare(group)
        # END SOLUTION

    # BEGIN SOLUTION G2: your own helpers
    def note_speaking(self, group: Group, member: GroupMember) -> None:
        """The member has said something in this generation."""
        member.has_answer = True
        self.hear(group, member)

    def forget(self, group: Group, name: str) -> None:
        del group.members[name]
        self.cancel_timer(Session(group.name, name))

    def not_one_of_us(self, group: Group, member: str, generation: int) -> str:
        """Why a member may not speak in that generation; empty if it may."""
        if member not in group.members:
            return UNKNOWN_MEMBER
        return NONE if generation == group.generation else ILLEGAL_GENERATION

    def record_of(self, group: Group, assignment: tuple[Assigned, ...]) -> GroupRecord:
        members = tuple(
            MemberRecord(m.subscription, m.address, m.session_timeout, m.rebalance_timeout, m.join)
            for m in group.members.values()
        )
        return GroupRecord(
            group.name, group.generation, group.assignor, group.leader, members, assignment
        )

    def note_offsets(self, group: Group, record: OffsetRecord) -> None:
        for position in record.positions:
            if position.offset is not None:
                group.committed[position.partition] = position.offset

    # END SOLUTION

    # -- offsets ------------------------------------------------------------------------------------------------------

    def on_offset_commit(self, ask: OffsetCommit, sender: Address) -> None:
        # BEGIN SOLUTION G2: fence; note in the log what is new
        group = self.groups.get(ask.group, Group(ask.group))
        error = self.refusal() or self.may_not_commit(group, ask)
        if error:
            self.send(sender, OffsetCommitted(ask.id, error))
            return
        group = self.groups.setdefault(ask.group, group)
        if ask.member:
            self.note_speaking(group, group.members[ask.member])
        fresh = tuple(p for p in ask.positions if not self.is_overtaken(group, p, ask))
        if fresh:
            for position in fresh:
                group.accepted[position.partition] = ask.member, ask.id
            group.unanswered[ask.member, ask.id] = sender
            self.journal.write(self, OffsetRecord(group.name, fresh, ask.member, ask.id))
        elif not any(member == ask.member for member, _ in group.unanswered):
            self.send(sender, OffsetCommitted(ask.id))
        # END SOLUTION

    def may_not_commit(self, group: Group, ask: OffsetCommit) -> str:
        """Why this commit is refused; empty if it is not."""
        # BEGIN SOLUTION G2: members of this generation only; while there are none, tools
        if (ask.member, ask.generation) == ("", NO_GENERATION):
            return UNKNOWN_MEMBER if group.members else NONE
        if error := self.not_one_of_us(group, ask.member, ask.generation):
            return error
        return REBALANCE_IN_PROGRESS if group.state == COMPLETING else NONE
        # END SOLUTION

    def is_overtaken(self, group: Group, position: Position, ask: OffsetCommit) -> bool:
        """Whether the member has committed something newer for that partition; or this."""
        # BEGIN SOLUTION G2: ids of one member rise
        member, number = group.accepted.get(position.partition, ("", -1))
        return bool(ask.member) and member == ask.member and number >= ask.id
        # END SOLUTION

    def on_offset_fetch(self, ask: OffsetFetch, sender: Address) -> None:
        # BEGIN SOLUTION G2: what is in the log
        if error := self.refusal():
            self.send(sender, OffsetsFetched(ask.id, error))
            return
        committed = self.groups.get(ask.group, Group(ask.group)).committed
        wanted = ask.partitions or tuple(sorted(committed))
        positions = tuple(Position(p, committed.get(p)) for p in wanted)
        self.send(sender, OffsetsFetched(ask.id, NONE, positions))
        # END SOLUTION

    # -- tools --------------------------------------------------------------------------------------------------------

    def on_list_groups(self, ask: ListGroups, sender: Address) -> None:
        self.send(sender, GroupsListed(ask.id, self.refusal(), self.probe().groups))

    def on_describe_group(self, ask: DescribeGroup, sender: Address) -> None:
        # BEGIN SOLUTION G2: everything that a tool may want to know
        if error := self.refusal():
            self.send(sender, GroupDescribed(ask.id, error))
            return
        group = self.groups.get(ask.group, Group(ask.group, DEAD))
        members = tuple(
            MemberDescribed(name, m.address, group.assignment.get(name, ()))
            for name, m in sorted(group.members.items())
        )
        positions = tuple(Position(p, offset) for p, offset in sorted(group.committed.items()))
        self.send(
            sender,
            GroupDescribed(
                ask.id, NONE, group.state, group.generation, group.assignor, members, positions
            ),
        )
        # END SOLUTION
