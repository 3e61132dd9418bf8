"""Bugs of the client: how batches are sent again, what a hole changes, and what is reported."""

from __future__ import annotations

from distlab.core import Fail, Info, Ok
from distlab.grade.lab import bug
from labs.lab2_log import accumulator
from labs.lab2_log.accumulator import Draft, Queue, Waiting, begin_epoch
from labs.lab2_log.brokers import NONE, Produced
from labs.lab2_log.producer import APPENDED_PERHAPS, Introduce, Producer
from labs.lab2_log.producing import OUT_OF_ORDER_SEQUENCE, MetadataIs, ProducerConfig

_name = accumulator.name

# -- how they are sent again ------------------------------------------------------------------------------------------


def counts_those_under_way(queue: Queue, config: ProducerConfig) -> list[Draft]:
    """Counts what is not settled, not how far it is from the oldest: one whose answer is lost is left behind, and the
    broker forgets it."""
    return queue.batches[: accumulator.window(config)]


class NumbersAnew(Producer):
    """Numbers a batch when it is sent, also when it is sent again: no broker can know it."""

    def attempt(self, queue: Queue, draft: Draft) -> None:
        if draft is queue.batches[-1]:
            draft.blob = b""
        super().attempt(queue, draft)


def five_without_numbers(config: ProducerConfig) -> int:
    """Five under way without numbers: the first is lost and comes again, behind the others."""
    return config.in_flight


class FillsWhatHasLeft(Producer):
    """Adds to a batch that is to be sent again, since there is room: a repeat with more in it is no repeat."""

    def take_back(self, draft: Draft) -> None:
        super().take_back(draft)
        queue = next(queue for queue in self.queues if draft in queue.batches)
        if draft is queue.batches[-1]:
            draft.is_closed = False

    def attempt(self, queue: Queue, draft: Draft) -> None:
        if draft.blob and not draft.is_closed:
            after, queue.sequence = queue.sequence, draft.sequence
            _name(queue, draft, self.config)
            queue.sequence = max(after, queue.sequence)
        super().attempt(queue, draft)


class FirstErrorIsFinal(Producer):
    """Reports the first error there is: retries are the application's business."""

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        if answer.error == NONE:
            super().answered(queue, draft, answer)
            return
        if answer.error not in APPENDED_PERHAPS:
            draft.in_doubt.discard(answer.id)
        self.give_up(queue, answer.error, draft)


class OutOfOrderIsFinal(Producer):
    """Takes OUT_OF_ORDER_SEQUENCE_NUMBER for the end. It only says that another one must come first."""

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        if answer.error == OUT_OF_ORDER_SEQUENCE:
            self.give_up(queue, answer.error)
        else:
            super().answered(queue, draft, answer)


class AsksOnceWhoLeads(Producer):
    """Asks for metadata at its start. Leaders change."""

    def look(self) -> None:
        if not self.states:
            super().look()


class HearsThatNobodyLeads(Producer):
    """Stops asking when it has heard who leads, and hears then, in an answer that was late, that nobody does."""

    def on_metadata_is(self, answer: MetadataIs) -> None:
        self.wants_news = True
        super().on_metadata_is(answer)


class Hammers(Producer):
    """Tries again at once."""

    def take_back(self, draft: Draft) -> None:
        super().take_back(draft)
        draft.due = self.monotonic()


class NeverGivesUp(Producer):
    """Tries for ever, and never says so."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        if refused is not None:
            super().give_up(queue, why, refused)

    def next_due(self, queue: Queue) -> int | None:
        for draft in queue.batches:
            draft.created = max(draft.created, self.monotonic() - self.config.linger)
        return super().next_due(queue)


# -- epochs, holes, and what is reported ------------------------------------------------------------------------------


class GoesOnOverTheHole(Producer):
    """Gives up the oldest batch and sends the rest under new numbers: in the log there is a hole, and what stands
    behind it was sent when nobody had heard of it."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        lost = refused if refused is not None else queue.batches[0]
        rest = [draft for draft in queue.batches if draft is not lost]
        queue.batches = [lost]
        super().give_up(queue, why, refused)
        queue.batches = rest
        for draft in rest:
            draft.blob, draft.request = b"", 0
            draft.created = self.monotonic()


class CountsOn(Producer):
    """Goes on counting after a hole, in the same epoch: what the broker waits for never comes, and all else is
    refused."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        epoch, sequence = queue.epoch, queue.sequence
        super().give_up(queue, why, refused)
        queue.epoch, queue.sequence = epoch, sequence


class SameEpochFromZero(Producer):
    """Begins at 0 again after a hole, in the same epoch: the broker takes new records for old ones, and says that it
    has them."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        epoch = queue.epoch
        super().give_up(queue, why, refused)
        queue.epoch = epoch


