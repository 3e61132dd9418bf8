"""A broker of part 2A on the bench: no network, no time but what we let pass, crashes as we like them.

One random program of requests, crashes and pauses, checked by the ledger after every answer. Everything is drawn from
a seed; a few dozen programs of some hundred steps take a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS, DamagedFile, Message
from distlab.core.effects import Sent, Stopped
from distlab.core.files import Keep
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.ledger import Ledger, Wrong
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    Fetch,
    Fetched,
    ListOffsets,
    LogConfig,
    Produce,
    Produced,
    StorageConfig,
)

PARTITION = "orders-0"

_LEFT = {
    "nothing": "what is not synced is lost",
    "torn": "what is written last is torn",
    "some": "each unsynced write is kept, lost or torn",
}


class Bench:
    """A broker, its ledger, and a source of chance."""

    def __init__(self, solution: Solution, config: LogConfig, seed: int) -> None:
        self.random = Random(seed)
        self.config = config
        self.ledger = Ledger(config)
        self.solo = Solo(solution.module("storage").Storage, StorageConfig(log=config), "broker")
        self.requests = 0
        self.steps = [f"a log with segments of {config.segment_bytes} bytes"]
        """What was done, for who must find out what is wrong."""

    def step(self, what: str, effects: Iterable[Any]) -> list[Message]:
        """Hand the broker's answers to the ledger."""
        answers = []
        self.steps.append(what)
        for effect in effects:
            if isinstance(effect, Stopped):
                reason = f"the broker stopped itself: {effect.reason}"
                raise Wrong("LOG-S3", reason, steps=self.steps)
            if isinstance(effect, Sent):
                answers.append(effect.message)
                answer: Any = effect.message
                if isinstance(answer, Produced) and answer.error == NONE:
                    self.steps[-1] += f" (at {answer.base_offset})"
                try:
                    self.ledger.answered(effect.to, answer, self.solo.time)
                except Wrong as wrong:
                    wrong.steps = self.steps
                    raise
        return answers

    def ask(self, what: str, message: Any) -> list[Message]:
        self.ledger.asked("client", message, self.solo.time)
        return self.step(what, self.solo.deliver(message, "client"))

    def produce(
        self,
        values: list[str],
        keys: list[str | None] | None = None,
        acks: int = ALL,
        flip: int = -1,
        time: int | None = None,
    ) -> None:
        at = self.solo.time if time is None else time
        blob = bytearray(codec.seal(codec.batch_of(values, keys or [], at)))
        if flip >= 0:
            bit = 8 * 16 + flip % (8 * (len(blob) - 16))  # not where the leader writes its own
            blob[bit // 8] ^= 1 << bit % 8
        self.requests += 1
        count = f"{len(values)} record{'s' if len(values) > 1 else ''}"
        what = f"produce {count}, acks {'ALL' if acks == ALL else acks}"
        what += ", damaged" if flip >= 0 else ""
        self.ask(what, Produce(self.requests, PARTITION, acks, bytes(blob)))

    def fetch(self, offset: int, max_bytes: int = 1000) -> bytes:
        self.requests += 1
        request = Fetch(self.requests, PARTITION, offset, max_bytes)
        answers = self.ask(f"fetch at {offset}", request)
        found = [a for a in answers if isinstance(a, Fetched)]
        if not found:
            raise Wrong("LOG-S7", f"a read at {offset} was not answered")
        return found[0].records

    def read_all(self, start: int = 0, max_bytes: int = 700) -> list[Any]:
        """Read from the beginning to the end, as a consumer does; the records that came."""
        records: list[Any] = []
        at = max(start, self.ledger.start)
        while blob := self.fetch(at, max_bytes):
            batches = [codec.opened(b) for b in codec.split(blob) if codec.is_sound(b)]
            if not batches:
                break
            records += [r for batch in batches for r in batch.records if r.offset >= at]
            at = batches[-1].next_offset
        return records

    def look_up(self, timestamp: int) -> None:
        self.requests += 1
        request = ListOffsets(self.requests, PARTITION, timestamp)
        self.ask(f"look up time {timestamp}", request)

    def advance(self, duration: int) -> None:
        self.step(f"{duration // MS} ms pass", self.solo.advance(duration))

    def crash(self, how: str = "nothing") -> None:
        """The machine loses power: of what was not synced nothing is kept, or some, or each piece by chance."""
        self.steps.append(f"power fails ({_LEFT[how]})")
        self.ledger.crash()
        random = self.random
        if how == "nothing":
            self.solo.crash()
        else:
            torn = how == "torn"
            self.solo.files.crash(
                lambda size, last: (
                    (random.randrange(size + 1) if last or not torn else size)
                    if torn
                    else random.choice([0, size, random.randrange(size + 1)])
                ),
                lambda count: count if torn else random.randrange(count + 1),
            )
            self.solo.timers.clear()
        self.restart()

    def comes_back(self, keep: Keep) -> bool:
        """Crash, keep of each unsynced write what ``keep`` says, and start; False if the broker refuses to."""
        self.steps.append("power fails")
        self.ledger.crash()
        self.solo.files.crash(keep, lambda count: count)
        self.solo.timers.clear()
        try:
            effects = self.solo.start()
        except Exception as refusal:  # from another process, it is a class of the same name
            if type(refusal).__name__ == DamagedFile.__name__:
                return False
            raise
        if any(isinstance(effect, Stopped) for effect in effects):
            return False
        self.step("start", effects)
        return True

    def kill(self) -> None:
        """The process dies, the machine does not: nothing is lost."""
        self.steps.append("the process is killed")
        self.ledger.kill()
        self.solo.timers.clear()
        self.restart()

    def restart(self) -> None:
        """Start the broker again, and look what is left: that is where the next batch goes."""
        self.step("start", self.solo.start())
        self.produce(["back again"], ["back"])

    def rot(self, batch: int) -> None:
        """One bit of that batch flips at rest, wherever the broker keeps it."""
        body = self.ledger.batches[batch].blob[21:]
        for name in self.solo.files.files():
            at = self.solo.files.read(name).find(body)
            if at >= 0:
                self.ledger.rotten = True
                self.steps.append(f"a bit rots in the batch at {self.ledger.batches[batch].base}")
                bit = 8 * (at + self.random.randrange(len(body))) + self.random.randrange(8)
                self.solo.files.flip(name, bit)


def exam(name: str, codes: str, check: Callable[[Solution], None]) -> Exam:
    """An exam for one promise: what other promises' codes the ledger names is theirs to report."""

    def guarded(solution: Solution) -> Verdict:
        try:
            check(solution)
        except Wrong as wrong:
            if wrong.code == codes:
                return broken(wrong.story, expected=wrong.expected, got=wrong.got)
        return kept()

    return Exam(name, guarded)


def program(bench: Bench, steps: int, weights: dict[str, int]) -> None:
    """A random program of so many steps; what is in ``weights`` may happen."""
    random = bench.random
    kinds = list(weights)
    made = 0
    for kind in random.choices(kinds, [weights[k] for k in kinds], k=steps):
        end = bench.ledger.end
        if kind in ("produce", "damaged"):
            count = random.choice([1, 1, 2, 5])
            values = [
                ""
                if random.random() < 0.15 and bench.config.compact
                else f"v{made + n}" + "x" * random.choice([0, 0, 30, 150])
                for n in range(count)
            ]
            made += count
            keys: list[str | None] = (
                [f"k{random.randrange(6)}" for _ in values]
                if bench.config.compact or random.random() < 0.3
                else []
            )
            flip = random.randrange(10_000) if kind == "damaged" else -1
            bench.produce(values, keys, random.choice([ALL, ALL, 1, 0]), flip)
        elif kind == "fetch":
            offset = random.choice(
                [end, end + 1, random.randrange(end + 1), random.randrange(end + 1)]
            )
            bench.fetch(offset, random.choice([1, 100, 400, 5000]))
        elif kind == "look up":
            bench.look_up(random.randrange(bench.solo.time + 2))
        elif kind == "time":
            bench.advance(random.choice([1 * MS, 7 * MS, 120 * MS, 700 * MS]))
        elif kind == "crash":
            bench.crash(random.choice(["nothing", "torn", "some", "some"]))
        elif kind == "kill":
            bench.kill()
        elif kind == "read all":
            bench.read_all(max_bytes=random.choice([1, 300, 5000]))


SIZES = (
    LogConfig(segment_bytes=500, index_interval=100),
    LogConfig(segment_bytes=1200, index_interval=200, segment_age=400 * MS),
    LogConfig(segment_bytes=100, index_interval=50),
    LogConfig(segment_bytes=100_000, index_interval=300),
)
