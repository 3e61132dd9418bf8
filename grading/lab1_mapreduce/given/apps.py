"""MapReduce programs: what the user of the library writes (§2). Given, but for the one in my_app.py.

A program is a class. One instance serves one attempt; it may keep nothing from one call to the next
but its counters. The library hands it batches of records, for a call per record is what makes a
MapReduce in Python slow; ``map`` is there for programs that do not care.

The last ones are the graders': programs that misbehave as users' programs do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from random import Random
from typing import Any, ClassVar

from distlab.core import Store
from labs.lab1_mapreduce.blocks import Group
from labs.lab1_mapreduce.protocol import JobSpec


class App:
    """A program. Subclasses say what they compute by ``map`` and ``reduce``, and the rest if need be."""

    combines: ClassVar[bool] = False
    """Whether the library may call ``combine``, as often as it likes (§4.3)."""
    spreads: ClassVar[bool] = False
    """Whether keys mean nothing, and are dealt out evenly over the partitions (part 1E)."""

    def __init__(self, params: Sequence[bytes], random: Random) -> None:
        self.params = params
        self.random = random
        """The attempt's own stream: a program that draws from it is not deterministic (§3.3)."""
        self.counters: Counter[str] = Counter()

    @classmethod
    def prepare(cls, store: Store, spec: JobSpec) -> tuple[bytes, ...]:
        """What ``params`` shall be; the client asks before it submits the job."""
        return spec.params

    def map(self, line: bytes, source: str) -> Iterable[tuple[bytes, Any]]:
        """Pairs of key and value for one line of the input object ``source``."""
        raise NotImplementedError

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        """The pairs for some lines, in their order."""
        for line in lines:
            yield from self.map(line, source)

    def combine(self, key: bytes, values: list[Any]) -> list[Any]:
        """Fewer values that mean the same to ``combine`` and ``reduce``."""
        return values

    def partitions(self, keys: list[bytes], parts: int) -> list[list[bytes]] | None:
        """Keys, which come in order, told apart by where they go: one list, in order, per partition.

        None: the program does not care, and the library partitions them by hash.
        """
        return None

    def reduce(self, key: bytes, values: list[Any]) -> Iterable[bytes]:
        """Lines of output for one group, without their line ends."""
        raise NotImplementedError

    def reduce_batch(self, groups: list[Group]) -> list[bytes]:
        """The lines for some groups, in their order."""
        return [line for key, values in groups for line in self.reduce(key, values)]


def _words(lines: list[bytes]) -> Iterator[list[bytes]]:
    """All words, some megabytes of lines at a time: a word weighs ten times as much as its text."""
    for start in range(0, len(lines), 50_000):
        yield b"\n".join(lines[start : start + 50_000]).split()


class WordCount(App):
    """How often does each word occur? (§2.1)"""

    combines = True

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        counts: Counter[bytes] = Counter()
        for words in _words(lines):
            counts.update(words)
        return counts.items()

    def combine(self, key: bytes, values: list[int]) -> list[int]:
        return [sum(values)]

    def reduce_batch(self, groups: list[Group]) -> list[bytes]:
        return [b"%b\t%d" % (word, sum(counts)) for word, counts in groups]


class InvertedIndex(App):
    """In which documents does each word occur? An input object is a document."""

    combines = True

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        return zip(set(chain.from_iterable(_words(lines))), repeat(source))

    def combine(self, key: bytes, values: list[str]) -> list[str]:
        return sorted(set(values))

    def reduce(self, key: bytes, values: list[str]) -> Iterable[bytes]:
        return [key + b"\t" + ",".join(sorted(set(values))).encode()]


class Grep(App):
    """Which lines hold ``params[0]``, and how often does each occur? Counts as ``matches`` too."""

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        pattern = self.params[0]
        matching = [line for line in lines if pattern in line]
        self.counters["matches"] += len(matching)
        return [(line, 1) for line in matching]

    def reduce(self, key: bytes, values: list[int]) -> Iterable[bytes]:
        return [b"%b\t%d" % (key, sum(values))]