class AllBeginAnew(Producer):
    """One epoch for all partitions: a hole in one makes the batches of the others be numbered anew, those too that are
    under way."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        before = queue.epoch
        super().give_up(queue, why, refused)
        self.all_follow(queue, before)

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        before = queue.epoch
        super().answered(queue, draft, answer)
        self.all_follow(queue, before)

    def all_follow(self, queue: Queue, before: int) -> None:
        for other in self.queues:
            if queue.epoch > before and other is not queue and other.epoch < queue.epoch:
                begin_epoch(other)
                other.epoch = queue.epoch


class ForgottenForGood(Producer):
    """Sends the same batch again and again to a broker that does not know the producer, and never will."""

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        return False


class TakesItsWord(Producer):
    """Begins anew whenever a broker says that it does not know the producer. It may be one that leads no more, and an
    attempt of before may be in the log."""

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        return draft is queue.batches[0]


class TrustsEveryRefusal(Producer):
    """Takes each refusal for certain. One copy of the batch came too early, and another one in time."""

    def attempt(self, queue: Queue, draft: Draft) -> None:
        super().attempt(queue, draft)
        draft.early.clear()


class SilenceIsFailure(Producer):
    """Nobody answered: it did not happen."""

    def settle(self, record: Waiting, outcome: Ok | Fail | Info) -> None:
        super().settle(record, Fail(outcome.reason) if isinstance(outcome, Info) else outcome)


class LastWordCounts(Producer):
    """Judges by the last attempt: it was refused, so the record is not in the log. One of before was not answered."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        if refused is not None:
            refused.in_doubt.clear()
        super().give_up(queue, why, refused)


class OneOffsetForAll(Producer):
    """Reports where the batch begins, for each record of it."""

    def deliver(self, queue: Queue, draft: Draft, base: int) -> None:
        queue.batches.remove(draft)
        for record in draft.records:
            self.settle(record, Ok([self.queues.index(queue), base]))


class AsksOnlyWhenTold(Producer):
    """Asks who leads when a broker says that it does not. A dead one says nothing."""

    def pump(self, number: int) -> None:
        asking, self.wants_news = self.wants_news, True
        super().pump(number)
        self.wants_news = asking


class AsksOnceForItsId(Producer):
    """Asks once for a producer id. The question may be lost, and so may the answer."""

    def on_introduce(self, _: Introduce) -> None:
        return


def numbers_the_first_anew(queue: Queue) -> None:
    """Numbers the oldest batch anew when the broker has forgotten the producer, and leaves those behind it in the old
    epoch."""
    rest = queue.batches[1:]
    del queue.batches[1:]
    begin_epoch(queue)
    queue.batches += rest


class NumbersBeginAgain(Producer):
    """Counts its requests from 1 in each life: an answer to the life before is taken for one to this one."""

    def on_start(self) -> None:
        super().on_start()
        self.questions = 0


SENDING = (
    bug(
        "counts-those-under-way",
        counts_those_under_way,
        part="F",
        replaces="accumulator:foremost",
        breaks="PR-S1",
    ),
    bug("numbers-anew", NumbersAnew, part="F", replaces="producer:Producer", breaks="PR-S1"),
    bug(
        "five-without-numbers",
        five_without_numbers,
        part="F",
        replaces="accumulator:window",
        breaks="PR-S4",
    ),
    bug(
        "fills-what-has-left",
        FillsWhatHasLeft,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S1",
    ),
    bug(
        "first-error-is-final",
        FirstErrorIsFinal,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "out-of-order-is-final",
        OutOfOrderIsFinal,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "asks-once-who-leads",
        AsksOnceWhoLeads,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "hears-that-nobody-leads",
        HearsThatNobodyLeads,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug("hammers", Hammers, part="F", replaces="producer:Producer", breaks="PR-C1", kind="cost"),
    bug(
        "never-gives-up",
        NeverGivesUp,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "goes-on-over-the-hole",
        GoesOnOverTheHole,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S4",
        code="2F-m12",
    ),
    bug(
        "counts-on",
        CountsOn,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "same-epoch-from-zero",
        SameEpochFromZero,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug(
        "all-begin-anew",
        AllBeginAnew,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S1",
        code="2F-m7",
        source="librdkafka #4953",
    ),
    bug(
        "forgotten-for-good",
        ForgottenForGood,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        code="2F-m8b",
        kind="liveness",
        source="KIP-360; redpanda #22670",
    ),
    bug("takes-its-word", TakesItsWord, part="F", replaces="producer:Producer", breaks="PR-S1"),
    bug(
        "silence-is-failure",
        SilenceIsFailure,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug(
        "trusts-every-refusal",
        TrustsEveryRefusal,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S1",
    ),
    bug("last-word-counts", LastWordCounts, part="F", replaces="producer:Producer", breaks="PR-S2"),
    bug(
        "timed-out-is-refused",
        frozenset(),
        part="F",
        replaces="producer:APPENDED_PERHAPS",
        breaks="PR-S2",
        story="Takes REQUEST_TIMED_OUT for a no. It says that the batch is in the log, and may or may not stay there.",
    ),
    bug(
        "one-offset-for-all",
        OneOffsetForAll,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug(
        "asks-only-when-told",
        AsksOnlyWhenTold,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "asks-once-for-its-id",
        AsksOnceForItsId,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "numbers-the-first-anew",
        numbers_the_first_anew,
        part="F",
        replaces="accumulator:begin_epoch",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "numbers-begin-again",
        NumbersBeginAgain,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
)
