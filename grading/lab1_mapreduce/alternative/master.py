"""A master whose memory is a journal: what it knows is what folding the journal gives.

Every change of what must not be forgotten is an event: a record in one file, applied to the books in memory by the one
function that is also used at the start. Nothing is ever restored in another way than it came about. What may be
forgotten (who works on what) is in one table of assignments, with the time of the last sign of life; a sweep now and
then takes out those whose time is over.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from distlab.core import Address, Message, Node, NoSuchFile, Timer
from labs.lab1_mapreduce.protocol import (
    Abandon,
    Ask,
    Attempt,
    AttemptFailed,
    Counters,
    Heartbeat,
    Idle,
    JobOver,
    JobRecord,
    JobSpec,
    MapDone,
    MapOutput,
    MasterConfig,
    Noted,
    OutputLost,
    Phase,
    ReduceDone,
    Request,
    RunMap,
    RunReduce,
    Split,
    Submit,
    Working,
    outcome_key,
    part_key,
)

JOURNAL = "journal"


class Started(Struct, frozen=True, tag=True):
    """The master was started once more."""


class Taken(Struct, frozen=True, tag=True):
    """A job was taken on."""

    spec: JobSpec
    splits: tuple[Split, ...]
    client: str


class Made(Struct, frozen=True, tag=True):
    """A map attempt was accepted."""

    attempt: Attempt
    holder: str
    sizes: tuple[int, ...]
    counters: Counters


class Missed(Struct, frozen=True, tag=True):
    """Its output is lost."""

    attempt: Attempt


class Stored(Struct, frozen=True, tag=True):
    """A reduce task's output is in the store."""

    attempt: Attempt


class Blamed(Struct, frozen=True, tag=True):
    """An attempt died: of this record, if one is named."""

    attempt: Attempt
    record: int | None


class Over(Struct, frozen=True, tag=True):
    """A job has ended."""

    job: str


Event = Started | Taken | Made | Missed | Stored | Blamed | Over
Key = tuple[Phase, int]
"""A task of a job."""


class Book(Struct):
    """What the journal says of one job."""

    spec: JobSpec
    splits: tuple[Split, ...]
    client: str
    made: dict[int, Made]
    """Map task -> its accepted attempt, unless that was lost."""
    counted: dict[int, Counters]
    """Map task -> counters of the attempt accepted last."""
    lost: list[Attempt]
    stored: dict[int, Attempt]
    """Reduce task -> the attempt that reported it."""
    deaths: dict[int, list[int | None]]
    """Map task -> of which records its attempts died."""
    failures: dict[Key, int]
    """Deaths of a task since one of its records was last skipped."""

    @property
    def is_complete(self) -> bool:
        """Whether all outputs are stored, and all counters known."""
        return len(self.stored) == self.spec.reduces and len(self.counted) == len(self.splits)

    def skipped(self, task: int) -> tuple[int, ...]:
        """Records of which two attempts have died."""
        records = Counter(r for r in self.deaths.get(task, ()) if r is not None)
        return tuple(record for record, times in records.items() if times >= 2)


class Work(Struct):
    """An attempt in progress, as far as we know."""

    worker: Address
    since: int
    heard: int


class Sweep(Timer, frozen=True):
    """Look for those who have fallen silent."""


