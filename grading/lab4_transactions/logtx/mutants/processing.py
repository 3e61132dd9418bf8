"""Bugs of part 4F3: processors whose offsets and outputs come apart, that trust their memory, or stop."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address
from distlab.grade.lab import Mutant, bug
from labs.lab4_transactions.logtx import (
    Assignment,
    Fetched,
    FetchOffsets,
    OffsetsAre,
    Write,
    processed,
)
from labs.lab4_transactions.txn_processor import GoOn, Processor
from labs.lab4_transactions.txn_producer import COMMITTED, FENCED, UNKNOWN, Offsets
from labs.lab4_transactions.txn_reader import read_committed


class OffsetsAfterwards(Processor):
    """Commits its outputs, and its offsets in a transaction of their own: what comes between is done again."""

    left: Offsets | None

    def on_start(self) -> None:
        self.left = None
        super().on_start()

    def transact(
        self, writes: tuple[Write, ...], offsets: Offsets | None = None, **options
    ) -> None:  # type: ignore[no-untyped-def]
        self.left = offsets if writes else None
        super().transact(writes, None if writes else offsets, **options)

    def transacted(self, outcome: str) -> None:
        left, self.left = self.left, None
        if left is not None and outcome == COMMITTED:
            self.transact((), left)
            return
        super().transacted(outcome)


class OffsetsBefore(Processor):
    """Commits its offsets, and then its outputs: what comes between is lost."""

    left: tuple[Write, ...]

    def on_start(self) -> None:
        self.left = ()
        super().on_start()

    def transact(
        self, writes: tuple[Write, ...], offsets: Offsets | None = None, **options
    ) -> None:  # type: ignore[no-untyped-def]
        self.left = writes if offsets is not None else ()
        super().transact(() if offsets is not None else writes, offsets, **options)

    def transacted(self, outcome: str) -> None:
        left, self.left = self.left, ()
        if left and outcome == COMMITTED:
            super().transact(left)
            return
        super().transacted(outcome)


class OfNoGeneration(Processor):
    """Commits offsets without saying in which generation it has read: a zombie's are taken."""

    def transact(
        self, writes: tuple[Write, ...], offsets: Offsets | None = None, **options
    ) -> None:  # type: ignore[no-untyped-def]
        if offsets is not None:
            offsets = Offsets(offsets.group, -1, offsets.positions)
        super().transact(writes, offsets, **options)


class GoesOnWhenFenced(Processor):
    """Takes "fenced" for "somebody else does it", and goes on from where it was."""

    def transacted(self, outcome: str) -> None:
        super().transacted(COMMITTED if outcome == FENCED else outcome)


class HopesForTheBest(Processor):
    """Takes an unknown outcome for a commit."""

    def transacted(self, outcome: str) -> None:
        super().transacted(COMMITTED if outcome == UNKNOWN else outcome)


class AlwaysAgain(Processor):
    """Takes an unknown outcome for an abort, and processes the same records again."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        before = dict(self.positions)
        super().on_fetched(fetched, sender)
        if self.txn is not None:
            self.before = before

    before: dict[str, int]

    def on_start(self) -> None:
        self.before = {}
        super().on_start()

    def transacted(self, outcome: str) -> None:
        if outcome == UNKNOWN and self.positions:
            self.positions = self.before
            outcome = COMMITTED
        super().transacted(outcome)


class TakesUnstableOffsets(Processor):
    """Asks for the group's offsets as they are: an open transaction may hold newer ones."""

    def send(self, to: Address, message) -> None:  # type: ignore[no-untyped-def]
        if isinstance(message, FetchOffsets):
            message = structs.replace(message, require_stable=False)
        super().send(to, message)


class ReadsTheAborted(Processor):
    """Processes what was aborted, too."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        super().on_fetched(structs.replace(fetched, aborted=()), sender)


class KeepsItsPlaces(Processor):
    """Remembers where it was in an input that comes back to it; others have read on meanwhile."""

    memory: dict[str, int]

    def on_start(self) -> None:
        self.memory = {}
        super().on_start()

    def on_assignment(self, news: Assignment) -> None:
        self.memory |= self.positions
        super().on_assignment(news)

    def on_offsets_are(self, answer: OffsetsAre) -> None:
        kept = {name: self.memory.get(name, at) for name, at in answer.positions.items()}
        super().on_offsets_are(structs.replace(answer, positions=kept))


class KeepsWhatItHas(Processor):
    """Keeps its place in an input that is still its own in the next generation that it hears of. It may have missed
    one in which it was another's."""

    def on_assignment(self, news: Assignment) -> None:
        places = dict(self.positions)
        is_news = news.generation > self.generation
        super().on_assignment(news)
        if is_news and set(news.partitions) <= set(places):
            self.positions = {name: places[name] for name in news.partitions}
            self.go_on()


