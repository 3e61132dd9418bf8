"""Judges of what a transaction comes to: one outcome, on disk before it is said, and nobody decides alone.

Nothing is asked of a program but what the handout promises: messages, the order of syncs and messages, and what a
participant shows of its accounts when it is looked at.
"""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.faults import Survival
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.twophase.chronicle import Chronicle, Disks, Story, chronicle
from grading.lab4_transactions.twophase.promises.common import (
    are_committed,
    events_of,
    is_quiet,
)
from grading.lab4_transactions.twophase.written import wish
from labs.lab4_transactions.twophase import (
    Ack,
    Decision,
    Holdings,
    Outcome,
    Vote,
)

# -- one outcome (TX2-S1) ---------------------------------------------------------------------------------------------


def one_outcome(run: Run) -> Verdict:
    """AC1 to AC3: what coordinators say of a transaction, and what its participants do, is all one."""
    books = chronicle(run)
    for story in books.stories.values():
        verdict = _one_word(story)
        if verdict.is_kept and story.is_committed:
            verdict = _all_agreed(story)
        if not verdict.is_kept:
            return verdict
    for account, txn, look in books.effects():
        said = books.story(txn).first(commit=True)
        if said is None or (look.event and said.event > look.event):
            return broken(
                f"{look.node} has done {txn} on {account}, and nobody had said that it is committed",
                *([look.event] if look.event else []),
                expected=f"{txn} has no effect",
                got=f"{account} is {look.seen.balance}, written by {txn}",
            )
    return _everywhere(run, books)


def _one_word(story: Story) -> Verdict:
    """A transaction is not committed and aborted. One that had only looked has no effect, and may be both."""
    yes, no = story.first(commit=True), story.first(commit=False)
    if yes is None or no is None or not story.yes:
        return kept()
    first, second = sorted((yes, no), key=lambda said: said.event)
    names = {True: "committed", False: "aborted"}
    return broken(
        f"{story.txn} is {names[first.commit]}, {first.to} was told, "
        f"and then it is {names[second.commit]}, {second.to} was told",
        first.event,
        second.event,
        expected=f"{names[first.commit]}, for ever",
        got=names[second.commit],
    )


def _all_agreed(story: Story) -> Verdict:
    said = story.first(commit=True)
    assert said is not None
    for holder in story.holders:
        if story.votes.get(holder, said.event) >= said.event:
            return broken(
                f"{story.txn} is committed, and {holder} had not voted for it",
                said.event,
                expected=f"a yes from {', '.join(story.holders)}",
                got=f"votes from {', '.join(story.votes) or 'nobody'}",
            )
    return kept()


def _everywhere(run: Run, books: Chronicle) -> Verdict:
    """When all is well again, what is committed is done on every account."""
    up = {a for a, h in run.probes.items() if isinstance(h, Holdings)}
    if not is_quiet(run):
        return kept()
    done = {(account, txn) for account, txn, _ in books.effects()}
    for txn, story in books.stories.items():
        for step in story.steps:
            if not story.is_committed or step.is_look or step.holder not in up:
                continue
            if (step.account, txn) not in done:
                said = story.first(commit=True)
                assert said is not None
                return broken(
                    f"{txn} is committed, and on {step.account} it is not done",
                    said.event,
                    expected=f"{step.account} changed by {step.amount:+d}",
                    got="no trace of it",
                )
    return kept()


def ends_as_expected(run: Run) -> Verdict:
    """AC4: where nothing fails, what can be done is committed. ``shape["ends"]`` says what each call comes to."""
    return are_committed(run, wish(run, "ends") or (), "nothing stood in its way")


# -- on disk before it is said (TX2-S2) -------------------------------------------------------------------------------


def forced_before_said(run: Run) -> Verdict:
    """A crash takes nothing that was said: a yes, that it is committed, an Ack.

    What was said is hollow as long as nothing is on disk that was written since it could be known: a yes since the work
    came, a commit since the last vote came, an Ack since the decision came. A crash of who said it gives it away.
    """
    books, disks = chronicle(run), Disks()
    hollow: dict[str, list[tuple[int, int, str, str]]] = {}
    for event in run.trace.events:
        if event.kind == Kind.SEND:
            if (said := _promised(books, event)) is not None:
                since, what, wanted = said
                if not disks.has_noted(event.node, since):
                    hollow.setdefault(event.node, []).append((event.id, since, what, wanted))
        elif event.kind == Kind.CRASH and Survival.ALL not in str(event.what).split():
            for said_at, since, what, wanted in hollow.pop(event.node, []):
                if not disks.has_noted(event.node, since):
                    return broken(
                        f"{what}, and crashes with nothing about it on disk",
                        *([since] if since else []),
                        said_at,
                        expected=f"{wanted} was synced before, and so was the file's name",
                        got="nothing written since then was",
                    )
        else:
            disks.see(event)
    return kept()


def _promised(books: Chronicle, event: Event) -> tuple[int, str, str] | None:
    """What a message promises: since when it could be known, what is said, what must be on disk for that."""
    match event.what:
        case Vote(txn, "yes"):
            since = books.story(txn).worked_on.get(event.node, 0)
            return since, f"{event.node} says yes to {txn}", "what it would do"
        case Decision(txn, True) | Outcome(txn, True):
            story = books.story(txn)
            if not story.yes:
                return None
            since = max((vote for vote in story.votes.values() if vote < event.id), default=0)
            return since, f"{event.node} says that {txn} is committed", "the decision"
        case Ack(txn):
            since = books.story(txn).told.get(event.node, 0)
            return since, f"{event.node} acknowledges {txn}", "that it is committed here"
    return None


# -- in doubt (TX2-S3) ------------------------------------------------------------------------------------------------


def waits_in_doubt(run: Run) -> Verdict:
    """Between its yes and the decision a participant shows nobody the accounts, and does not decide."""
    books = chronicle(run)
    for look in books.looks:
        txn = look.seen.by
        if txn is not None and not _was_told(books.story(txn), look.node, look.event):
            return broken(
                f"{look.node} has committed {txn} without having been told to",
                *events_of(books.story(txn).yes.get(look.node), look.event),
                expected="it waits for the decision",
                got=f"{look.seen.account} is {look.seen.balance}, written by {txn}",
            )
        if look.on_behalf_of is None or not look.is_first:
            continue
        for story in books.stories.values():
            if story.txn == look.on_behalf_of or not story.amount(look.seen.account):
                continue
            said = story.yes.get(look.node)
            if (
                said is not None
                and said < look.event
                and not _was_told(story, look.node, look.event)
            ):
                return broken(
                    f"{look.node} is in doubt about {story.txn}, and lets {look.on_behalf_of} see "
                    f"{look.seen.account}",
                    said,
                    look.event,
                    expected="the account stays locked until it is told",
                    got=look.seen,
                )
    for story in books.stories.values():
        for node, no in story.no.items():
            if story.yes.get(node, no) < no and not _was_told(story, node, no):
                return broken(
                    f"{node} has said yes to {story.txn}, and now says no",
                    story.yes[node],
                    no,
                    expected="a yes is for life",
                    got="no",
                )
    for event, node, txn in books.acks:
        if not _was_told(books.story(txn), node, event):
            return broken(
                f"{node} acknowledges {txn}, and was not told how it ended",
                event,
                expected="it waits for the decision",
                got="an Ack",
            )
    return kept()


def _was_told(story: Story, node: str, event: int) -> bool:
    """Whether the participant had heard a decision by then; at the end, if it ever has."""
    told = story.told.get(node)
    return told is not None and (not event or told < event)