class Sort(App):
    """All lines in order, over all outputs: partition r holds the lines before ``params[r]`` (§5.3)."""

    SAMPLES: ClassVar[int] = 1000
    SAMPLE_SIZE: ClassVar[int] = 1024

    @classmethod
    def prepare(cls, store: Store, spec: JobSpec) -> tuple[bytes, ...]:
        """Boundaries that cut a sample of the lines into R equal parts."""
        sample: list[bytes] = []
        for key in spec.inputs:
            size = store.size(key)
            step = max(size * len(spec.inputs) // cls.SAMPLES, cls.SAMPLE_SIZE)
            for at in range(0, size, step):
                sample += store.get(key, at, cls.SAMPLE_SIZE).split(b"\n")[at > 0 : -1]
        sample.sort()
        return tuple(
            sample[len(sample) * r // spec.reduces] for r in range(1, spec.reduces) if sample
        )

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        return zip(lines, (1,) * len(lines), strict=True)

    def partitions(self, keys: list[bytes], parts: int) -> list[list[bytes]]:
        """The keys come in order, so it takes a search per boundary, not one per key."""
        cuts = [0, *(bisect_left(keys, bound) for bound in self.params), len(keys)]
        ranges = [keys[a:b] for a, b in pairwise(cuts)]
        return ranges + [[] for _ in range(parts - len(ranges))]

    def reduce_batch(self, groups: list[Group]) -> list[bytes]:
        return [key for key, values in groups for _ in values]


# -- the graders' -------------------------------------------------------------------------------------


class Census(App):
    """Which execution of each map task did this output come from? Deliberately not deterministic.

    Every map attempt puts one number that nobody else has into every partition, under its first line.
    An output that consumed one accepted output of each map task holds one number for each, and all
    outputs of a job may differ in which.
    """

    def __init__(self, params: Sequence[bytes], random: Random) -> None:
        super().__init__(params, random)
        self.number = random.getrandbits(48)
        self.counters["number"] = self.number

    def map(self, line: bytes, source: str) -> Iterable[tuple[bytes, Any]]:
        if line.startswith(b"census "):
            yield line, self.number

    def partitions(self, keys: list[bytes], parts: int) -> list[list[bytes]]:
        return [keys] * parts

    def reduce(self, key: bytes, values: list[int]) -> Iterable[bytes]:
        return [key + b"\t" + b",".join(b"%d" % number for number in values)]


class Chronicle(App):
    """With what did the lines go on that begin with this word? In the order in which they stand in the input.

    Right only where the values of a key come as the sequential run finds them: by input, then by line.
    """

    def map(self, line: bytes, source: str) -> Iterable[tuple[bytes, Any]]:
        word, _, rest = line.partition(b" ")
        yield word, rest

    def reduce(self, key: bytes, values: list[bytes]) -> Iterable[bytes]:
        return [key + b"\t" + b";".join(values)]


class Fragile(WordCount):
    """Counts words, but dies of lines that hold ``params[0]`` (§4.6)."""

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        for line in lines:
            if self.params[0] in line:
                raise ZeroDivisionError("a library without source code fails on this record")
        return super().map_batch(lines, source)


class Repartition(App):
    """Every line once, evenly over the outputs: Spark's ``repartition(R)``, followed by ``sort``.

    The rows of a stage that reads from a shuffle come in the order in which pieces happen to arrive:
    in another one at each attempt (SPARK-23207).
    """

    spreads = True

    def map_batch(self, lines: list[bytes], source: str) -> Iterable[tuple[bytes, Any]]:
        arrived = lines.copy()
        self.random.shuffle(arrived)
        return zip(arrived, (1,) * len(arrived), strict=True)

    def reduce_batch(self, groups: list[Group]) -> list[bytes]:
        return [row for row, copies in groups for row in [row] * len(copies)]


APPS: dict[str, type[App]] = {
    app.__name__: app
    for app in (WordCount, InvertedIndex, Grep, Sort, Census, Chronicle, Fragile, Repartition)
}


def find(name: str) -> type[App]:
    """The program of that name."""
    if name not in APPS:
        from labs.lab1_mapreduce import my_app  # not above: it is yours, and builds on this module

        return {app.__name__: app for app in vars(my_app).values() if _is_app(app)}[name]
    return APPS[name]


def _is_app(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, App)
