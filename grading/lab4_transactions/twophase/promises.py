"""The judges of part 4A. Each reads the books of a run and names the first thing that is wrong.

Nothing is asked of a program but what the handout promises: messages, the order of syncs and messages, and what a
participant shows of its accounts when it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from distlab.check import History, Verdict, bounded_liveness, broken, kept
from distlab.check.history import Entry
from distlab.check.isolation import Level, isolation
from distlab.check.transactions import Read, Transaction, Write
from distlab.check.transactions import Step as Access
from distlab.core import MS, Info, Ok
from distlab.faults import Survival
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.twophase.chronicle import Chronicle, Disks, Story, chronicle
from labs.lab4_transactions.twophase import (
    Ack,
    Decision,
    Desk,
    Holdings,
    Outcome,
    Prepare,
    Seen,
    Transact,
    Txn,
    Vote,
)

ANSWERED_IN = 2_000 * MS
"""A transaction is over so long after it was asked for, or after all is well."""
CLEAN_IN = 1_000 * MS
"""And so long after the last answer nothing is locked, in doubt, or untold."""


def well_from(run: Run) -> int:
    """Since when everybody has been up and connected."""
    return int(run.scenario.plan.heal_at or 0)


def is_quiet(run: Run) -> bool:
    """The run went on for long enough behind its last trouble and its last answer."""
    ends = [entry.ended for entry in run.history if entry.ended is not None]
    return run.time >= max([well_from(run), *ends]) + CLEAN_IN - MS


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
    return _are_committed(run, run.scenario.shape.get("ends", ()), "nothing stood in its way")


def _are_committed(run: Run, wanted: Sequence[str], why: str) -> Verdict:
    for entry, want in zip(run.history, wanted, strict=False):
        if want == "ok" and not entry.is_ok:
            return broken(
                f"{_words(entry)} was not committed, and {why}",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="committed",
                got=entry.outcome or "no answer",
            )
    return kept()


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
                *_events(books.story(txn).yes.get(look.node), look.event),
                expected="it waits for the decision",
                got=f"{look.seen.account} is {look.seen.balance}, written by {txn}",
            )
        if look.on_behalf_of is None or not look.is_first:
            continue
        for story in books.stories.values():
            if story.txn == look.on_behalf_of or not story.amount(look.seen.account):
                continue
            said = story.yes.get(look.node)
            if said is not None and said < look.event and not _was_told(story, look.node, look.event):
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


# -- money (TX2-S4) ---------------------------------------------------------------------------------------------------


def money_stays(run: Run) -> Verdict:
    """No account falls below 0, each change is what was asked for, and the total is what it was."""
    books = chronicle(run)
    for look in books.looks:
        seen, txn = look.seen, look.seen.by
        if seen.balance < 0:
            return broken(
                f"{seen.account} is at {seen.balance}", *_events(look.event), expected="0 or more"
            )
        before = books.before(seen.account, txn) if txn is not None else None
        if txn is not None and before is not None:
            wanted = before.seen.balance + books.story(txn).amount(seen.account)
        else:
            wanted = run.notes["opening"].get(seen.account, seen.balance)
        if txn is None and seen.balance != wanted or before is not None and seen.balance != wanted:
            return broken(
                f"{seen.account} is {seen.balance}, and after {txn or 'its opening'} it was {wanted}",
                *_events(before.event if before else 0, look.event),
                expected=wanted,
                got=seen.balance,
            )
    return _total(run)


def _total(run: Run) -> Verdict:
    """At the end, and in every committed transaction that looked at all accounts at once."""
    opening: dict[str, int] = run.notes["opening"]
    views: list[tuple[str, tuple[Seen, ...], tuple[int, ...]]] = []
    for entry in run.history:
        if isinstance(entry.operation, Transact) and entry.is_ok:
            looked = tuple(s for s in entry.value or ())
            if {s.account for s in looked} == opening.keys():
                views.append((f"{_words(entry)} saw", looked, (entry.call, entry.ret)))
    holdings = [h for h in run.probes.values() if isinstance(h, Holdings)]
    shown = tuple(seen for h in holdings for seen in h.accounts)
    if is_quiet(run) and {s.account for s in shown} == opening.keys():
        if not any(h.in_doubt for h in holdings):
            views.append(("at the end there is", shown, ()))
    for who, seens, events in views:
        found, total = sum(seen.balance for seen in seens), sum(opening.values())
        if found != total:
            change = f"{abs(found - total)} {'appeared' if found > total else 'disappeared'}"
            shown_as = ", ".join(f"{s.account} {s.balance}" for s in seens)
            return broken(
                f"{change}: {who} {shown_as}", *events, expected=f"{total} in all", got=found
            )
    return kept()


# -- isolation (TX2-I1) -----------------------------------------------------------------------------------------------


def isolated(run: Run) -> Verdict:
    """What was committed, and what it saw, could have happened one after the other, in real time's order."""
    if any(not isinstance(entry.operation, Transact) for entry in run.history):
        return kept()  # forgers write under names that no history has
    books = chronicle(run)
    tickets = {txn: ticket for ticket, txn in books.txn_of.items()}
    entries = []
    for entry in run.history:
        assert isinstance(entry.operation, Transact)
        accounts = [step.account for step in entry.operation.steps]
        if len(set(accounts)) < len(accounts):  # nonsense, and no business of this judge
            continue
        seen: dict[str, Seen] = {}
        if isinstance(entry.outcome, Ok):
            seen = {s.account: s for s in entry.value or ()}
            if accounts != list(seen):
                return broken(
                    f"{_words(entry)} was answered with {entry.value!r}",
                    entry.call,
                    entry.ret,
                    expected="what each step saw, in the order of the steps",
                )
        entries.append(_as_transaction(entry, seen, tickets))
    result = isolation(History(entries))
    verdict = result.verdict(Level.STRICT_SERIALIZABLE)
    return kept() if not verdict.is_broken else verdict