class Master(Node):
    config: MasterConfig
    starts: int
    ordered: int
    books: dict[str, Book]
    work: dict[Attempt, Work]
    heard: dict[Address, int]
    """When a sign of life of each worker came last."""
    answers: dict[Address, tuple[Request, RunMap | RunReduce | None]]
    durations: dict[tuple[str, Phase], list[int]]

    def on_start(self) -> None:
        self.starts = self.ordered = 0
        self.books = {}
        self.work, self.heard, self.answers, self.durations = {}, {}, {}, {}
        events = self.disk.recover(JOURNAL, Event) if self.config.durable else []
        for event in events:
            self.apply(event)
        self.journal(Started())
        if self.config.durable:
            self.disk.sync("/")
        now = self.monotonic()
        for book in list(self.books.values()):
            self.heard |= {Address(made.holder): now for made in book.made.values()}
            self.look_into_store(book)
        if self.config.lease is not None:
            self.set_timer(Sweep(), self.config.lease // 8)

    # -- the journal ------------------------------------------------------------------------------------------

    def journal(self, event: Event) -> None:
        """Let it have happened: on disk before anybody is told."""
        if self.config.durable:
            self.disk.append(JOURNAL, event)
            self.disk.sync(JOURNAL)
        self.apply(event)

    def apply(self, event: Event) -> None:
        """The fold: how each event changes the books. Tolerates what is said twice or comes too late."""
        match event:
            case Started():
                self.starts += 1
            case Taken(spec, splits, client):
                book = Book(spec, splits, client, {}, {}, [], {}, {}, {})
                self.books.setdefault(spec.name, book)
            case Over(job):
                self.books.pop(job, None)
            case Made() | Missed() | Stored() | Blamed():
                if (found := self.books.get(event.attempt.job)) is not None:
                    self.apply_to(found, event)

    @staticmethod
    def apply_to(book: Book, event: Made | Missed | Stored | Blamed) -> None:
        task = event.attempt.task
        match event:
            case Made(attempt, _, _, counters):
                if task not in book.made and attempt not in book.lost:
                    book.made[task] = event
                    book.counted[task] = counters
            case Missed(attempt):
                if task in book.made and book.made[task].attempt == attempt:
                    del book.made[task]
                    book.lost.append(attempt)
            case Stored(attempt):
                book.stored.setdefault(task, attempt)
            case Blamed(attempt, record):
                key: Key = (attempt.phase, task)
                before = book.skipped(task)
                if attempt.phase == "map":
                    book.deaths.setdefault(task, []).append(record)
                is_found = book.skipped(task) != before
                book.failures[key] = 0 if is_found else book.failures.get(key, 0) + 1

    # -- jobs -------------------------------------------------------------------------------------------------

    def on_submit(self, submit: Submit, client: Address) -> None:
        spec = submit.spec
        if (record := self.outcome(spec.name)) is not None:
            self.send(client, JobOver(record))
            if spec.name in self.books:
                self.close(self.books[spec.name], record)
            return
        if spec.name not in self.books:
            splits = []
            for key in spec.inputs:
                size, at = self.store.size(key), 0
                while at < size:
                    splits.append(Split(key, at, min(spec.split_size, size - at)))
                    at += spec.split_size
            self.journal(Taken(spec, tuple(splits), client))
            self.look_into_store(self.books[spec.name])
        self.send(client, Working(spec.name))

    def outcome(self, job: str) -> JobRecord | None:
        try:
            return JobRecord.from_bytes(self.store.get(outcome_key(job)))
        except NoSuchFile:
            return None

    def look_into_store(self, book: Book) -> None:
        """Outputs that are there are there, whoever stored them."""
        for part in range(book.spec.reduces):
            if part not in book.stored and self.store.exists(part_key(book.spec.name, part)):
                self.journal(Stored(self.name(book, "reduce", part)))
        self.end_if_complete(book)

    def name(self, book: Book, phase: Phase, task: int) -> Attempt:
        """A new attempt."""
        self.ordered += 1
        return Attempt(book.spec.name, phase, task, self.address, self.starts, self.ordered)

    def end_if_complete(self, book: Book, failure: str = "") -> None:
        if not book.is_complete and not failure:
            return
        total: Counter[str] = Counter()
        for counters in book.counted.values():
            for name, value in counters:
                total[name] += value
        sums = tuple((name, total[name]) for name in sorted(total))
        job = book.spec.name
        mine = JobRecord(job, self.address, self.starts, sums, failure)
        first = self.store.put_if_absent(outcome_key(job), mine.to_bytes())
        self.close(book, mine if first else self.outcome(job) or mine)

    def close(self, book: Book, record: JobRecord) -> None:
        job = book.spec.name
        self.journal(Over(job))
        self.work = {a: w for a, w in self.work.items() if a.job != job}
        for key in self.store.keys(f"private/{job}/"):
            self.store.delete(key)
        self.send(Address(book.client), JobOver(record))

    # -- giving work ------------------------------------------------------------------------------------------

    def on_ask(self, ask: Ask, worker: Address) -> None:
        self.heard[worker] = self.monotonic()
        newest, order = self.answers.get(worker, ((0, 0), None))
        if ask.request < newest:
            return
        if ask.request > newest or order is None or order.attempt not in self.work:
            for attempt in [a for a, w in self.work.items() if w.worker == worker]:
                del self.work[attempt]
            order = self.choose(worker, ask.request)
            self.answers[worker] = ask.request, order
        answer: Message = order or Idle(ask.request, tuple(self.books))
        self.send(worker, answer)

    def choose(self, worker: Address, request: Request) -> RunMap | RunReduce | None:
        """Something for the worker to do: what nobody does first, then what somebody does too slowly."""
        for book in list(self.books.values()):
            if (record := self.outcome(book.spec.name)) is not None:
                self.close(book, record)
                continue
            busy = {(a.phase, a.task) for a in self.work if a.job == book.spec.name}
            open_tasks = self.open_tasks(book)
            free = [key for key in open_tasks if key not in busy]
            key = free[0] if free else self.straggler(book, worker, open_tasks)
            if key is not None:
                return self.assign(book, key, worker, request)
        return None

    @staticmethod
    def open_tasks(book: Book) -> list[Key]:
        """Tasks of the present phase that are not completed."""
        maps: list[Key] = [("map", n) for n in range(len(book.splits)) if n not in book.made]
        if maps:
            return maps
        return [("reduce", n) for n in range(book.spec.reduces) if n not in book.stored]

    def straggler(self, book: Book, worker: Address, open_tasks: list[Key]) -> Key | None:
        """The open task that one worker, another one, has been at for longest: if that is unusually long."""
        job = book.spec.name
        attempts: dict[Key, list[Work]] = {}
        for attempt, work in self.work.items():
            if attempt.job == job and (attempt.phase, attempt.task) in open_tasks:
                attempts.setdefault((attempt.phase, attempt.task), []).append(work)
        single = {key: works[0] for key, works in attempts.items() if len(works) == 1}
        single = {key: work for key, work in single.items() if work.worker != worker}
        if not single or not self.config.backups:
            return None
        oldest = min(single, key=lambda key: single[key].since)
        usual = sorted(self.durations.get((job, oldest[0])) or self.durations.get((job, "map"), []))
        if not usual:
            return None
        age = self.monotonic() - single[oldest].since
        return oldest if age > self.config.backup_factor * usual[len(usual) // 2] else None

    def assign(self, book: Book, key: Key, worker: Address, request: Request) -> RunMap | RunReduce:
        phase, task = key
        attempt, now = self.name(book, phase, task), self.monotonic()
        self.work[attempt] = Work(worker, now, now)
        if phase == "map":
            careful = ("map", task) in book.failures
            skip = book.skipped(task)
            return RunMap(request, attempt, book.spec, book.splits[task], careful, skip)
        made = [book.made[n] for n in range(len(book.splits))]
        inputs = tuple(MapOutput(m.attempt, Address(m.holder), m.sizes[task]) for m in made)
        return RunReduce(request, attempt, book.spec, inputs)

    # -- reports ----------------------------------------------------------------------------------------------

    def on_map_done(self, done: MapDone, worker: Address) -> None:
        self.heard[worker] = self.monotonic()
        book = self.books.get(done.attempt.job)
        if book is None:
            self.send(worker, Noted(done.attempt, accepted=False))
            return
        if done.attempt.task not in book.made:
            self.journal(Made(done.attempt, worker, done.sizes, done.counters))
        made = book.made.get(done.attempt.task)
        if (
            made is not None
        ):  # else it is of an output that was lost, and somebody may be making it again
            self.finished(done.attempt)
        self.send(worker, Noted(done.attempt, made is not None and made.attempt == done.attempt))
        self.end_if_complete(book)

    def on_reduce_done(self, done: ReduceDone, worker: Address) -> None:
        self.heard[worker] = self.monotonic()
        book = self.books.get(done.attempt.job)
        if book is None:
            self.send(worker, Noted(done.attempt, accepted=False))
            return
        if done.attempt.task not in book.stored:
            self.journal(Stored(done.attempt))
        self.finished(done.attempt)
        self.send(worker, Noted(done.attempt, book.stored[done.attempt.task] == done.attempt))
        self.end_if_complete(book)

    def finished(self, attempt: Attempt) -> None:
        """The task of this attempt is over, and so are all attempts of it."""
        if (work := self.work.get(attempt)) is not None:
            took = self.durations.setdefault((attempt.job, attempt.phase), [])
            took.append(self.monotonic() - work.since)
        task = (attempt.job, attempt.phase, attempt.task)
        self.work = {a: w for a, w in self.work.items() if (a.job, a.phase, a.task) != task}

    def on_attempt_failed(self, failed: AttemptFailed, worker: Address) -> None:
        self.heard[worker] = self.monotonic()
        book = self.books.get(failed.attempt.job)
        if book is not None and self.work.pop(failed.attempt, None) is not None:
            self.journal(Blamed(failed.attempt, failed.record))
            times = book.failures[failed.attempt.phase, failed.attempt.task]
            if times >= self.config.max_failures:
                self.end_if_complete(book, f"{failed.attempt.path} was the last of {times} to die")
        self.send(worker, Noted(failed.attempt, accepted=False))

    def on_output_lost(self, lost: OutputLost, worker: Address) -> None:
        self.heard[worker] = self.monotonic()
        self.work.pop(lost.attempt, None)
        self.miss(lost.output)
        self.send(worker, Noted(lost.attempt, accepted=False))

    def miss(self, attempt: Attempt) -> None:
        book = self.books.get(attempt.job)
        made = book.made.get(attempt.task) if book is not None else None
        if made is not None and made.attempt == attempt:
            self.journal(Missed(attempt))

    # -- silence ----------------------------------------------------------------------------------------------

    def on_heartbeat(self, beat: Heartbeat, worker: Address) -> None:
        now = self.monotonic()
        self.heard[worker] = now
        attempt = beat.attempt
        if attempt is None or attempt.master != self.address:
            return
        book = self.books.get(attempt.job)
        if attempt in self.work:
            self.work[attempt].heard = now
        elif book is not None and self.is_free(book, (attempt.phase, attempt.task)):
            self.work[attempt] = Work(worker, now, now)
        else:
            self.send(worker, Abandon(attempt))

    def is_free(self, book: Book, key: Key) -> bool:
        """Whether the task is open and nobody is at it."""
        done = book.made if key[0] == "map" else book.stored
        job = book.spec.name
        return key[1] not in done and all(
            (a.job, a.phase, a.task) != (job, *key) for a in self.work
        )

    def on_sweep(self, _: Sweep) -> None:
        lease, now = self.config.lease, self.monotonic()
        assert lease is not None
        self.set_timer(Sweep(), lease // 8)
        dead = {worker for worker, heard in self.heard.items() if now - heard >= lease}
        for worker in dead:
            del self.heard[worker]
        for attempt, work in list(self.work.items()):
            if work.worker in dead or now - work.heard >= lease:
                del self.work[attempt]
        for book in list(self.books.values()):
            if len(book.stored) < book.spec.reduces:
                for made in [made for made in book.made.values() if made.holder in dead]:
                    self.miss(made.attempt)
