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
        raise NotImplementedError("G3: once more; or look for another coordinator")

    # -- the program --------------------------------------------------------------------------------------------------

    def on_poll(self, op: Poll, ticket: Ticket) -> None:
        raise NotImplementedError("G3: all that it had is processed; go on")

    def on_poll_due(self, _: PollDue) -> None:
        raise NotImplementedError("G3: nothing has come")

    def on_commit_now(self, op: CommitNow, ticket: Ticket) -> None:
        raise NotImplementedError("G3: all that it had is processed; commit it, if we still may")

    def on_close(self, op: Close, ticket: Ticket) -> None:
        raise NotImplementedError("G3: commit, leave")

    # -- what is missing? ---------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Ask for the first thing that is missing. Call it whenever something has changed."""
        raise NotImplementedError("G3: a coordinator, a place in the group, offsets, records")

    def find_coordinator(self) -> None:
        """Ask one broker after the other."""
        raise NotImplementedError("G3: one at a time")

    def on_coordinator_found(self, answer: CoordinatorFound, sender: Address) -> None:
        raise NotImplementedError("G3: it, or nobody knows")

    def lose_coordinator(self) -> None:
        """Our coordinator is none, or is silent. We keep our place: the next one knows it from the log."""
        raise NotImplementedError(
            "G3: forget what we asked it; a join that is half done begins anew"
        )

    # -- a place in the group -----------------------------------------------------------------------------------------

    def is_done_talking(self) -> bool:
        """Whether all that is processed is committed, as far as possible, before we let go of it."""
        raise NotImplementedError("G3: wait for a commit, not for ever")

    def join(self) -> None:
        """Let go of what we may not keep, and join."""
        raise NotImplementedError(
            "G3: eager: of everything; cooperative: of what is not ours any more"
        )

    def on_joined(self, answer: Joined, sender: Address) -> None:
        raise NotImplementedError("G3: sync; as the leader, once we know how large the topics are")

    def topics_of_all(self) -> tuple[str, ...]:
        """Every topic that a member subscribes to."""
        return tuple(sorted({topic for m in self.members for topic in m.topics}))

    def on_metadata_is(self, answer: MetadataIs, sender: Address) -> None:
        raise NotImplementedError("G3: assign; or see that we have to, since something has grown")

    def on_refresh(self, _: Refresh) -> None:
        raise NotImplementedError("G3: the leader looks")

    def sync(self, assignment: tuple[Assigned, ...]) -> None:
        """Ask for our share."""
        config = self.config
        self.ask(SyncGroup(self.next_id(), config.group, self.generation, self.name, assignment))

    def on_synced(self, answer: Synced, sender: Address) -> None:
        raise NotImplementedError("G3: this is ours, from the next poll on")

    def take_over(self, assigned: Owned) -> None:
        """The program polls: what was assigned to us is ours; what is ours and was not, we let go of and join again."""
        raise NotImplementedError("G3: keep what we have, begin what is new")

    def let_go(self, parts: Owned) -> None:
        """These are not ours any more."""
        raise NotImplementedError("G3: nothing of them is handed out or committed after this")

    def lose_place(self) -> None:
        """We are not in the group any more; others may own what we had."""
        raise NotImplementedError("G3: let go of all, and keep no claim")

    def cope(self, error: str) -> None:
        """The coordinator has refused something."""
        raise NotImplementedError("G3: what each error means")

    # -- living -------------------------------------------------------------------------------------------------------

    def on_beat(self, _: Beat) -> None:
        raise NotImplementedError(
            "G3: the heart beats; but not for ever while the program is stuck"
        )

    def on_heartbeat_answer(self, answer: HeartbeatAnswer, sender: Address) -> None:
        raise NotImplementedError("G3: only the answer to our last one says something about now")

    def leave(self) -> None:
        """The program closes us: commit, and say good-bye."""
        raise NotImplementedError("G3: after the last words")

    def on_left(self, answer: Left, sender: Address) -> None:
        raise NotImplementedError("G3: gone")

    def has_left(self) -> None:
        """Tell the program."""
        raise NotImplementedError("G3: and ask nothing any more")

    # -- offsets ------------------------------------------------------------------------------------------------------

    def settle_offsets(self) -> None:
        """Find out where to begin."""
        raise NotImplementedError("G3: what is committed; or what ``reset`` says, and commit that")

    def is_asking_ends(self) -> bool:
        """Whether we have asked where partitions begin and end."""
        return any(
            isinstance(q.message, FetchRecords) and q.message.wants[0].offset < 0
            for q in self.open.values()
        )

    def on_offsets_fetched(self, answer: OffsetsFetched, sender: Address) -> None:
        raise NotImplementedError("G3: begin there")

    def on_auto_commit(self, _: AutoCommit) -> None:
        raise NotImplementedError("G3: again and again")

    def commit(self) -> None:
        """Commit what is processed, if there is something and no commit is under way: they must not overtake each
        other."""
        raise NotImplementedError("G3: with our generation")

    def on_offset_committed(self, answer: OffsetCommitted, sender: Address) -> None:
        raise NotImplementedError("G3: note it; or we have lost our place")

    def note_committed(self, positions: tuple[Position, ...]) -> None:
        for position in positions:
            place = self.places.get(position.partition)
            if place is not None and position.offset is not None:
                place.committed = position.offset

    # -- records ------------------------------------------------------------------------------------------------------

    def fetch(self) -> None:
        """Ask for records of what we own, where we have none; also while the program works."""
        raise NotImplementedError("G3: one question at a time, about all of them")

    def on_records_fetched(self, answer: RecordsFetched, sender: Address) -> None:
        raise NotImplementedError("G3: keep what comes next; or begin anew, where it is gone")

    def reset(self, place: Place, found: Found) -> None:
        """Begin where ``auto.offset.reset`` says."""
        raise NotImplementedError("G3: at the beginning or at the end; nobody has committed that")

    def serve(self) -> None:
        """The program waits: hand out what there is."""
        raise NotImplementedError(
            "G3: of what we own and keep; nothing more while we are about to let go"
        )

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
