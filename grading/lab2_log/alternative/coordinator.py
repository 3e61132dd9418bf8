"""A coordinator built otherwise: messages are only noted down; one function looks at a group and does what is due.

There is one timer, a pulse, and deadlines are numbers. A group has no table of transitions: whether it rebalances
follows from what its members wait for. An assignment is *the newest one in the log*; what is not there does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import MS, Address, Message, Node, Timer
from labs.lab2_log.group_log import (
    Appended,
    AskLog,
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

PULSE = 10 * MS


class Pulse(Timer, frozen=True):
    """Time to look at the deadlines."""


@dataclass
class Seat:
    """One member's place."""

    record: MemberRecord
    until: int | None
    """When its session ends; None while it waits for a generation to begin."""
    is_deaf: bool = False
    """Has been told of the generation, and has not shown that it heard."""
    wants_share: int | None = None
    """Id of its SyncGroup."""


@dataclass
class Table:
    """One group: who sits at it, and what is settled."""

    name: str
    generation: int = -1
    assignor: str = ""
    leader: str = ""
    seats: dict[str, Seat] = field(default_factory=dict)
    gather_until: int | None = None
    """Set while the next generation gathers."""
    opens: bool = False
    """Whether it is the first to gather after the table was empty: then all come at once or not, we wait."""
    plan: GroupRecord | None = None
    """This generation's assignment, in the log or on its way."""
    is_settled: bool = False
    """Whether it is in the log."""
    offsets: dict[TopicPartition, tuple[int, str, int]] = field(default_factory=dict)
    """Partition -> offset, who committed it, in which message; as in the log."""
    pending: dict[tuple[str, int], tuple[Address, tuple[Position, ...]]] = field(
        default_factory=dict
    )

    @property
    def state(self) -> str:
        if self.gather_until is not None:
            return "PreparingRebalance"
        if not self.seats:
            return "Empty"
        return "Stable" if self.is_settled else "CompletingRebalance"


