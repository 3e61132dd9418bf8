"""Bugs of part G2: fences with holes, promises that are not in the log, members that are waited for or thrown out."""

from __future__ import annotations

from distlab.core import MS, Address
from distlab.grade.lab import bug
from labs.lab2_log.coordinator import (
    COMPLETING,
    EMPTY,
    PREPARING,
    STABLE,
    Coordinator,
    Group,
    GroupMember,
    RebalanceDue,
    Session,
)
from labs.lab2_log.group_log import Entry, GroupRecord, OffsetRecord
from labs.lab2_log.groups import (
    NONE,
    UNKNOWN_MEMBER,
    Heartbeat,
    HeartbeatAnswer,
    LeaveGroup,
    OffsetCommit,
    OffsetCommitted,
    Position,
    SyncGroup,
)


class AnyGeneration(Coordinator):
    """Members are asked for their names, not for their generation: a zombie that joins again is let in with what it
    knew, and puts the offset back behind what others have processed."""

    def may_not_commit(self, group: Group, ask: OffsetCommit) -> str:
        return NONE if ask.member in group.members else UNKNOWN_MEMBER


class Anybody(Coordinator):
    """Whoever names the group may commit: a zombie that was thrown out overwrites its successor."""

    def may_not_commit(self, group: Group, ask: OffsetCommit) -> str:
        return NONE

    def note_speaking(self, group: Group, member: GroupMember) -> None:
        if member in group.members.values():
            super().note_speaking(group, member)

    def on_offset_commit(self, ask: OffsetCommit, sender: Address) -> None:
        group = self.groups.get(ask.group)
        if group is not None and ask.member not in group.members and not self.refusal():
            group.unanswered[ask.member, ask.id] = sender
            self.journal.write(self, OffsetRecord(group.name, ask.positions, ask.member, ask.id))
        else:
            super().on_offset_commit(ask, sender)


class AnswersFirst(Coordinator):
    """Acknowledges a commit, and writes it down then. Another coordinator has never heard of it."""

    def on_offset_commit(self, ask: OffsetCommit, sender: Address) -> None:
        super().on_offset_commit(ask, sender)
        group = self.groups.get(ask.group)
        if group is not None and group.unanswered.pop((ask.member, ask.id), None):
            self.send(sender, OffsetCommitted(ask.id))


class SharesFirst(Coordinator):
    """Tells the members what they get, and writes it down then: after a fail-over the next leader decides otherwise, in
    the same generation."""

    def on_sync_group(self, ask: SyncGroup, sender: Address) -> None:
        super().on_sync_group(ask, sender)
        group = self.groups.get(ask.group)
        if group is not None and group.is_writing and group.state == COMPLETING:
            self.written(self.record_of(group, ask.assignment))


class ForgetsOffsets(Coordinator):
    """Reads the members from the log, and not the offsets: all begin anew after a fail-over."""

    def read(self, record: Entry) -> None:
        if not isinstance(record, OffsetRecord):
            super().read(record)


class ForgetsMembers(Coordinator):
    """Reads the offsets from the log, and not the members: after a fail-over all have to join again, at once."""

    def read(self, record: Entry) -> None:
        if isinstance(record, OffsetRecord):
            super().read(record)


class ServesAtOnce(Coordinator):
    """Answers before it has read the log: nothing is committed, as far as it knows."""

    def refusal(self) -> str:
        return NONE if self.journal.leads(self) else super().refusal()


class EchoesCount(Coordinator):
    """Every commit counts that arrives, the older one behind the newer one too."""

    def is_overtaken(self, group: Group, position: Position, ask: OffsetCommit) -> bool:
        return False


class EchoesOfTheLogCount(Coordinator):
    """Knows which commits it has had; after a fail-over it knows none."""

    def read(self, record: Entry) -> None:
        super().read(record)
        self.groups[record.group].accepted.clear()


class EveryJoinIsNew(Coordinator):
    """Every JoinGroup begins a rebalance, also one that comes for the second time, because its answer was late."""

    def join_again(self, group: Group, member: GroupMember) -> None:
        if group.state in (COMPLETING, STABLE):
            member.awaits_join = True
            self.prepare(group)
        else:
            super().join_again(group, member)


class IgnoresRepeats(Coordinator):
    """A JoinGroup that comes again is not answered again: if the answer was lost, the member waits until it is thrown
    out."""

    def join_again(self, group: Group, member: GroupMember) -> None:
        pass


class Impatient(Coordinator):
    """Waits for the session timeout, not for the rebalance timeout: a program that works a little longer loses all."""

    def prepare(self, group: Group) -> None:
        is_new = group.state not in (PREPARING, EMPTY)
        super().prepare(group)
        if is_new and group.state == PREPARING:
            least = min(m.session_timeout for m in group.members.values())
            self.set_timer(RebalanceDue(group.name, group.generation), least)


