"""A member of a consumer group (part G3): it joins, keeps its place, reads what it owns, and commits what is processed.

Theory of operation. Most of it follows one rule of Kafka's client: *things change only while the program polls*. A
member hears by a heartbeat that its group rebalances while the program works on records. It waits until the program
asks for more; then it commits what is processed, lets go of what it must, and joins again. So no partition is ever
taken away under the program's hands. If the program does not come back within ``max_poll_interval`` the member
leaves: a heart that beats on while the program is stuck would keep the partitions for ever.

``go_on`` looks at how things are, and asks for the first thing that is missing: a coordinator, a place in the group,
offsets, records. It is called whenever something has changed. Each question has one message open at a time, and that is
sent again until it is answered.

Eager assignors have all members let go of everything before they join. With the cooperative one (KIP-429) a member
keeps what it owns, and goes on reading it; when it is told that it gets less, it lets go of the difference and joins
once more. It claims what it owns together with the generation that gave it to it: not the newest one that it has
heard of.

If the coordinator says that the member is unknown, or in another generation, others may own what it had: it lets go of
all, at once, and commits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from distlab.core import Address, Fail, Message, Ok, Ticket, Timer
from labs.lab2_log.application import Application
from labs.lab2_log.assignors import assign
from labs.lab2_log.groups import (
    COOPERATIVE,
    EARLIEST,
    ILLEGAL_GENERATION,
    INCONSISTENT_PROTOCOL,
    LOADING,
    NEVER,
    NO_GENERATION,
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
    Found,
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
    RecordsFetched,
    Subscription,
    Synced,
    SyncGroup,
    Want,
)
from labs.lab2_log.places import Place, Places, all_processed, begin_at, hand_out, take, to_commit

OUT, JOINING, SYNCING, IN = "out", "joining", "syncing", "in"
PATIENCE = 4
"""So many questions without an answer, and we look for another coordinator."""


class AskAgain(Timer, frozen=True):
    """This question is unanswered."""

    id: int


class Beat(Timer, frozen=True):
    """Time for a heartbeat."""


class AutoCommit(Timer, frozen=True):
    """Time to commit what is processed."""


class PollDue(Timer, frozen=True):
    """The program has waited long enough."""


class Refresh(Timer, frozen=True):
    """The leader looks whether its topics have grown."""


@dataclass
class Question:
    """A question that is open."""

    message: Message
    to: str
    """Empty: the coordinator."""
    tries: int = 1


class Member(Application):
    """One member, in one process with the program that uses it."""

    config: MemberConfig
    name: str
    """The member's id."""
    numbers: int
    """Ids of its questions, so far."""
    open: dict[int, Question]
    coordinator: str
    """Empty: not known."""
    asked_coordinators: int
    phase: str
    must_join: bool
    generation: int
    leads: bool
    members: tuple[Subscription, ...]
    """Of the generation that we lead."""
    sizes: dict[str, int]
    """How many partitions the topics had when we assigned them."""
    places: Places
    """What we own."""
    owned_generation: int
    """The generation that gave it to us."""
    claims: Owned
    """What we owned when we let go of everything: for the sticky assignor."""
    surplus: Owned
    """What we own, and have to let go of before we join."""
    assigned: Owned | None
    """What we were given, and have not taken over yet."""
    beat: int | None
    """Id of the last heartbeat, until it is answered."""
    missed: int
    """Heartbeats without an answer."""
    polling: Ticket | None
    """The program waits."""
    poll: Poll
    polled_at: int
    """When it was last answered."""
    committing: Ticket | None
    closing: Ticket | None
    last_words: int | None
    """Until when we wait for a commit before we join."""

    def on_start(self) -> None:
        super().on_start()
        self.name = f"{self.address}-{self.random.getrandbits(32):08x}"
        self.numbers, self.open = 0, {}
        self.coordinator, self.asked_coordinators = "", 0
        self.phase, self.must_join = OUT, True
        self.generation = self.owned_generation = NO_GENERATION
        self.leads, self.members, self.sizes = False, (), {}
        self.places, self.claims, self.surplus, self.assigned = {}, (), (), None
        self.beat, self.missed = None, 0
        self.polling, self.poll, self.polled_at = None, Poll(), self.monotonic()
        self.committing = self.closing = self.last_words = None
        self.set_timer(Beat(), self.config.heartbeat)
        if self.config.auto_commit:
            self.set_timer(AutoCommit(), self.config.auto_commit_every)

    def probe(self) -> MemberProbe:
        return MemberProbe(self.generation, tuple(sorted(self.places)))

    # -- questions ----------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        """An id that no question had before, in this life."""
        self.numbers += 1
        return self.numbers

    def ask(self, message: Message, to: str = "") -> None:
        """Ask until there is an answer. ``message`` has an id of :meth:`next_id`."""
        self.open[message.id] = question = Question(message, to)  # type: ignore[attr-defined]
        self.put(question)

    def put(self, question: Question) -> None:
        """Send a question; again, after a while."""
        message = question.message
        wait = message.max_wait if isinstance(message, FetchRecords) else 0
        self.send(Address(question.to or self.coordinator), message)
        self.set_timer(AskAgain(message.id), wait + self.config.retry)  # type: ignore[attr-defined]

    def is_asking(self, *kinds: type) -> bool:
        """Whether a question of such a kind is open."""
        return any(isinstance(question.message, kinds) for question in self.open.values())

    def drop(self, *kinds: type) -> None:
        """Forget questions of such kinds: their answers would come too late."""
        for number in [n for n, q in self.open.items() if isinstance(q.message, kinds)]:
            self.close(number)

    def close(self, number: int) -> Question | None:
        """The question is answered. None if it was not open: an echo."""
        self.cancel_timer(AskAgain(number))
        return self.open.pop(number, None)

    def on_ask_again(self, timer: AskAgain) -> None:
        # BEGIN SOLUTION G3: once more; or look for another coordinator
        question = self.open.get(timer.id)
        if question is None:
            return
        question.tries += 1
        waits_for_others = isinstance(question.message, JoinGroup | SyncGroup)
        if isinstance(question.message, FindCoordinator):
            self.close(timer.id)
        elif question.to or question.tries <= PATIENCE * (3 if waits_for_others else 1):
            self.put(question)
        else:
            self.lose_coordinator()
        self.go_on()
        # END SOLUTION

    # -- the program --------------------------------------------------------------------------------------------------

    def on_poll(self, op: Poll, ticket: Ticket) -> None:
        # BEGIN SOLUTION G3: all that it had is processed; go on
        self.polling, self.poll = ticket, op
        all_processed(self.places)
        self.set_timer(PollDue(), op.wait)
        self.go_on()
        # END SOLUTION

    def on_poll_due(self, _: PollDue) -> None:
        # BEGIN SOLUTION G3: nothing has come
        self.answer_poll(Ok(()))
        # END SOLUTION

    def on_commit_now(self, op: CommitNow, ticket: Ticket) -> None:
        # BEGIN SOLUTION G3: all that it had is processed; commit it, if we still may
        all_processed(self.places)
        if self.phase == OUT:
            self.finish(ticket, Fail("the member has lost its place in the group"))
        elif not to_commit(self.places):
            self.finish(ticket, Ok())
        else:
            self.committing = ticket
            self.commit()
        # END SOLUTION

    def on_close(self, op: Close, ticket: Ticket) -> None:
        # BEGIN SOLUTION G3: commit, leave
        all_processed(self.places)
        self.closing = ticket
        self.go_on()
        # END SOLUTION

    # -- what is missing? ---------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Ask for the first thing that is missing. Call it whenever something has changed."""
        # BEGIN SOLUTION G3: a coordinator, a place in the group, offsets, records
        if not self.coordinator:
            self.find_coordinator()
        elif self.closing is not None:
            self.leave()
        else:
            if self.polling is not None:
                if self.assigned is not None:
                    self.take_over(self.assigned)
                if self.must_join and self.phase in (OUT, IN) and self.is_done_talking():
                    self.join()
            self.settle_offsets()
            if self.committing is not None:
                self.commit()
        self.fetch()
        self.serve()
        # END SOLUTION

    def find_coordinator(self) -> None:
        """Ask one broker after the other."""
        # BEGIN SOLUTION G3: one at a time
        if not self.is_asking(FindCoordinator):
            brokers = self.config.coordinators
            broker = brokers[self.asked_coordinators % len(brokers)]
            self.asked_coordinators += 1
            self.ask(FindCoordinator(self.next_id(), self.config.group), broker)
        # END SOLUTION

    def on_coordinator_found(self, answer: CoordinatorFound, sender: Address) -> None:
        # BEGIN SOLUTION G3: it, or nobody knows
        if self.open.get(answer.id) is None or not answer.coordinator:
            return
        self.close(answer.id)
        self.coordinator, self.missed = answer.coordinator, 0
        self.go_on()
        # END SOLUTION

    def lose_coordinator(self) -> None:
        """Our coordinator is none, or is silent. We keep our place: the next one knows it from the log."""
        # BEGIN SOLUTION G3: forget what we asked it; a join that is half done begins anew
        self.coordinator, self.beat, self.missed = "", None, 0
        for number in [n for n, question in self.open.items() if not question.to]:
            self.close(number)
        if self.phase in (JOINING, SYNCING):
            self.phase, self.must_join = OUT, True
            self.answer_commit(Fail("the coordinator is gone"))
        # END SOLUTION

    # -- a place in the group -----------------------------------------------------------------------------------------

    def is_done_talking(self) -> bool:
        """Whether all that is processed is committed, as far as possible, before we let go of it."""
        # BEGIN SOLUTION G3: wait for a commit, not for ever
        if not self.config.auto_commit or self.phase != IN or not to_commit(self.places):
            return True
        if self.last_words is None:
            self.last_words = self.monotonic() + 2 * self.config.retry
        if self.monotonic() >= self.last_words:
            return True
        self.commit()
        return False
        # END SOLUTION

    def join(self) -> None:
        """Let go of what we may not keep, and join."""
        # BEGIN SOLUTION G3: eager: of everything; cooperative: of what is not ours any more
        self.drop(OffsetCommit)
        if self.config.assignor == COOPERATIVE:
            self.let_go(self.surplus)
            self.claims = tuple(sorted(self.places))
        elif self.places:
            self.claims = tuple(sorted(self.places))
            self.let_go(self.claims)
        self.phase, self.must_join, self.last_words = JOINING, False, None
        self.beat, self.assigned = None, None
        config = self.config
        owned = self.claims if config.assignor in (STICKY, COOPERATIVE) else ()
        self.ask(
            JoinGroup(
                self.next_id(),
                config.group,
                self.name,
                config.session_timeout,
                config.max_poll_interval,
                config.assignor,
                config.topics,
                owned,
                self.owned_generation if owned else NO_GENERATION,
            )
        )
        # END SOLUTION

    def on_joined(self, answer: Joined, sender: Address) -> None:
        # BEGIN SOLUTION G3: sync; as the leader, once we know how large the topics are
        if answer.id not in self.open or answer.error in (LOADING, INCONSISTENT_PROTOCOL):
            return  # an echo; or to be asked again
        self.close(answer.id)
        if answer.error:
            self.cope(answer.error)
            return
        self.phase, self.generation, self.missed = SYNCING, answer.generation, 0
        self.leads, self.members = answer.leader == self.name, answer.members
        self.drop(Metadata)
        if self.leads:
            self.ask(Metadata(self.next_id(), self.topics_of_all()), self.config.broker)
        else:
            self.sync(())
        # END SOLUTION

    def topics_of_all(self) -> tuple[str, ...]:
        """Every topic that a member subscribes to."""
        return tuple(sorted({topic for m in self.members for topic in m.topics}))

    def on_metadata_is(self, answer: MetadataIs, sender: Address) -> None:
        # BEGIN SOLUTION G3: assign; or see that we have to, since something has grown
        if self.close(answer.id) is None or not self.leads:
            return
        sizes = {size.topic: size.partitions for size in answer.topics}
        if self.phase == SYNCING:
            self.sizes = sizes
            shares = assign(self.config.assignor, self.members, sizes)
            self.sync(tuple(Assigned(member, parts) for member, parts in shares.items()))
            self.set_timer(Refresh(), self.config.metadata_every)
        elif self.phase == IN and sizes != self.sizes:
            self.must_join = True
            self.go_on()
        # END SOLUTION

    def on_refresh(self, _: Refresh) -> None:
        # BEGIN SOLUTION G3: the leader looks
        if self.leads and self.phase == IN:
            if not self.is_asking(Metadata):
                self.ask(Metadata(self.next_id(), self.topics_of_all()), self.config.broker)
            self.set_timer(Refresh(), self.config.metadata_every)
        # END SOLUTION

    def sync(self, assignment: tuple[Assigned, ...]) -> None:
        """Ask for our share."""
        config = self.config
        self.ask(SyncGroup(self.next_id(), config.group, self.generation, self.name, assignment))

    def on_synced(self, answer: Synced, sender: Address) -> None:
        # BEGIN SOLUTION G3: this is ours, from the next poll on
        if answer.id not in self.open or answer.error == LOADING:
            return
        self.close(answer.id)
        if answer.error:
            self.cope(answer.error)
            return
        self.phase, self.assigned = IN, answer.partitions
        if self.leads:
            self.set_timer(Refresh(), self.config.metadata_every)
        self.go_on()
        # END SOLUTION

    def take_over(self, assigned: Owned) -> None:
        """The program polls: what was assigned to us is ours; what is ours and was not, we let go of and join again."""
        # BEGIN SOLUTION G3: keep what we have, begin what is new
        self.assigned, self.owned_generation, self.claims = None, self.generation, ()
        self.surplus = tuple(part for part in self.places if part not in assigned)
        if self.surplus:
            self.must_join = True
        for part in assigned:
            self.places.setdefault(part, Place())
        self.drop(OffsetFetch)
        # END SOLUTION

    def let_go(self, parts: Owned) -> None:
        """These are not ours any more."""
        # BEGIN SOLUTION G3: nothing of them is handed out or committed after this
        for part in parts:
            self.places.pop(part, None)
        self.surplus = tuple(part for part in self.surplus if part in self.places)
        self.drop(OffsetFetch)
        # END SOLUTION

    def lose_place(self) -> None:
        """We are not in the group any more; others may own what we had."""
        # BEGIN SOLUTION G3: let go of all, and keep no claim
        self.let_go(tuple(self.places))
        self.drop(JoinGroup, SyncGroup, OffsetCommit)
        self.generation = self.owned_generation = NO_GENERATION
        self.claims, self.assigned, self.beat = (), None, None
        self.phase, self.must_join, self.leads, self.last_words = OUT, True, False, None
        self.answer_commit(Fail("the member has lost its place in the group"))
        # END SOLUTION

    def cope(self, error: str) -> None:
        """The coordinator has refused something."""
        # BEGIN SOLUTION G3: what each error means
        if error == NOT_COORDINATOR:
            self.lose_coordinator()
        elif error in (UNKNOWN_MEMBER, ILLEGAL_GENERATION):
            self.lose_place()
        elif error == REBALANCE_IN_PROGRESS:
            self.must_join = True
            if self.phase == SYNCING:
                self.drop(SyncGroup, Metadata)
                self.phase = OUT  # what we own, we own: in the generation that gave it to us
            self.answer_commit(Fail("the group rebalances"))
        self.go_on()
        # END SOLUTION

    # -- living -------------------------------------------------------------------------------------------------------

    def on_beat(self, _: Beat) -> None:
        # BEGIN SOLUTION G3: the heart beats; but not for ever while the program is stuck
        self.set_timer(Beat(), self.config.heartbeat)
        is_working = self.polling is None and self.closing is None
        if self.phase == OUT:
            return
        if is_working and self.monotonic() - self.polled_at >= self.config.max_poll_interval:
            if self.coordinator:
                bye = LeaveGroup(self.next_id(), self.config.group, self.name)
                self.send(Address(self.coordinator), bye)
            self.lose_place()
        elif self.missed >= PATIENCE:
            self.lose_coordinator()
            self.go_on()
        elif self.coordinator and self.phase in (SYNCING, IN):
            self.missed += 1
            self.beat = self.next_id()
            beat = Heartbeat(self.beat, self.config.group, self.generation, self.name)
            self.send(Address(self.coordinator), beat)
        # END SOLUTION

    def on_heartbeat_answer(self, answer: HeartbeatAnswer, sender: Address) -> None:
        # BEGIN SOLUTION G3: only the answer to our last one says something about now
        if answer.id != self.beat:
            return
        self.beat, self.missed = None, 0
        if answer.error:
            self.cope(answer.error)
        # END SOLUTION

    def leave(self) -> None:
        """The program closes us: commit, and say good-bye."""
        # BEGIN SOLUTION G3: after the last words
        if self.phase == OUT and self.generation == NO_GENERATION:
            self.has_left()
        elif self.is_done_talking() and not self.is_asking(LeaveGroup):
            self.drop(OffsetCommit)
            self.let_go(tuple(self.places))
            self.ask(LeaveGroup(self.next_id(), self.config.group, self.name))
        # END SOLUTION

    def on_left(self, answer: Left, sender: Address) -> None:
        # BEGIN SOLUTION G3: gone
        if self.close(answer.id) is not None:
            self.lose_place()
            self.has_left()
        # END SOLUTION

    def has_left(self) -> None:
        """Tell the program."""
        # BEGIN SOLUTION G3: and ask nothing any more
        closing, self.closing = self.closing, None
        self.open.clear()
        self.must_join = False
        if closing is not None:
            self.finish(closing, Ok())
        # END SOLUTION

    # -- offsets ------------------------------------------------------------------------------------------------------

    def settle_offsets(self) -> None:
        """Find out where to begin."""
        # BEGIN SOLUTION G3: what is committed; or what ``reset`` says, and commit that
        unknown = tuple(sorted(p for p, place in self.places.items() if place.position is None))
        resets = tuple(p for p in unknown if self.places[p].needs_reset)
        if resets and self.config.reset == NEVER:
            self.answer_poll(Fail(f"nothing is committed for {resets[0]}"))
        elif resets and not self.is_asking_ends():
            wants = tuple(Want(part, -1) for part in resets)
            self.ask(FetchRecords(self.next_id(), wants), self.config.broker)
        if len(unknown) > len(resets) and not self.is_asking(OffsetFetch):
            parts = tuple(part for part in unknown if part not in resets)
            self.ask(OffsetFetch(self.next_id(), self.config.group, parts))
        if any(q.committed is None and q.position is not None for q in self.places.values()):
            self.commit()
        # END SOLUTION

    def is_asking_ends(self) -> bool:
        """Whether we have asked where partitions begin and end."""
        return any(
            isinstance(q.message, FetchRecords) and q.message.wants[0].offset < 0
            for q in self.open.values()
        )

    def on_offsets_fetched(self, answer: OffsetsFetched, sender: Address) -> None:
        # BEGIN SOLUTION G3: begin there
        if answer.id not in self.open or answer.error == LOADING:
            return
        self.close(answer.id)
        if answer.error:
            self.cope(answer.error)
            return
        for position in answer.positions:
            place = self.places.get(position.partition)
            if place is None or place.position is not None:
                continue
            if position.offset is None:
                place.needs_reset = True
            else:
                begin_at(place, position.offset, is_committed=True)
        self.go_on()
        # END SOLUTION

    def on_auto_commit(self, _: AutoCommit) -> None:
        # BEGIN SOLUTION G3: again and again
        self.set_timer(AutoCommit(), self.config.auto_commit_every)
        self.commit()
        # END SOLUTION

    def commit(self) -> None:
        """Commit what is processed, if there is something and no commit is under way: they must not overtake each
        other."""
        # BEGIN SOLUTION G3: with our generation
        positions = to_commit(self.places)
        if positions and self.coordinator and self.phase == IN and not self.is_asking(OffsetCommit):
            config = self.config
            self.ask(
                OffsetCommit(self.next_id(), config.group, self.generation, self.name, positions)
            )
        # END SOLUTION

    def on_offset_committed(self, answer: OffsetCommitted, sender: Address) -> None:
        # BEGIN SOLUTION G3: note it; or we have lost our place
        question = self.open.get(answer.id)
        if question is None or answer.error == LOADING:
            return
        self.close(answer.id)
        if answer.error:
            self.cope(answer.error)
            return
        self.note_committed(question.message.positions)  # type: ignore[attr-defined]
        if to_commit(self.places) and self.committing is not None:
            self.commit()
        else:
            self.answer_commit(Ok())
        self.go_on()
        # END SOLUTION

    def note_committed(self, positions: tuple[Position, ...]) -> None:
        for position in positions:
            place = self.places.get(position.partition)
            if place is not None and position.offset is not None:
                place.committed = position.offset

    # -- records ------------------------------------------------------------------------------------------------------

    def fetch(self) -> None:
        """Ask for records of what we own, where we have none; also while the program works."""
        # BEGIN SOLUTION G3: one question at a time, about all of them
        wants = tuple(
            Want(part, place.position)
            for part, place in sorted(self.places.items())
            if place.position is not None and not place.fetched and part not in self.surplus
        )
        if wants and not self.is_asking(FetchRecords):
            config = self.config
            self.ask(
                FetchRecords(self.next_id(), wants, config.fetch_records, config.poll_wait),
                config.broker,
            )
        # END SOLUTION

    def on_records_fetched(self, answer: RecordsFetched, sender: Address) -> None:
        # BEGIN SOLUTION G3: keep what comes next; or begin anew, where it is gone
        question = self.close(answer.id)
        if question is None:
            return
        asked = {want.partition: want.offset for want in question.message.wants}  # type: ignore[attr-defined]
        for found in answer.found:
            place = self.places.get(found.partition)
            if place is None:
                continue
            if place.needs_reset and asked[found.partition] < 0:
                self.reset(place, found)
            elif place.position == asked[found.partition] and found.error == OUT_OF_RANGE:
                place.position, place.needs_reset = None, True
            elif place.position == asked[found.partition]:
                take(place, found)
        self.go_on()
        # END SOLUTION

    def reset(self, place: Place, found: Found) -> None:
        """Begin where ``auto.offset.reset`` says."""
        # BEGIN SOLUTION G3: at the beginning or at the end; nobody has committed that
        earliest = self.config.reset == EARLIEST
        begin_at(place, found.log_start if earliest else found.high_watermark, is_committed=False)
        # END SOLUTION

    def serve(self) -> None:
        """The program waits: hand out what there is."""
        # BEGIN SOLUTION G3: of what we own and keep; nothing more while we are about to let go
        if self.polling is not None and not self.must_join:
            allowed = tuple(part for part in self.places if part not in self.surplus)
            records = hand_out(self.places, allowed, self.poll.max_records)
            if records:
                self.answer_poll(Ok(records))
        # END SOLUTION

    def answer_poll(self, outcome: Ok | Fail) -> None:
        """The program goes on."""
        polling, self.polling = self.polling, None
        if polling is not None:
            self.cancel_timer(PollDue())
            self.polled_at = self.monotonic()
            self.finish(polling, outcome)

    def answer_commit(self, outcome: Ok | Fail) -> None:
        """The program goes on."""
        committing, self.committing = self.committing, None
        if committing is not None:
            self.finish(committing, outcome)
