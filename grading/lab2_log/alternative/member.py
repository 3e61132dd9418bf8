"""A member built otherwise: every few milliseconds it looks at itself, and says what it has to say.

Messages only leave notes. What is asked stands in *slots*, one question in each: who coordinates, our place (join or
sync), commit, offsets, records, sizes. A question stays in its slot until it is answered, and is sent again when it
has waited long enough. Nothing but the pulse begins anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import MS, Address, Fail, Info, Message, Ok, Ticket, Timer
from labs.lab2_log.application import Application
from labs.lab2_log.assignors import assign
from labs.lab2_log.groups import (
    COOPERATIVE,
    EARLIEST,
    ILLEGAL_GENERATION,
    NEVER,
    NOT_COORDINATOR,
    OUT_OF_RANGE,
    REBALANCE_IN_PROGRESS,
    STICKY,
    UNKNOWN_MEMBER,
    Assigned,
    Close,
    CommitNow,
    CoordinatorFound,
    FetchRecords,
    FindCoordinator,
    Heartbeat,
    HeartbeatAnswer,
    Joined,
    JoinGroup,
    LeaveGroup,
    Left,
    MemberConfig,
    MemberProbe,
    Metadata,
    MetadataIs,
    OffsetCommit,
    OffsetCommitted,
    OffsetFetch,
    OffsetsFetched,
    Owned,
    Poll,
    Position,
    Record,
    RecordsFetched,
    Subscription,
    Synced,
    SyncGroup,
    TopicPartition,
    Want,
)

PULSE = 5 * MS


class Pulse(Timer, frozen=True):
    """Time to look."""


@dataclass
class Cursor:
    """Where we are in one partition."""

    stage: str = "ask"
    """``ask`` what is committed, ``reset``, ``anchor`` (commit where the reset has put us), ``read``."""
    next: int = 0
    """To be handed out."""
    done: int = 0
    """To be processed; all before it is."""
    safe: int = -1
    """Committed; -1: nothing is."""
    shelf: list[Record] = field(default_factory=list)
    """Fetched, not handed out."""

    def move(self, offset: int, stage: str) -> None:
        """Go on from there."""
        self.next = self.done = offset
        self.stage, self.shelf = stage, []

    def is_dirty(self) -> bool:
        return self.stage in ("anchor", "read") and self.done != self.safe


@dataclass
class Slot:
    """A question that is open."""

    message: Message
    to: str
    again_at: int
    tries: int = 1


class Member(Application):
    """One member."""

    config: MemberConfig
    name: str
    count: int
    slots: dict[str, Slot]
    coordinator: str
    guess: int
    """Whom to ask next who coordinates."""
    is_joining: bool
    """Between JoinGroup and Synced."""
    is_stale: bool
    """We have to join."""
    generation: int
    share: Owned | None
    """What the last Synced said, until it is taken over."""
    given_in: int
    """The generation of what we own."""
    cursors: dict[TopicPartition, Cursor]
    old: Owned
    """What we owned before we let go of it, for the sticky assignor."""
    followers: tuple[Subscription, ...]
    """If we lead: all members."""
    sizes: dict[str, int]
    asked_sizes_at: int
    beat_at: int
    beats: dict[int, int]
    """Heartbeats of this generation without an answer: id -> when."""
    commit_at: int
    poll_ticket: Ticket | None
    poll_until: int
    poll_most: int
    returned_at: int
    commit_ticket: Ticket | None
    close_ticket: Ticket | None
    patience: int | None
    """Until when we wait for a last commit."""

    def on_start(self) -> None:
        super().on_start()
        self.name = f"{self.address}/{self.random.getrandbits(40):x}"
        self.count, self.slots = 0, {}
        self.coordinator, self.guess = "", self.random.randrange(8)
        self.is_joining, self.is_stale = False, True
        self.generation, self.share, self.given_in = -1, None, -1
        self.cursors, self.old = {}, ()
        self.followers, self.sizes, self.asked_sizes_at = (), {}, 0
        self.beat_at, self.beats, self.commit_at = 0, {}, 0
        self.poll_ticket = self.commit_ticket = self.close_ticket = None
        self.poll_until, self.poll_most, self.returned_at = 0, 0, self.monotonic()
        self.patience = None
        self.set_timer(Pulse(), PULSE)

    def probe(self) -> MemberProbe:
        return MemberProbe(self.generation, tuple(sorted(self.cursors)))

    # -- the program --------------------------------------------------------------------------------------------------

    def on_poll(self, op: Poll, ticket: Ticket) -> None:
        self.poll_ticket, self.poll_most = ticket, op.max_records
        self.poll_until = self.monotonic() + op.wait
        self.all_done()

    def on_commit_now(self, op: CommitNow, ticket: Ticket) -> None:
        self.commit_ticket = ticket
        self.all_done()

    def on_close(self, op: Close, ticket: Ticket) -> None:
        self.close_ticket = ticket
        self.all_done()

    def all_done(self) -> None:
        """The program has processed what it has got."""
        for cursor in self.cursors.values():
            cursor.done = cursor.next
        self.look()

    # -- the pulse ----------------------------------------------------------------------------------------------------

    def on_pulse(self, _: Pulse) -> None:
        self.set_timer(Pulse(), PULSE)
        self.look()

    def look(self) -> None:
        """What has to be said now?"""
        self.repeat()
        self.beat()
        if not self.coordinator:
            self.open(
                "coordinator",
                FindCoordinator(self.next(), self.config.group),
                self.config.coordinators[self.guess % len(self.config.coordinators)],
            )
        elif self.close_ticket is not None:
            self.say_goodbye()
        else:
            if self.poll_ticket is not None:
                self.change()
            self.look_for_more()
            self.find_offsets()
            self.commit_in_time()
        self.end_commit()
        self.read()
        self.serve()

    def next(self) -> int:
        self.count += 1
        return self.count

    def open(self, slot: str, message: Message, to: str = "") -> None:
        """Ask, unless such a question is open."""
        if slot not in self.slots:
            to = to or self.coordinator
            self.slots[slot] = Slot(message, to, self.monotonic() + self.wait(message))
            self.send(Address(to), message)

    def wait(self, message: Message) -> int:
        long = message.max_wait if isinstance(message, FetchRecords) else 0
        return self.config.retry + long

    def repeat(self) -> None:
        """Ask again what has waited long enough; give up a coordinator that never answers."""
        now = self.monotonic()
        for name, slot in list(self.slots.items()):
            if slot.again_at > now or name not in self.slots:
                continue
            slot.tries += 1
            slot.again_at = now + self.wait(slot.message)
            if name == "coordinator":
                self.guess += 1
                del self.slots[name]
            elif slot.tries > (14 if name == "place" else 5) and slot.to == self.coordinator:
                self.forget_coordinator()
            else:
                self.send(Address(slot.to), slot.message)

    def answered(self, slot: str, number: int) -> Message | None:
        """The question of that number, if it is open; it is not any more."""
        found = self.slots.get(slot)
        if found is None or found.message.id != number:  # type: ignore[attr-defined]
            return None
        del self.slots[slot]
        return found.message

    def forget_coordinator(self) -> None:
        gone, self.coordinator = self.coordinator, ""
        self.slots = {n: s for n, s in self.slots.items() if s.to != gone}
        self.guess += 1
        self.beats.clear()
        if self.is_joining:
            self.is_joining, self.is_stale = False, True

    def on_coordinator_found(self, answer: CoordinatorFound, sender: Address) -> None:
        if answer.coordinator and self.answered("coordinator", answer.id) is not None:
            self.coordinator = answer.coordinator
            self.look()

    # -- our place ----------------------------------------------------------------------------------------------------

    def change(self) -> None:
        """The program waits for us: now what we own may change."""
        if self.share is not None:
            self.given_in, self.old = self.generation, ()
            for part in self.share:
                self.cursors.setdefault(part, Cursor())
            if set(self.cursors) != set(self.share):
                self.is_stale = True
            else:
                self.share = None
        if self.is_stale and not self.is_joining and self.is_quiet():
            self.join()

    def is_quiet(self) -> bool:
        """Whether nothing is left to commit; or we have waited long enough for it."""
        if not self.config.auto_commit or not self.dirty():
            return True
        if self.patience is None:
            self.patience = self.monotonic() + 100 * MS
        self.commit()
        return self.monotonic() >= self.patience

    def join(self) -> None:
        cooperative = self.config.assignor == COOPERATIVE
        if not cooperative and self.cursors:
            self.old = tuple(sorted(self.cursors))
        keep = set(self.cursors if self.share is None else self.share) if cooperative else set()
        self.share, self.patience = None, None
        self.cursors = {part: c for part, c in self.cursors.items() if part in keep}
        self.slots.pop("commit", None)
        self.slots.pop("offsets", None)
        claims = tuple(sorted(self.cursors)) if cooperative else self.old
        claims = claims if self.config.assignor in (COOPERATIVE, STICKY) else ()
        self.is_joining, self.is_stale = True, False
        self.beats.clear()
        config = self.config
        message = JoinGroup(
            self.next(),
            config.group,
            self.name,
            config.session_timeout,
            config.max_poll_interval,
            config.assignor,
            config.topics,
            claims,
            self.given_in if claims else -1,
        )
        self.slots.pop("place", None)
        self.open("place", message)

    def on_joined(self, answer: Joined, sender: Address) -> None:
        if answer.error not in ("", NOT_COORDINATOR):
            return
        if self.answered("place", answer.id) is None:
            return
        if answer.error:
            self.forget_coordinator()
            return
        self.generation = answer.generation
        self.followers = answer.members
        self.slots.pop("sizes", None)
        if answer.members:
            self.ask_sizes()
        else:
            self.open("place", self.sync(()))

    def sync(self, shares: tuple[Assigned, ...]) -> SyncGroup:
        return SyncGroup(self.next(), self.config.group, self.generation, self.name, shares)

    def ask_sizes(self) -> None:
        self.asked_sizes_at = self.monotonic()
        topics = sorted({topic for m in self.followers for topic in m.topics})
        self.open("sizes", Metadata(self.next(), tuple(topics)), self.config.broker)

    def on_metadata_is(self, answer: MetadataIs, sender: Address) -> None:
        if self.answered("sizes", answer.id) is None or not self.followers:
            return
        sizes = {t.topic: t.partitions for t in answer.topics}
        if self.is_joining and "place" not in self.slots:
            self.sizes = sizes
            shares = assign(self.config.assignor, self.followers, sizes)
            self.open("place", self.sync(tuple(Assigned(m, p) for m, p in shares.items())))
        elif not self.is_joining and sizes != self.sizes:
            self.is_stale = True

    def look_for_more(self) -> None:
        late = self.monotonic() - self.asked_sizes_at >= self.config.metadata_every
        if self.followers and not self.is_joining and late:
            self.ask_sizes()

    def on_synced(self, answer: Synced, sender: Address) -> None:
        if answer.error == "COORDINATOR_LOAD_IN_PROGRESS":
            return
        if self.answered("place", answer.id) is None:
            return
        if answer.error:
            self.trouble(answer.error)
            return
        self.is_joining, self.share = False, answer.partitions
        self.look()

    def trouble(self, error: str) -> None:
        """The coordinator has refused something."""
        if error == NOT_COORDINATOR:
            self.forget_coordinator()
        elif error == REBALANCE_IN_PROGRESS:
            self.is_stale = True
            if self.is_joining:
                self.slots.pop("place", None)
                self.slots.pop("sizes", None)
                self.is_joining = False
        elif error in (UNKNOWN_MEMBER, ILLEGAL_GENERATION):
            self.fall_out()

    def fall_out(self) -> None:
        """We are out: nothing is ours."""
        self.cursors, self.old, self.share = {}, (), None
        self.generation = self.given_in = -1
        self.followers, self.patience = (), None
        self.is_joining, self.is_stale = False, True
        self.beats.clear()
        ticket, self.commit_ticket = self.commit_ticket, None
        if ticket is not None:
            self.finish(ticket, Fail("not a member any more"))
        for name in ("place", "commit", "offsets", "sizes"):
            self.slots.pop(name, None)

    # -- living -------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        now = self.monotonic()
        if self.generation < 0 or now < self.beat_at:
            return
        self.beat_at = now + self.config.heartbeat
        is_away = self.poll_ticket is None and self.close_ticket is None
        if is_away and now - self.returned_at >= self.config.max_poll_interval:
            self.send_place(LeaveGroup(self.next(), self.config.group, self.name))
            self.fall_out()
            return
        place = self.slots.get("place")
        if place is not None and isinstance(place.message, JoinGroup):
            return
        if len(self.beats) > 4:
            self.forget_coordinator()
        elif self.coordinator:
            number = self.next()
            self.beats[number] = now
            self.send_place(Heartbeat(number, self.config.group, self.generation, self.name))

    def send_place(self, message: Message) -> None:
        if self.coordinator:
            self.send(Address(self.coordinator), message)

    def on_heartbeat_answer(self, answer: HeartbeatAnswer, sender: Address) -> None:
        if answer.id not in self.beats:
            return
        self.beats = {number: at for number, at in self.beats.items() if number > answer.id}
        self.trouble(answer.error)
        self.look()

    def say_goodbye(self) -> None:
        if self.generation < 0:
            self.gone()
        elif self.is_joining or self.is_quiet() or self.share is not None:
            self.cursors.clear()
            self.slots.pop("commit", None)
            self.slots.pop("offsets", None)
            self.slots.pop("place", None)
            self.slots.pop("sizes", None)
            self.open("leave", LeaveGroup(self.next(), self.config.group, self.name))

    def on_left(self, answer: Left, sender: Address) -> None:
        if self.answered("leave", answer.id) is not None:
            self.fall_out()
            self.gone()

    def gone(self) -> None:
        ticket, self.close_ticket = self.close_ticket, None
        self.is_stale = False
        if ticket is not None:
            self.finish(ticket, Ok())

    # -- offsets ------------------------------------------------------------------------------------------------------

    def in_stage(self, stage: str) -> Owned:
        return tuple(sorted(p for p, cursor in self.cursors.items() if cursor.stage == stage))

    def find_offsets(self) -> None:
        if parts := self.in_stage("ask"):
            self.open("offsets", OffsetFetch(self.next(), self.config.group, parts))
        if resets := self.in_stage("reset"):
            if self.config.reset == NEVER:
                self.answer_poll(Fail(f"no committed offset for {resets[0]}"))
            wants = tuple(Want(part, -1) for part in resets)
            self.open("ends", FetchRecords(self.next(), wants), self.config.broker)
        if self.in_stage("anchor"):
            self.commit()

    def on_offsets_fetched(self, answer: OffsetsFetched, sender: Address) -> None:
        if answer.error not in ("", NOT_COORDINATOR):
            return
        if self.answered("offsets", answer.id) is None:
            return
        if answer.error:
            self.forget_coordinator()
            return
        for position in answer.positions:
            cursor = self.cursors.get(position.partition)
            if cursor is None or cursor.stage != "ask":
                continue
            if position.offset is None:
                cursor.stage = "reset"
            else:
                cursor.move(position.offset, "read")
                cursor.safe = position.offset
        self.look()

    def dirty(self) -> tuple[Position, ...]:
        return tuple(
            Position(part, cursor.done)
            for part, cursor in sorted(self.cursors.items())
            if cursor.is_dirty()
        )

    def commit_in_time(self) -> None:
        now = self.monotonic()
        if self.config.auto_commit and now >= self.commit_at:
            self.commit_at = now + self.config.auto_commit_every
            self.commit()

    def commit(self) -> None:
        positions = self.dirty()
        if positions and self.coordinator and not self.is_joining and self.generation >= 0:
            self.open(
                "commit",
                OffsetCommit(self.next(), self.config.group, self.generation, self.name, positions),
            )

    def on_offset_committed(self, answer: OffsetCommitted, sender: Address) -> None:
        if answer.error == "COORDINATOR_LOAD_IN_PROGRESS":
            return
        message = self.answered("commit", answer.id)
        if not isinstance(message, OffsetCommit):
            return
        if answer.error:
            self.trouble(answer.error)
            ticket, self.commit_ticket = self.commit_ticket, None
            if ticket is not None:
                self.finish(ticket, Fail(answer.error))
        else:
            for position in message.positions:
                cursor = self.cursors.get(position.partition)
                if cursor is not None and position.offset is not None:
                    cursor.safe = position.offset
                    cursor.stage = "read" if cursor.stage == "anchor" else cursor.stage
        self.look()

    def end_commit(self) -> None:
        """Answer the program that waits for its commit."""
        if self.commit_ticket is None:
            return
        if not self.dirty() or self.is_joining or (self.is_stale and self.generation < 0):
            ticket, self.commit_ticket = self.commit_ticket, None
            self.finish(ticket, Info("not now") if self.dirty() else Ok())
        else:
            self.commit()

    # -- records ------------------------------------------------------------------------------------------------------

    def ours(self) -> list[TopicPartition]:
        """What may be handed out: of what we own, what stays ours, and only if nothing is about to change."""
        if self.is_stale:
            return []
        return [p for p in sorted(self.cursors) if self.cursors[p].stage == "read"]

    def read(self) -> None:
        wants = tuple(
            Want(p, self.cursors[p].next) for p in self.ours() if not self.cursors[p].shelf
        )
        if wants:
            config = self.config
            self.open(
                "records",
                FetchRecords(self.next(), wants, config.fetch_records, config.poll_wait),
                config.broker,
            )

    def on_records_fetched(self, answer: RecordsFetched, sender: Address) -> None:
        about_ends = self.answered("ends", answer.id)
        message = about_ends or self.answered("records", answer.id)
        if not isinstance(message, FetchRecords):
            return
        asked = {want.partition: want.offset for want in message.wants}
        for found in answer.found:
            cursor = self.cursors.get(found.partition)
            if cursor is None:
                continue
            if about_ends is not None:
                if cursor.stage == "reset":
                    first = self.config.reset == EARLIEST
                    cursor.move(found.log_start if first else found.high_watermark, "anchor")
                    cursor.safe = -1
            elif cursor.stage == "read" and cursor.next == asked[found.partition]:
                if found.error == OUT_OF_RANGE:
                    cursor.stage = "reset"
                else:
                    cursor.shelf = list(found.records)
        self.look()

    def serve(self) -> None:
        if self.poll_ticket is None:
            return
        taken: list[Record] = []
        for part in self.ours():
            cursor = self.cursors[part]
            while cursor.shelf and len(taken) < self.poll_most:
                taken.append(cursor.shelf.pop(0))
                cursor.next = taken[-1].offset + 1
        if taken or self.monotonic() >= self.poll_until:
            self.answer_poll(Ok(tuple(taken)))

    def answer_poll(self, outcome: Ok | Fail) -> None:
        ticket, self.poll_ticket = self.poll_ticket, None
        if ticket is not None:
            self.returned_at = self.monotonic()
            self.finish(ticket, outcome)