class WaitersAreSilent(Coordinator):
    """Watches the session of those who wait for the answer to their JoinGroup, too. They cannot speak."""

    def hear(self, group: Group, member: GroupMember) -> None:
        session = Session(group.name, member.subscription.member)
        self.set_timer(session, member.session_timeout)

    def prepare(self, group: Group) -> None:
        for member in group.members.values():
            if member.awaits_join and group.state != EMPTY:
                self.hear(group, member)
        super().prepare(group)

    def on_session(self, session: Session) -> None:
        group = self.groups.get(session.group)
        if group is not None and session.member in group.members:
            self.remove(group, session.member)


class WaitsForEver(Coordinator):
    """Has no time limit for a rebalance: one that heartbeats and does not join stops all."""

    def on_rebalance_due(self, due: RebalanceDue) -> None:
        group = self.groups.get(due.group)
        if group is not None and all(m.awaits_join for m in group.members.values()):
            super().on_rebalance_due(due)


class NobodyWatchesTheLeader(Coordinator):
    """While all wait for the leader's assignment no session ends. The leader is dead."""

    def on_session(self, session: Session) -> None:
        group = self.groups.get(session.group)
        if group is None or group.state != COMPLETING:
            super().on_session(session)


class TellsNobody(Coordinator):
    """A heartbeat is answered, and that is all: nobody hears that the group rebalances."""

    def on_heartbeat(self, ask: Heartbeat, sender: Address) -> None:
        group = self.groups.get(ask.group, Group(ask.group))
        if group.state == PREPARING and ask.member in group.members:
            self.note_speaking(group, group.members[ask.member])
            self.send(sender, HeartbeatAnswer(ask.id))
        else:
            super().on_heartbeat(ask, sender)


class GenerationStays(Coordinator):
    """When somebody leaves the others go on in the same generation, with other shares."""

    def on_leave_group(self, ask: LeaveGroup, sender: Address) -> None:
        group = self.groups.get(ask.group)
        before = len(group.members) if group is not None else 0
        super().on_leave_group(ask, sender)
        if group is not None and 0 < len(group.members) < before:
            group.generation -= 1
            self.set_timer(RebalanceDue(group.name, group.generation), 400 * MS)


class ForgetsTheEmpty(Coordinator):
    """A group that nobody is in is forgotten. Those who come next begin with generation 0, and from the beginning."""

    def complete(self, group: Group) -> None:
        super().complete(group)
        if not group.members:
            group.generation = -1
            group.committed.clear()

    def read(self, record: Entry) -> None:
        super().read(record)
        if isinstance(record, GroupRecord) and not record.members:
            self.groups[record.group] = Group(record.group)


class GoneAtOnce(Coordinator):
    """A rebalance does not wait for those who have not joined yet: they are out."""

    def prepare(self, group: Group) -> None:
        was_stable = group.state in (STABLE, COMPLETING)
        super().prepare(group)
        if was_stable and group.state == PREPARING:
            self.set_timer(RebalanceDue(group.name, group.generation), 60 * MS)


COORDINATING = (
    bug(
        "any-generation",
        AnyGeneration,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S2",
        code="m3",
        source="KIP-447, KIP-1251",
    ),
    bug(
        "anybody-commits",
        Anybody,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S2",
        source="KIP-447",
    ),
    bug(
        "answers-commits-first",
        AnswersFirst,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S1",
    ),
    bug(
        "shares-first",
        SharesFirst,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S1",
    ),
    bug(
        "forgets-offsets",
        ForgetsOffsets,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S3",
    ),
    bug(
        "forgets-members",
        ForgetsMembers,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L2",
        kind="cost",
    ),
    bug(
        "serves-at-once",
        ServesAtOnce,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S3",
    ),
    bug(
        "echoes-count",
        EchoesCount,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S3",
    ),
    bug(
        "echoes-of-the-log-count",
        EchoesOfTheLogCount,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S3",
    ),
    bug(
        "every-join-is-new",
        EveryJoinIsNew,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L2",
        kind="cost",
    ),
    bug(
        "ignores-repeats",
        IgnoresRepeats,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L4",
        kind="liveness",
    ),
    bug(
        "waits-for-a-session-only",
        Impatient,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L4",
        kind="liveness",
    ),
    bug(
        "waiters-are-silent",
        WaitersAreSilent,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L4",
        kind="liveness",
    ),
    bug(
        "gone-at-once",
        GoneAtOnce,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L4",
        kind="liveness",
    ),
    bug(
        "waits-for-ever",
        WaitsForEver,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "nobody-watches-the-leader",
        NobodyWatchesTheLeader,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L1",
        code="m10",
        kind="liveness",
    ),
    bug(
        "tells-nobody",
        TellsNobody,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "generation-stays",
        GenerationStays,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S1",
    ),
    bug(
        "forgets-the-empty",
        ForgetsTheEmpty,
        part="G2",
        replaces="coordinator:Coordinator",
        breaks="CG-S1",
    ),
)