def _as_transaction(entry: Entry, seen: dict[str, Seen], tickets: dict[Txn, int]) -> Entry:
    """The same for the checker: a register for each account, whose value is the ticket of who wrote it."""
    asked: list[Access] = []
    done: list[Access] = []
    assert isinstance(entry.operation, Transact)
    for step in entry.operation.steps:
        by = seen[step.account].by if step.account in seen else None
        asked.append(Read(step.account))
        done.append(Read(step.account, tickets.get(by, -1) if by is not None else None))
        if not step.is_look:
            asked.append(Write(step.account, entry.ticket))
            done.append(asked[-1])
    outcome = Ok(tuple(done)) if isinstance(entry.outcome, Ok) else entry.outcome
    return Entry(
        entry.ticket,
        f"{entry.client}, operation {entry.ticket}",  # its transactions may overlap
        Transaction(tuple(asked)),
        entry.began,
        entry.call,
        outcome,
        entry.ended,
        entry.ret,
    )


# -- it ends (TX2-L1, TX2-L3) -----------------------------------------------------------------------------------------


def ends_in_time(run: Run) -> Verdict:
    """Once all is well every transaction is over in time, and nothing stays behind."""
    well = well_from(run)
    for entry in run.history:
        if not isinstance(entry.operation, Transact):
            continue
        deadline = max(entry.began, well) + ANSWERED_IN
        if run.time < deadline and entry.ended is None:
            continue
        if entry.ended is None or entry.ended > deadline or _gave_up(entry):
            verdict = bounded_liveness(
                None if entry.ended is None or _gave_up(entry) else entry.ended,
                deadline,
                f"an answer to {_words(entry)}",
            )
            return _with(verdict, entry.call)
    despite = run.scenario.shape.get("despite", ())
    if not (verdict := _are_committed(run, despite, "one message was lost")).is_kept:
        return verdict
    most = run.scenario.shape.get("patience")
    for entry in run.history.entries if most is not None else ():
        if entry.ended is None or entry.ended > entry.began + most:
            late = bounded_liveness(entry.ended, entry.began + most, f"an answer to {_words(entry)}")
            return _with(late, entry.call)
    return _nothing_is_left(run) if is_quiet(run) else kept()


def _gave_up(entry: Entry) -> bool:
    return isinstance(entry.outcome, Info) and not entry.outcome.reason.startswith("rejected")


def _nothing_is_left(run: Run) -> Verdict:
    for address, probe in run.probes.items():
        match probe:
            case Holdings(_, in_doubt, locked) if in_doubt or locked:
                what = f"in doubt about {in_doubt[0]}" if in_doubt else f"holding {locked[0]} locked"
                return _still(run, address, what)
            case Desk(active, open_) if active or open_:
                what = f"at work on {active[0]}" if active else f"missing an Ack for {open_[0]}"
                return _still(run, address, what)
    return kept()


def _still(run: Run, address: str, what: str) -> Verdict:
    last = [event.id for event in run.trace.of(Kind.SEND) if event.node == address][-1:]
    return broken(
        f"{address} is still {what}, {CLEAN_IN // MS} ms after all was well and answered",
        *last,
        expected="nothing in doubt, locked or untold",
        got=what,
    )


def waits_for_locks(run: Run) -> Verdict:
    """Who wants what another one holds waits for it; and who waits for each other is told no, soon."""
    verdict = kept()
    if "wait" in run.scenario.shape:
        verdict = ends_as_expected(run)
    most = run.scenario.shape.get("within")
    if most is None or not verdict.is_kept:
        return verdict
    for entry in run.history:
        if entry.ended is None or entry.ended > entry.began + most:
            late = bounded_liveness(entry.ended, entry.began + most, f"an answer to {_words(entry)}")
            return _with(late, entry.call)
    return kept()


# -- cost (TX2-C1) ----------------------------------------------------------------------------------------------------