class Coordinator(Node):
    """Looks after groups while it leads their log."""

    config: CoordinatorConfig
    journal: GroupLog
    tables: dict[str, Table]

    def on_start(self) -> None:
        self.journal = GroupLog(life=self.random.getrandbits(40))
        self.tables = {}
        self.set_timer(Pulse(), PULSE)

    def probe(self) -> CoordinatorProbe:
        listed = tuple(GroupListed(t.name, t.state) for _, t in sorted(self.tables.items()))
        return CoordinatorProbe(self.journal.is_ready(self), listed)

    def on_pulse(self, _: Pulse) -> None:
        self.set_timer(Pulse(), PULSE)
        if self.journal.is_ready(self):
            for table in self.tables.values():
                self.settle(table)

    # -- the log ------------------------------------------------------------------------------------------------------

    def on_lead(self, lead: Lead, sender: Address) -> None:
        if self.journal.heard(self, lead, sender):
            self.tables.clear()

    def on_ask_log(self, _: AskLog) -> None:
        self.journal.ask(self)

    def on_loaded(self, answer: Loaded, sender: Address) -> None:
        records, _ = self.journal.loaded(self, answer)
        for record in records:
            self.happened(record)

    def on_appended(self, answer: Appended, sender: Address) -> None:
        for record in self.journal.appended(self, answer):
            self.happened(record)

    def happened(self, record: GroupRecord | OffsetRecord) -> None:
        """A record is in the log; ours, or one of those before us."""
        table = self.tables.setdefault(record.group, Table(record.group))
        if isinstance(record, OffsetRecord):
            for position in record.positions:
                if position.offset is not None:
                    table.offsets[position.partition] = (
                        position.offset,
                        record.member,
                        record.id,
                    )
            waiting = table.pending.pop((record.member, record.id), None)
            if waiting is not None:
                self.send(waiting[0], OffsetCommitted(record.id))
            return
        if self.journal.is_loading or record.generation > table.generation:
            self.inherit(table, record)
        elif record is table.plan and table.gather_until is None:
            table.is_settled = True
        self.settle(table)

    def inherit(self, table: Table, record: GroupRecord) -> None:
        """What another coordinator settled is settled."""
        table.generation, table.assignor = record.generation, record.assignor
        table.leader, table.plan, table.is_settled = record.leader, record, True
        table.seats = {
            m.subscription.member: Seat(m, self.now_plus(m.session_timeout)) for m in record.members
        }

    def now_plus(self, duration: int) -> int:
        return self.monotonic() + duration

    # -- what is due? -------------------------------------------------------------------------------------------------

    def settle(self, table: Table) -> None:
        """Do all that is due at this table."""
        now = self.monotonic()
        gone = [n for n, s in table.seats.items() if s.until is not None and s.until <= now]
        for name in gone:
            del table.seats[name]
        if gone:
            self.gather(table)
        if table.gather_until is not None:
            everybody = all(seat.until is None for seat in table.seats.values())
            if now >= table.gather_until or (everybody and not table.opens):
                self.open_generation(table)
        if table.is_settled and table.gather_until is None:
            for name, seat in table.seats.items():
                if seat.wants_share is not None:
                    self.tell_share(table, name, seat)

    def gather(self, table: Table) -> None:
        """The generation is over; wait for all to join again."""
        if table.gather_until is not None:
            return
        limit = max((s.record.rebalance_timeout for s in table.seats.values()), default=0)
        table.opens = not table.leader
        table.gather_until = self.now_plus(self.config.initial_delay if table.opens else limit)
        table.is_settled = False
        for seat in table.seats.values():
            if seat.wants_share is not None:
                answer = Synced(seat.wants_share, REBALANCE_IN_PROGRESS)
                self.send(Address(seat.record.address), answer)
                seat.wants_share = None

    def open_generation(self, table: Table) -> None:
        """The next generation, of those who came."""
        table.seats = {name: seat for name, seat in table.seats.items() if seat.until is None}
        table.generation += 1
        table.gather_until, table.plan, table.is_settled = None, None, False
        if not table.seats:
            table.leader = ""
            table.plan = GroupRecord(table.name, table.generation)
            self.journal.write(self, table.plan)
            return
        if table.leader not in table.seats:
            table.leader = min(table.seats)
        for name, seat in table.seats.items():
            seat.is_deaf = True
            self.tell_generation(table, name, seat)

    def tell_generation(self, table: Table, name: str, seat: Seat) -> None:
        seat.until = self.now_plus(seat.record.session_timeout)
        everybody = tuple(s.record.subscription for _, s in sorted(table.seats.items()))
        answer = Joined(
            seat.record.join,
            "",
            table.generation,
            name,
            table.leader,
            everybody if name == table.leader else (),
        )
        self.send(Address(seat.record.address), answer)

    def tell_share(self, table: Table, name: str, seat: Seat) -> None:
        number, seat.wants_share = seat.wants_share, None
        if number is not None:
            answer = Synced(number, "", table.generation, self.share(table, name))
            self.send(Address(seat.record.address), answer)

    def share(self, table: Table, name: str) -> Owned:
        shares = table.plan.assignment if table.plan is not None else ()
        return next((a.partitions for a in shares if a.member == name), ())

    # -- what is said -------------------------------------------------------------------------------------------------

    def wrong(self, group: str, member: str, generation: int | None = None) -> str:
        """Why we may not listen to this member; empty if we may."""
        if not self.journal.leads(self):
            return NOT_COORDINATOR
        if not self.journal.is_ready(self):
            return LOADING
        table = self.tables.get(group)
        if table is None or member not in table.seats:
            return UNKNOWN_MEMBER
        if generation not in (None, table.generation):
            return ILLEGAL_GENERATION
        return ""

    def listen(self, group: str, member: str) -> tuple[Table, Seat]:
        """It has spoken, and knows the generation."""
        table = self.tables[group]
        seat = table.seats[member]
        seat.is_deaf = False
        if seat.until is not None:
            seat.until = self.now_plus(seat.record.session_timeout)
        return table, seat

    def on_find_coordinator(self, ask: FindCoordinator, sender: Address) -> None:
        self.send(sender, CoordinatorFound(ask.id, self.journal.leader))

    def on_join_group(self, ask: JoinGroup, sender: Address) -> None:
        error = self.wrong(ask.group, ask.member)
        if error not in ("", UNKNOWN_MEMBER):
            self.send(sender, Joined(ask.id, error))
            return
        table = self.tables.setdefault(ask.group, Table(ask.group))
        if set(table.seats) - {ask.member} and table.assignor != ask.assignor:
            self.send(sender, Joined(ask.id, INCONSISTENT_PROTOCOL))
            return
        seat = table.seats.get(ask.member)
        if seat is not None and ask.id < seat.record.join:
            return
        if seat is not None and ask.id == seat.record.join:
            if table.gather_until is None:
                self.tell_generation(table, ask.member, seat)
            elif seat.is_deaf:
                seat.until = None
            return
        table.assignor = ask.assignor
        record = MemberRecord(
            Subscription(ask.member, ask.topics, ask.owned, ask.owned_generation),
            sender,
            ask.session_timeout,
            ask.rebalance_timeout,
            ask.id,
        )
        table.seats[ask.member] = Seat(record, None, True)
        self.gather(table)
        self.settle(table)

    def on_sync_group(self, ask: SyncGroup, sender: Address) -> None:
        if error := self.wrong(ask.group, ask.member, ask.generation):
            self.send(sender, Synced(ask.id, error))
            return
        table, seat = self.listen(ask.group, ask.member)
        if table.gather_until is not None:
            self.send(sender, Synced(ask.id, REBALANCE_IN_PROGRESS))
            return
        seat.wants_share = ask.id
        if table.plan is None and ask.member == table.leader:
            self.plan(table, ask.assignment)
        self.settle(table)

    def plan(self, table: Table, assignment: tuple[Assigned, ...]) -> None:
        """The leader has decided: into the log."""
        members = tuple(seat.record for _, seat in sorted(table.seats.items()))
        table.plan = GroupRecord(
            table.name, table.generation, table.assignor, table.leader, members, assignment
        )
        self.journal.write(self, table.plan)

    def on_heartbeat(self, ask: Heartbeat, sender: Address) -> None:
        error = self.wrong(ask.group, ask.member, ask.generation)
        if not error:
            table, _ = self.listen(ask.group, ask.member)
            error = REBALANCE_IN_PROGRESS if table.gather_until is not None else ""
        self.send(sender, HeartbeatAnswer(ask.id, error))

    def on_leave_group(self, ask: LeaveGroup, sender: Address) -> None:
        error = self.wrong(ask.group, ask.member)
        self.send(sender, Left(ask.id, error))
        if not error and ask.id > self.tables[ask.group].seats[ask.member].record.join:
            table = self.tables[ask.group]
            del table.seats[ask.member]
            self.gather(table)
            self.settle(table)

    # -- offsets ------------------------------------------------------------------------------------------------------

    def on_offset_commit(self, ask: OffsetCommit, sender: Address) -> None:
        is_tool = not ask.member and ask.generation == -1
        error = self.wrong(ask.group, ask.member, ask.generation)
        if is_tool and error == UNKNOWN_MEMBER:
            table = self.tables.setdefault(ask.group, Table(ask.group))
            error = UNKNOWN_MEMBER if table.seats else ""
        if not error and not is_tool:
            table, _ = self.listen(ask.group, ask.member)
            error = REBALANCE_IN_PROGRESS if table.state == "CompletingRebalance" else ""
        if error:
            self.send(sender, OffsetCommitted(ask.id, error))
            return
        news = tuple(p for p in ask.positions if is_tool or self.is_news(table, p, ask))
        if news:
            table.pending[ask.member, ask.id] = sender, news
            self.journal.write(self, OffsetRecord(table.name, news, ask.member, ask.id))
        elif not any(who == ask.member for who, _ in table.pending):
            self.send(sender, OffsetCommitted(ask.id))

    def is_news(self, table: Table, position: Position, ask: OffsetCommit) -> bool:
        """Whether nothing newer of that member is in the log, or on its way."""
        part = position.partition
        _, who, number = table.offsets.get(part, (0, "", 0))
        newest = number if who == ask.member else 0
        for (member, pending), (_, positions) in table.pending.items():
            if member == ask.member and any(p.partition == part for p in positions):
                newest = max(newest, pending)
        return ask.id > newest

    def on_offset_fetch(self, ask: OffsetFetch, sender: Address) -> None:
        error = self.wrong(ask.group, "")
        if error != UNKNOWN_MEMBER:
            self.send(sender, OffsetsFetched(ask.id, error))
            return
        table = self.tables.get(ask.group, Table(ask.group))
        answer = tuple(
            Position(part, table.offsets[part][0] if part in table.offsets else None)
            for part in ask.partitions or sorted(table.offsets)
        )
        self.send(sender, OffsetsFetched(ask.id, "", answer))

    # -- tools --------------------------------------------------------------------------------------------------------

    def on_list_groups(self, ask: ListGroups, sender: Address) -> None:
        error = self.wrong("", "")
        answer: Message = GroupsListed(ask.id, error)
        if error == UNKNOWN_MEMBER:
            answer = GroupsListed(ask.id, "", self.probe().groups)
        self.send(sender, answer)

    def on_describe_group(self, ask: DescribeGroup, sender: Address) -> None:
        error = self.wrong(ask.group, "")
        table = self.tables.get(ask.group)
        if error != UNKNOWN_MEMBER or table is None:
            self.send(sender, GroupDescribed(ask.id, "" if error == UNKNOWN_MEMBER else error))
            return
        members = tuple(
            MemberDescribed(name, seat.record.address, self.share(table, name))
            for name, seat in sorted(table.seats.items())
        )
        positions = tuple(Position(p, o[0]) for p, o in sorted(table.offsets.items()))
        self.send(
            sender,
            GroupDescribed(
                ask.id, "", table.state, table.generation, table.assignor, members, positions
            ),
        )