class AnyOffsetsWillDo(Processor):
    """Takes any answer of the group for the answer to its question: an old one, come late, leads it back."""

    def on_offsets_are(self, answer: OffsetsAre) -> None:
        super().on_offsets_are(structs.replace(answer, id=self.question))


class BackToFront(Processor):
    """Processes the newest record of a piece first."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        super().on_fetched(fetched, sender)
        if self.txn is not None and self.txn.phase in ("init", "add") and self.txn.rounds:
            self.txn.rounds[0] = tuple(
                structs.replace(w, values=w.values[::-1]) for w in self.txn.rounds[0]
            )


class GivesUpWhenFenced(Processor):
    """Stops for good when it is fenced: it was only slow."""

    def transacted(self, outcome: str) -> None:
        if outcome == FENCED:
            self.partitions, self.generation = (), 10**9
        super().transacted(outcome)


class StuckAtTheAborted(Processor):
    """Stays where it is while there is nothing to hand out: behind a piece that was aborted it never looks."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        before = dict(self.positions)
        super().on_fetched(fetched, sender)
        if self.txn is None and sender in self.positions:
            self.positions[sender] = before[sender]


class AsksOnce(Processor):
    """Asks each question once."""

    def on_go_on(self, timer: GoOn) -> None:
        if self.question == 0:
            super().on_go_on(timer)


class FirstGenerationForEver(Processor):
    """Keeps the share that it was given first."""

    def on_assignment(self, news: Assignment) -> None:
        if self.generation == -1:
            super().on_assignment(news)


class HeedsOnlyTheFirst(Processor):
    """Reads its first input only, as long as it has one: the others have no turn."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        super().on_fetched(fetched, sender)
        self.positions = dict(sorted(self.positions.items()))


class CommitsNothing(Processor):
    """Runs a transaction for each look, also where there was nothing to read."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        is_mine = fetched.id == self.question and sender in self.positions and self.txn is None
        super().on_fetched(fetched, sender)
        if is_mine and self.txn is None:
            place = {sender: self.positions[sender]}
            self.transact((), Offsets(self.config.group, self.generation, place))


class OneRecordAtATime(Processor):
    """Runs a transaction for each record."""

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        if fetched.id != self.question or sender not in self.positions or self.txn is not None:
            return
        records, _ = read_committed(fetched, self.positions[sender])
        if not records:
            super().on_fetched(fetched, sender)
            return
        first = records[0]
        self.question = 0
        self.positions.pop(sender)
        self.positions[sender] = first.offset + 1
        to, value = processed(first.value, self.config.outputs)
        offsets = Offsets(self.config.group, self.generation, {sender: first.offset + 1})
        self.cancel_timer(GoOn())
        self.transact((Write(to, (value,)),), offsets)


def _bug(
    name: str, by: type, breaks: str, kind: str = "safety", source: str = "ours", code: str = ""
) -> Mutant:
    return bug(
        name,
        by,
        part="F3",
        replaces="txn_processor:Processor",
        breaks=breaks,
        kind=kind,
        source=source,
        code=code,
    )


PROCESSING = (
    _bug("offsets-afterwards", OffsetsAfterwards, "TX-S5", source="KIP-98", code="m8"),
    _bug("offsets-before", OffsetsBefore, "TX-S5", source="KIP-98", code="m8"),
    _bug("of-no-generation", OfNoGeneration, "TX-S5", source="KIP-447", code="m12"),
    _bug("goes-on-when-fenced", GoesOnWhenFenced, "TX-S5"),
    _bug("hopes-for-the-best", HopesForTheBest, "TX-S5"),
    _bug("always-again", AlwaysAgain, "TX-S5"),
    _bug("takes-unstable-offsets", TakesUnstableOffsets, "TX-S5", source="KIP-447"),
    _bug("reads-the-aborted", ReadsTheAborted, "TX-S5", source="KIP-98"),
    _bug("keeps-its-places", KeepsItsPlaces, "TX-S5"),
    _bug("keeps-what-it-has", KeepsWhatItHas, "TX-S5"),
    _bug("any-offsets-will-do", AnyOffsetsWillDo, "TX-S5"),
    _bug("back-to-front", BackToFront, "TX-S5"),
    _bug("gives-up-when-fenced", GivesUpWhenFenced, "TX-L5", "liveness"),
    _bug("stuck-at-the-aborted", StuckAtTheAborted, "TX-L5", "liveness"),
    _bug("asks-each-once", AsksOnce, "TX-L5", "liveness"),
    _bug("first-generation-for-ever", FirstGenerationForEver, "TX-L5", "liveness"),
    _bug("heeds-only-the-first", HeedsOnlyTheFirst, "TX-L5", "liveness"),
    _bug("commits-nothing", CommitsNothing, "TX-C2", "cost"),
    _bug("one-record-at-a-time", OneRecordAtATime, "TX-C2", "cost"),
)