def few_syncs(run: Run) -> Verdict:
    """Where nothing goes wrong: so many syncs and messages for each transaction. ``shape["cost"]`` has the most."""
    most = run.scenario.shape.get("cost")
    if most is None:
        return kept()
    since = run.scenario.calls[0].at
    for address, limit in most["syncs"].items():
        syncs = [e for e in run.trace.of(Kind.SYNC) if e.node == address and e.time >= since]
        if len(syncs) > limit:
            return broken(
                f"{address} syncs {len(syncs)} times for {most['what']}",
                syncs[-1].id,
                expected=f"{limit} times",
                got=len(syncs),
            )
    if len(sent := _between_tm_and_rm(run)) > most["messages"]:
        return broken(
            f"coordinator and participants send {len(sent)} messages for {most['what']}",
            sent[-1].id,
            expected=f"{most['messages']} at most",
            got=len(sent),
        )
    return kept()


def _between_tm_and_rm(run: Run) -> list[Event]:
    sides = [set(run.cluster.with_role("coordinator")), set(run.cluster.with_role("participant"))]
    return [
        event
        for event in run.trace.of(Kind.SEND)
        if any(event.node in here and event.peer in there for here, there in (sides, sides[::-1]))
    ]


# -- nonsense (TX2-R1) ------------------------------------------------------------------------------------------------


def nonsense_is_refused(run: Run) -> Verdict:
    """What makes no sense is refused in words, and changes nothing."""
    for entry, want in zip(run.history, run.scenario.shape.get("ends", ()), strict=False):
        if want == "unsaid" and entry.value not in ("rejected", "aborted"):
            return broken(
                "other steps were asked for under a name that was taken, or never given",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="Rejected; or aborted, if that is how the first ended",
                got=entry.value,
            )
        if want == "refused" and not (entry.is_failed and getattr(entry.outcome, "reason", "")):
            return broken(
                f"{_words(entry)} makes no sense",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="Fail, with a reason",
                got=entry.outcome or "no answer",
            )
    return kept()


# -- words ------------------------------------------------------------------------------------------------------------


def _words(entry: Entry) -> str:
    operation = entry.operation
    if not isinstance(operation, Transact):
        return repr(operation)
    steps = ", ".join(
        f"look at {s.account}" if s.is_look else f"{s.account} {s.amount:+d}" for s in operation.steps
    )
    return f"{entry.client}'s transaction ({steps})"


def _events(*events: int | None) -> tuple[int, ...]:
    return tuple(event for event in events if event)


def _with(verdict: Verdict, *events: int) -> Verdict:
    return structs.replace(verdict, events=events) if verdict.is_broken else verdict


# -- situations -------------------------------------------------------------------------------------------------------


def came_back_in_doubt(run: Run) -> bool:
    """A participant crashed after its yes and before it was told, and came back."""
    return any(
        event.incarnation > 0 and _doubts(run, event) for event in run.trace.of(Kind.START)
    )


def _doubts(run: Run, start: Event) -> bool:
    return any(
        story.yes.get(start.node, start.id) < start.id
        and story.told.get(start.node, start.id) >= start.id
        for story in chronicle(run).stories.values()
    )


def died_behind_the_point(run: Run) -> bool:
    """A coordinator crashed with the decision to commit on disk, and told it in a later life."""
    asked: dict[Txn, int] = {}
    for event in run.trace.of(Kind.SEND):
        match event.what:
            case Prepare(txn):
                asked.setdefault(txn, event.incarnation)
            case Decision(txn, True) if event.incarnation > asked.get(txn, event.incarnation):
                return True
    return False


def died_before_the_point(run: Run) -> bool:
    """A coordinator crashed between asking for votes and the decision."""
    asked = {
        (event.node, event.incarnation, event.what.txn)
        for event in run.trace.of(Kind.SEND)
        if isinstance(event.what, Prepare)
    }
    books = chronicle(run)
    starts = [(e.node, e.incarnation) for e in run.trace.of(Kind.START)]
    return any(
        (node, incarnation + 1) in starts and not books.story(txn).is_committed
        for node, incarnation, txn in asked
    )


def was_in_doubt_for_long(run: Run) -> bool:
    """Somebody wanted an account that was locked by a transaction in doubt."""
    times = {event.id: event.time for event in run.trace.of(Kind.SEND, Kind.DELIVER)}
    for story in chronicle(run).stories.values():
        for node, said in story.yes.items():
            told = story.told.get(node)
            if told is None or times[told] - times[said] > 50 * MS:
                return True
    return False


def crossed(run: Run) -> bool:
    """Two transactions of which one writes an account that the other one names were under way at once."""
    open_: list[tuple[int, int, dict[str, int]]] = []
    for entry in run.history:
        if isinstance(entry.operation, Transact):
            names = {step.account: step.amount for step in entry.operation.steps}
            end = run.time if entry.ended is None else entry.ended
            if any(
                entry.began < other_end and any(a in names and (n or names[a]) for a, n in o.items())
                for _, other_end, o in open_
            ):
                return True
            open_.append((entry.began, end, names))
    return False


def unsynced_was_lost(run: Run) -> bool:
    """A crash took what was not synced."""
    return run.tally.get("unsynced bytes lost", 0) > 0


def somebody_was_refused(run: Run) -> bool:
    """A transaction was aborted because somebody refused it."""
    return any(entry.is_failed for entry in run.history)

