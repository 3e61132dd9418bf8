"""Bugs of part G3: records skipped or read twice, partitions held too long, let go too early, or read by two.

(A long file because of the table at its end.)
"""

from __future__ import annotations

from distlab.core import Address, Ok, Ticket
from distlab.grade.lab import bug
from labs.lab2_log import places
from labs.lab2_log.groups import (
    COOPERATIVE,
    NO_GENERATION,
    REBALANCE_IN_PROGRESS,
    CommitNow,
    HeartbeatAnswer,
    JoinGroup,
    Owned,
    Position,
    Record,
    Synced,
)
from labs.lab2_log.member import IN, AskAgain, Beat, Member, Refresh
from labs.lab2_log.places import Place, Places

_to_commit = places.to_commit
_hand_out = places.hand_out
_begin_at = places.begin_at
_take = places.take


def commits_what_is_fetched(of: Places) -> tuple[Position, ...]:
    """Commits what was fetched. If the member dies, what waited for the program is never processed."""
    positions = {position.partition: position for position in _to_commit(of)}
    for part, place in of.items():
        if place.fetched and place.committed is not None:
            positions[part] = Position(part, place.fetched[-1].offset + 1)
    return tuple(position for _, position in sorted(positions.items()))


def commits_what_is_handed_out(of: Places) -> tuple[Position, ...]:
    """Commits what the program has got. It has not processed it yet."""
    for place in of.values():
        if place.position is not None:
            place.processed = place.position
    return _to_commit(of)


def commits_the_last_one(of: Places) -> tuple[Position, ...]:
    """Commits the offset of the last record that was processed, not of the next: each rebalance reads one twice."""
    return tuple(
        Position(part, max(place.committed or 0, place.processed - 1))
        for part, place in sorted(of.items())
        if place.position is not None
        and place.committed != max(place.committed or 0, place.processed - 1)
    )


def takes_resets_for_commits(place: Place, offset: int, is_committed: bool) -> None:
    """Does not commit where ``latest`` has put it. It dies before it has processed anything, the next owner begins
    at the end as it is then, and what came in between nobody reads."""
    _begin_at(place, offset, True)


def begins_at_the_beginning(place: Place, offset: int, is_committed: bool) -> None:
    """Takes over a partition, and reads it from the beginning."""
    _begin_at(place, 0, is_committed)


def begins_one_later(place: Place, offset: int, is_committed: bool) -> None:
    """Takes the committed offset for that of the last record that was processed, and begins behind it."""
    _begin_at(place, offset + 1 if is_committed and offset else offset, is_committed)


def drops_the_rest(of: Places, allowed: Owned, most: int) -> tuple[Record, ...]:
    """Hands out as many records as the program takes, and throws away the rest of what it has fetched: the position
    goes on behind all of them."""
    records = _hand_out(of, allowed, most)
    for part in {record.partition for record in records}:
        place = of[part]
        if place.fetched and place.position is not None:
            place.position, place.fetched = place.fetched[-1].offset + 1, []
    return records


class HeartOfItsOwn(Member):
    """The heart beats on while the program is stuck: its partitions are read by nobody."""

    def on_beat(self, beat: Beat) -> None:
        self.polled_at = self.monotonic()
        super().on_beat(beat)


class KeepsWhatItLost(Member):
    """Is told that it is out, joins again, and reads on meanwhile: so does its successor."""

    def lose_place(self) -> None:
        places = dict(self.places)
        super().lose_place()
        self.places = places

    def serve(self) -> None:
        must_join, self.must_join = self.must_join, False
        super().serve()
        self.must_join = must_join


class JoinsAtOnce(Member):
    """Joins as soon as it hears of a rebalance, whatever the program is doing: another one begins with what it has in
    its hands."""

    def on_heartbeat_answer(self, answer: HeartbeatAnswer, sender: Address) -> None:
        super().on_heartbeat_answer(answer, sender)
        if answer.error == REBALANCE_IN_PROGRESS and self.phase == IN and self.coordinator:
            self.join()


class ReadsWhileItJoins(Member):
    """Lets go of nothing while the group rebalances, with an eager assignor too."""

    def let_go(self, parts: Owned) -> None:
        if self.config.assignor == COOPERATIVE or not self.must_join or self.phase != IN:
            super().let_go(parts)

    def take_over(self, assigned: Owned) -> None:
        for part in [part for part in self.places if part not in assigned]:
            del self.places[part]
        super().take_over(assigned)


class EagerAlways(Member):
    """Lets go of everything before it joins, with the cooperative assignor too: all stand still, for one that comes."""

    def join(self) -> None:
        self.surplus = tuple(self.places)
        super().join()


class KeepsTheSurplus(Member):
    """Is told that it gets less, and reads on what it had: it joins again, and claims all that."""

    def take_over(self, assigned: Owned) -> None:
        super().take_over(assigned)
        self.surplus = ()


class ResetsOnTheWrongError(Member):
    """Is told that the group rebalances, and behaves as if it were out: what it owns is let go of and begun anew."""

    def cope(self, error: str) -> None:
        if error == REBALANCE_IN_PROGRESS and self.phase == "syncing":
            self.drop()
            self.lose_place()
            self.go_on()
        else:
            super().cope(error)


class ClaimsTheNewest(Member):
    """Claims what it owns in the newest generation that it has heard of, though that has given it nothing yet."""

    def ask(self, message: object, to: str = "") -> None:
        if isinstance(message, JoinGroup) and message.owned:
            message = JoinGroup(
                message.id,
                message.group,
                message.member,
                message.session_timeout,
                message.rebalance_timeout,
                message.assignor,
                message.topics,
                message.owned,
                self.generation,
            )
        super().ask(message, to)  # type: ignore[arg-type]


