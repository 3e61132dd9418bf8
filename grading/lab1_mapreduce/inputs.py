"""What the jobs of lab 1 read, and what they shall write: made from a few numbers, the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any

from msgspec import Struct

from distlab.core.objects import Objects
from labs.lab1_mapreduce.protocol import JobSpec
from labs.lab1_mapreduce.sequential import lines_of, run_sequentially

POISON = b"POISON"
"""What ``Fragile`` dies of."""

WORDS = [f"{first}{second}".encode() for first in "abcdefgh" for second in "aeiou"]
ODD = [
    b"",
    b" ",
    b"tab\tinside",
    b"carriage\rreturn",
    b"form\x0cfeed \x0btab",
    b"\x00\xff",
    b"x" * 90,
    b"\xc2\x85",
]
"""Lines that careless readers cut, lose or join."""

STYLES = ("words", "odd", "census", "rows", "stations")


class Answer(Struct, frozen=True):
    """What a sequential run of a job writes."""

    outputs: tuple[bytes, ...]
    counters: dict[str, int]


def documents(shape: dict[str, Any]) -> dict[str, bytes]:
    """The input objects that a scenario's shape describes: ``in/0``, ``in/1``, ..."""
    poison = tuple((doc, line) for doc, line in shape.get("poison", ()))
    return _documents(
        shape.get("style", "words"), tuple(shape.get("docs", (20,))), shape.get("text", 0), poison
    )


def names(shape: dict[str, Any]) -> list[str]:
    """Their keys."""
    return [f"in/{doc}" for doc in range(len(shape.get("docs", (20,))))]


@lru_cache(maxsize=256)
def _documents(
    style: str, counts: Sequence[int], seed: int, poison: Sequence[tuple[int, int]]
) -> dict[str, bytes]:
    random = Random(seed)
    texts = {}
    row = 0
    for doc, count in enumerate(counts):
        lines = []
        for number in range(count):
            line = _line(random, style, row)
            if style == "census" and number == 0:
                line = b"census %d" % doc
            if (doc, number) in poison:
                line = line + b" " + POISON
            lines.append(line)
            row += 1
        text = b"\n".join(lines)
        texts[f"in/{doc}"] = text if random.random() < 0.3 or not lines else text + b"\n"
    return texts


def _line(random: Random, style: str, row: int) -> bytes:
    if style == "rows":
        return b"%d" % row
    if style == "stations":
        return random.choice(WORDS[:9]) + b";%d" % random.randrange(400)
    if style == "odd" and random.random() < 0.4:
        return random.choice(ODD)
    return b" ".join(random.choices(WORDS, k=random.randrange(1, 7)))


def answer(spec: JobSpec, inputs: dict[str, bytes]) -> Answer:
    """The sequential run's outputs and counters, without the records that hold ``POISON``."""
    return _answer(spec, tuple((key, inputs[key]) for key in spec.inputs))


@lru_cache(maxsize=256)
def _answer(spec: JobSpec, inputs: Sequence[tuple[str, bytes]]) -> Answer:
    store = Objects()
    for key, text in inputs:
        store.put_if_absent(key, text)
    outputs, counters = run_sequentially(store, spec, poison=lambda line: POISON in line)
    return Answer(tuple(outputs), counters)


def rows_of(spec: JobSpec, inputs: dict[str, bytes]) -> list[bytes]:
    """All lines of all inputs."""
    return [line for key in spec.inputs for line in lines_of(inputs[key])]
