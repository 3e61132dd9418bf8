"""Directed schedules of part 5A1. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Clog, Cut, Fault, Noise, Partition, Pause, SlowNode
from distlab.grade.lab import Directed
from grading.lab5_streaming.dataflow.flow_world import of

KINDS = ("key_by", "rebalance", "shuffle", "broadcast", "global", "partial_key", "forward")

SCHEDULES = (
    Directed(
        "two records, all is well",
        "from a source to a sink",
        of(sources=[1], stages=[1], how=["forward"], records=2, size=1, buffers=4),
    ),
    Directed("two stages, all is well", "rebalance, then by key", of()),
    Directed(
        "all at the end",
        "an operator that emits everything at its end, and the end waits behind it",
        of(sources=[1], stages=[1, 2], how=["forward", "key_by"], records=40, hoard="op0"),
    ),
    Directed(
        "a steady source over a long wire",
        "less than the credit is under way: credit adds up",
        of(
            sources=[1],
            stages=[1],
            how=["forward"],
            records=200,
            size=1,
            buffers=8,
            swift=True,
            pace={"src0": 3 * MS},
            noise=Noise(delay=(10 * MS, 10 * MS)),
        ),
    ),
    *(
        Directed(
            f"{kind}, three to three",
            "where each record must go",
            of(sources=[3], stages=[3], how=[kind], keys=9),
        )
        for kind in KINDS
    ),
    Directed(
        "by key from everywhere",
        "whoever sends it, a key has one owner",
        of(sources=[2, 3], stages=[3, 2], how=["key_by", "key_by"], keys=12, records=24),
    ),
    Directed("nothing to read", "an end, and no record before it", of(records=0)),
    Directed(
        "one of two sources has nothing for long",
        "an end of one input is not the end",
        of(sources=[1, 1], stages=[1], how=["global"], pace={"src1": 20 * MS}),
    ),
    Directed(
        "a broadcast to a slow one and a fast one",
        "who is ahead waits, and keeps no more than its buffers",
        of(sources=[1], stages=[2], how=["broadcast"], records=60, slow={"sink-1": 8 * MS}),
    ),
    Directed(
        "a slow sink at the end of a line",
        "it is the source that stops reading",
        of(sources=[1], stages=[1, 1, 1], how=["forward"] * 3, records=90, pace={"sink": 6 * MS}),
    ),
    Directed(
        "a slow operator in the middle",
        "before it all is full, behind it all is empty",
        of(
            sources=[2],
            stages=[1, 2],
            how=["global", "rebalance"],
            records=60,
            pace={"op0": 5 * MS},
        ),
    ),
    Directed(
        "one slow sink of two, by key",
        "a hot subtask slows its senders, and loses nothing",
        of(stages=[2], how=["key_by"], keys=12, records=60, slow={"sink-0": 8 * MS}),
    ),
    *(
        Directed(
            f"{buffers} buffers over a long wire",
            "with credit for a round trip the wire never runs dry",
            of(
                sources=[1],
                stages=[1],
                how=["forward"],
                records=400,
                size=2,
                buffers=buffers,
                swift=True,
                noise=Noise(delay=(10 * MS, 10 * MS)),
            ),
        )
        for buffers in (8, 16)
    ),
    Directed(
        "two that never stop, and a slow sink",
        "each channel has its turn",
        of(sources=[1, 1], stages=[1], how=["global"], records=120, pace={"sink": 6 * MS}),
    ),
    Directed(
        "three that never stop, and a slow sink",
        "each channel has its turn",
        of(sources=[3], stages=[1], how=["key_by"], records=90, size=2, pace={"sink": 5 * MS}),
    ),
    Directed(
        "credit is held back",
        "no credit, no batch",
        of(
            Fault(At(3 * MS), Clog("sink-0", "src0-0", 300 * MS)),
            stages=[1],
            how=["global"],
            records=40,
        ),
    ),
    Directed(
        "the sink stands still",
        "it wakes, and all goes on",
        of(Fault(At(5 * MS), Pause("sink-0", 400 * MS)), stages=[2], how=["rebalance"], records=40),
    ),
    Directed(
        "the sources are cut off from all",
        "sessions survive it",
        of(
            Fault(At(5 * MS), Partition((("src0-0", "src0-1"), ("op0-0", "op0-1")), 300 * MS)),
            Fault(At(100 * MS), Cut("op0-1", "sink-0", 300 * MS)),
            records=40,
        ),
    ),
    Directed(
        "a slow machine in the middle",
        "it takes long for everything",
        of(Fault(At(2 * MS), SlowNode("op0-0", 400 * MS, cost=20 * MS)), records=40),
    ),
    Directed(
        "large batches, by key, one buffer",
        "a batch is cut into shares, not into records",
        of(stages=[2, 2], how=["key_by", "shuffle"], records=100, size=50, buffers=1, keys=20),
    ),
)