class NoGeneration(Member):
    """Never says in which generation it got what it claims: all claims look equally old."""

    def take_over(self, assigned: Owned) -> None:
        super().take_over(assigned)
        self.owned_generation = NO_GENERATION


class NoLastWords(Member):
    """Joins without committing what is processed: the next owner reads it again."""

    def is_done_talking(self) -> bool:
        return True


class AsksOnce(Member):
    """Asks the coordinator everything once."""

    def on_ask_again(self, timer: AskAgain) -> None:
        question = self.open.get(timer.id)
        if question is not None and not question.to:
            question.tries -= 1
            self.set_timer(timer, self.config.retry)
        else:
            super().on_ask_again(timer)


class SaysSo(Member):
    """Tells the program that its commit is done as soon as it is sent."""

    def on_commit_now(self, op: CommitNow, ticket: Ticket) -> None:
        super().on_commit_now(op, ticket)
        self.answer_commit(Ok())


class NeverLooks(Member):
    """The leader does not look whether its topics have grown: nobody reads the new partitions."""

    def on_refresh(self, _: Refresh) -> None:
        pass


class OneCoordinator(Member):
    """Stays with its first coordinator, whatever becomes of it."""

    def lose_coordinator(self) -> None:
        coordinator = self.coordinator
        super().lose_coordinator()
        self.coordinator = coordinator


class JoinsTwice(Member):
    """Hears of a rebalance that it has joined already, in an answer to an old heartbeat, and joins again: and so do the
    others then."""

    def on_synced(self, answer: Synced, sender: Address) -> None:
        is_news = answer.id in self.open and not answer.error and answer.generation % 2
        super().on_synced(answer, sender)
        self.must_join = self.must_join or (bool(is_news) and not self.leads)


CONSUMING = (
    bug(
        "commits-what-is-fetched",
        commits_what_is_fetched,
        part="G3",
        replaces="places:to_commit",
        breaks="CG-S3",
        code="m8",
    ),
    bug(
        "commits-what-is-handed-out",
        commits_what_is_handed_out,
        part="G3",
        replaces="places:to_commit",
        breaks="CG-S3",
    ),
    bug(
        "commits-the-last-one",
        commits_the_last_one,
        part="G3",
        replaces="places:to_commit",
        breaks="CG-L5",
        kind="cost",
    ),
    bug(
        "takes-resets-for-commits",
        takes_resets_for_commits,
        part="G3",
        replaces="places:begin_at",
        breaks="CG-S3",
        code="m13",
    ),
    bug(
        "begins-at-the-beginning",
        begins_at_the_beginning,
        part="G3",
        replaces="places:begin_at",
        breaks="CG-S3",
    ),
    bug(
        "begins-one-later",
        begins_one_later,
        part="G3",
        replaces="places:begin_at",
        breaks="CG-S3",
    ),
    bug(
        "drops-what-is-left",
        drops_the_rest,
        part="G3",
        replaces="places:hand_out",
        breaks="CG-S3",
    ),
    bug(
        "heart-of-its-own",
        HeartOfItsOwn,
        part="G3",
        replaces="member:Member",
        breaks="CG-L3",
        code="m11",
        kind="liveness",
        source="KIP-62",
    ),
    bug(
        "keeps-what-it-lost",
        KeepsWhatItLost,
        part="G3",
        replaces="member:Member",
        breaks="CG-S2",
    ),
    bug(
        "joins-at-once",
        JoinsAtOnce,
        part="G3",
        replaces="member:Member",
        breaks="CG-S4",
    ),
    bug(
        "reads-while-it-joins",
        ReadsWhileItJoins,
        part="G3",
        replaces="member:Member",
        breaks="CG-S2",
    ),
    bug(
        "eager-always",
        EagerAlways,
        part="G3",
        replaces="member:Member",
        breaks="CG-L2",
        kind="cost",
        source="KIP-429",
    ),
    bug(
        "keeps-the-surplus",
        KeepsTheSurplus,
        part="G3",
        replaces="member:Member",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "resets-on-the-wrong-error",
        ResetsOnTheWrongError,
        part="G3",
        replaces="member:Member",
        breaks="CG-L2",
        code="m7",
        kind="cost",
        source="KAFKA-13419, KAFKA-13891",
    ),
    bug(
        "claims-the-newest",
        ClaimsTheNewest,
        part="G3",
        replaces="member:Member",
        breaks="CG-S4",
        source="KIP-792",
    ),
    bug(
        "claims-without-a-generation",
        NoGeneration,
        part="G3",
        replaces="member:Member",
        breaks="CG-S4",
        source="aiokafka #1176",
    ),
    bug(
        "no-last-words",
        NoLastWords,
        part="G3",
        replaces="member:Member",
        breaks="CG-L5",
        kind="cost",
    ),
    bug(
        "asks-the-coordinator-once",
        AsksOnce,
        part="G3",
        replaces="member:Member",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "says-committed",
        SaysSo,
        part="G3",
        replaces="member:Member",
        breaks="CG-S3",
    ),
    bug(
        "never-looks-for-more",
        NeverLooks,
        part="G3",
        replaces="member:Member",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "one-coordinator",
        OneCoordinator,
        part="G3",
        replaces="member:Member",
        breaks="CG-L1",
        kind="liveness",
    ),
    bug(
        "joins-twice",
        JoinsTwice,
        part="G3",
        replaces="member:Member",
        breaks="CG-L2",
        kind="cost",
        code="m2",
    ),
)
