"""Directed schedules of parts 4F2 and 4F3. The first one of each is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    Fault,
    Nth,
    Pause,
    Survival,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call
from grading.lab4_transactions.logtx.world import (
    COORDINATORS,
    GROUP,
    HORIZON,
    INPUTS,
    LOG,
    OUTPUTS,
    PROCESSORS,
    READER,
    elect,
    look,
    of,
    transact,
)

TWO = "out-0=x", "out-1=y"
LONG = HORIZON // MS - 10


def lost(source: str, to: str, message: str, *numbers: int) -> list[Fault]:
    return [Fault(Nth(source, to, n, message), Drop()) for n in numbers or (1,)]


def late(source: str, to: str, message: str, by: int, n: int = 1) -> Fault:
    return Fault(Nth(source, to, n, message), Delay(by * MS))


def twice(source: str, to: str, message: str, after: int, n: int = 1) -> Fault:
    return Fault(Nth(source, to, n, message), Duplicate(after * MS))


def cut_off(name: str, at: int, during: int) -> list[Fault]:
    """Nothing reaches it any more; what it says arrives."""
    others = [n for n in (LOG, *COORDINATORS, *INPUTS, *OUTPUTS, "a1", "a2", "a3") if n != name]
    return [Fault(At(at * MS), Cut(other, name, during * MS)) for other in others]


def crash(node: str, verb: str, what: str = "", n: int = 1, back: int | None = 100) -> Fault:
    restart = None if back is None else back * MS
    return Fault(Doing(node, verb, what, n), Crash(node, restart, Survival.NOTHING))


def many(client: str, count: int, every: int = 40, start: int = 60) -> list[Call]:
    """Transactions, one after the other, of two partitions each."""
    return [
        transact(start + every * n, client, f"out-0={client}.{n}", f"in-1={client}.{n}!")
        for n in range(count)
    ]


COORDINATING = (
    Directed("a transaction", "all is well", of([transact(100, "a1", *TWO)])),
    Directed(
        "transactions of three applications",
        "begun, committed, aborted, and read; nothing goes wrong",
        of(
            [
                transact(60, "a1", *TWO),
                transact(200, "a1", "out-0=b", "in-0=c", commit=False),
                transact(300, "a1", "out-0=d"),
                transact(120, "a3", "in-0=e", "out-0=f", reads=["out-0", "out-1"]),
                transact(420, "a3", "in-1=g", reads=["out-0"], think=100 * MS),
                look(350),
            ],
            fine=True,
        ),
    ),
    Directed(
        "partitions are added one by one",
        "a partition that is in the transaction is not added again",
        of(
            [
                transact(60, "a1", "out-0=a", "out-1=b", "out-0=c", "in-0=d", lazily=True),
                transact(300, "a3", "in-0=e", "in-0=f", "in-0=g", lazily=True, commit=False),
            ],
            fine=True,
        ),
    ),
    Directed(
        "a transaction thinks for 200 ms of its 300",
        "a time-out is not over before its time",
        of([transact(60, "a1", *TWO, think=200 * MS)], fine=True),
    ),
    Directed(
        "six transactions, and epochs up to 3",
        "when no epoch is left there is another producer id",
        of(
            [transact(60 + 60 * n, "a1", f"out-0={n}", f"in-0={n}!") for n in range(6)],
            fine=True,
            max_epoch=3,
        ),
    ),
    Directed(
        "six beginnings, and epochs up to 3",
        "a beginning takes an epoch, too",
        of(
            [transact(60 + 60 * n, f"a{n % 2 + 1}", f"out-0={n}", init=True) for n in range(6)],
            fine=True,
            max_epoch=3,
        ),
    ),
    Directed(
        "a transaction thinks for longer than its time-out",
        "it is aborted, and whoever commits it afterwards is told so",
        of([transact(60, "a1", *TWO, think=450 * MS), transact(700, "a1", "out-0=z", init=True)]),
    ),
    Directed(
        "the client dies in its transaction",
        "somebody has to end it",
        of(
            [transact(60, "a1", *TWO), transact(100, "a3", "out-0=z")],
            Fault(Doing("a1", "send", "EndTxn"), Crash("a1", None)),
        ),
    ),
    Directed(
        "the client dies when it has written to one of two partitions",
        "half a transaction is none",
        of(
            [transact(60, "a1", *TWO), look(LONG)],
            Fault(Doing("a1", "send", "Produce", 2), Crash("a1", None)),
        ),
    ),
    Directed(
        "the answer to EndTxn is lost",
        "asked again it says the same",
        of(
            [transact(60, "a1", *TWO), transact(300, "a1", "out-0=z")],
            *lost("c1", "a1", "TxnEnded"),
            fine=True,
        ),
    ),
    Directed(
        "the answer to EndTxn is lost, of an abort",
        "asked again it says the same",
        of(
            [transact(60, "a1", *TWO, commit=False), transact(300, "a1", "out-0=z")],
            *lost("c1", "a1", "TxnEnded"),
            fine=True,
        ),
    ),
    Directed(
        "an EndTxn comes again, in the middle of the next transaction",
        "it is the past one's, and must not end this one",
        of(
            [transact(60, "a1", *TWO), transact(100, "a1", "out-0=p", "out-1=q")],
            twice("a1", "c1", "EndTxn", 60),
            late("a1", "out-1", "Produce", 90, 2),
            until=400 * MS,
        ),
    ),
    Directed(
        "an EndTxn that aborts comes again, in the middle of the next transaction",
        "it is the past one's, and must not end this one",
        of(
            [
                transact(60, "a1", *TWO, commit=False),
                transact(100, "a1", "out-0=p", "out-1=q", think=100 * MS),
            ],
            twice("a1", "c1", "EndTxn", 90),
            fine=True,
        ),
    ),
    Directed(
        "EndTxn comes after the time-out, and another transaction runs",
        "the same transactional id, another identity",
        of(
            [
                transact(60, "a1", *TWO),
                transact(460, "a2", "out-0=p", "out-1=q", think=200 * MS),
            ],
            late("a1", "c1", "EndTxn", 450),
            *[Fault(Nth("a1", c, n, "EndTxn"), Drop()) for c in COORDINATORS for n in range(2, 9)],
            Fault(At(200 * MS), Crash("a1", None)),
        ),
    ),
    Directed(
        "a second producer begins while the first one thinks",
        "the first one's transaction is aborted, and it is told so",
        of(
            [
                transact(60, "a1", *TWO, think=200 * MS),
                transact(150, "a2", "out-0=p", "in-0=q"),
                transact(500, "a1", "out-0=again"),
            ]
        ),
    ),
    Directed(
        "a first producer adds a partition when a second one has begun",
        "an old identity adds nothing",
        of(
            [
                transact(60, "a1", "out-0=x", "in-0=y", lazily=True),
                transact(120, "a2", "out-0=p", "in-1=q", think=150 * MS),
            ],
            late("a1", "c1", "AddPartitions", 230, 2),
            *lost("a1", "c2", "AddPartitions", 1, 2, 3),
        ),
    ),
    Directed(
        "a producer adds its second partition after the time-out",
        "its first half is aborted, so there must be no second one",
        of(
            [transact(60, "a1", "out-0=x", "in-0=y", lazily=True)],
            Fault(At(66 * MS), Clog("a1", "c1", 400 * MS)),
            Fault(At(66 * MS), Cut("a1", "c2", 400 * MS)),
        ),
    ),
    Directed(
        "a batch comes after its transaction has been aborted",
        "it would stay open for ever",
        of(
            [transact(60, "a1", *TWO)],
            late("a1", "out-1", "Produce", 500),
            *lost("a1", "out-1", "Produce", 2, 3, 4, 5),
        ),
    ),
    Directed(
        "the decision is being written when time is up",
        "one decision",
        of(
            [transact(60, "a1", *TWO, think=250 * MS)],
            late("c1", LOG, "Append", 90, 3),
            *lost("c1", LOG, "Append", 4),
        ),
    ),
    Directed(
        "a beginning is being written, and another one comes",
        "two identities",
        of(
            [
                transact(60, "a1", "out-0=x", init=True),
                transact(61, "a2", "out-0=y", init=True),
                transact(62, "a3", "out-0=z", init=True),
            ]
        ),
    ),
    Directed(
        "two begin, one after the other, before either writes",
        "two identities",
        of(
            [transact(60, "a1", "out-0=x", init=True), transact(80, "a2", "out-0=y", init=True)],
            late("a1", "c1", "AddPartitions", 60),
        ),
    ),
    Directed(
        "a marker is lost, and its answer",
        "markers are repeated until they are answered",
        of(
            [transact(60, "a1", *TWO), look(700)],
            *lost("c1", "out-0", "WriteMarker", 1, 2),
            *lost("out-1", "c1", "MarkerWritten", 1, 2),
        ),
    ),
    Directed(
        "the answer to a marker comes again, and the next marker is lost",
        "it is the past one's answer",
        of(
            [transact(60, "a1", *TWO), transact(100, "a1", "out-0=p", "out-1=q")],
            twice("out-0", "c1", "MarkerWritten", 60),
            *lost("c1", "out-0", "WriteMarker", 2),
        ),
    ),
    Directed(
        "a transaction begins in the midst of another one, and lasts longer",
        "the LSO is between two batches of one that is committed: half of it is seen, for a while",
        of(
            [
                transact(60, "a1", "out-0=x", "in-0=w", "out-0=y", lazily=True),
                transact(61, "a3", "out-0=p", think=200 * MS),
                *[look(t, READER, "out-0") for t in range(80, 320, 20)],
            ],
            fine=True,
            until=400 * MS,
        ),
    ),
    Directed(
        "a partition is away when its marker comes",
        "it is there when the partition is back",
        of(
            [transact(60, "a1", *TWO), transact(400, "a1", "in-0=z")],
            Fault(Doing("c1", "send", "WriteMarker"), Crash("out-1", 500 * MS)),
        ),
    ),
    Directed(
        "a partition is away, and a new producer begins",
        "it waits until the old transaction is over",
        of(
            [
                transact(60, "a1", *TWO, think=200 * MS),
                transact(150, "a2", "out-0=p", "in-0=q"),
            ],
            Fault(At(140 * MS), Crash("out-1", 400 * MS)),
        ),
    ),
    *(
        Directed(
            f"c1 loses its memory before it sends {what} {n}",
            "what the log says goes on, what it does not say has not happened",
            of(
                [
                    transact(60, "a1", *TWO),
                    transact(90, "a3", "in-0=b", "in-1=c", commit=False),
                    transact(400, "a1", "out-0=d", "in-0=e"),
                ],
                crash("c1", "send", what, n),
            ),
        )
        for what, count in (
            ("Append", 6),
            ("InitDone", 2),
            ("PartitionsAdded", 2),
            ("TxnEnded", 2),
            ("WriteMarker", 4),
        )
        for n in range(1, count + 1)
    ),
    *(
        Directed(
            f"c1 dies for good before it sends {what} {n}",
            "another coordinator goes on",
            of(
                [
                    transact(60, "a1", *TWO),
                    transact(90, "a3", "in-0=b", "in-1=c", commit=False),
                    transact(500, "a1", "out-0=d", "in-0=e"),
                ],
                crash("c1", "send", what, n, back=None),
            ),
        )
        for what, n in (("WriteMarker", 1), ("WriteMarker", 2), ("TxnEnded", 1), ("Append", 3))
    ),
    Directed(
        "c1 dies, and nobody ends the transaction",
        "time goes on under another coordinator",
        of(
            [transact(60, "a1", *TWO)],
            Fault(Doing("a1", "send", "EndTxn"), Crash("a1", None)),
            Fault(Doing("a1", "send", "EndTxn"), Crash("c1", None)),
        ),
    ),
    Directed(
        "the coordinator changes after many transactions",
        "it reads all of its log before it does anything",
        of(
            [
                *many("a1", 8),
                *many("a3", 8, start=75),
                elect(300, "c2"),
                transact(560, "a2", "out-0=p", think=50 * MS),
                elect(600, "c1"),
                elect(720, "c2"),
                transact(850, "a1", "out-0=last", init=True),
            ]
        ),
    ),
    Directed(
        "the coordinator changes, and there is a new application",
        "producer ids of the past are not given again",
        of([transact(60, "a1", *TWO), elect(200, "c2"), transact(300, "a3", "out-0=p", "in-0=q")]),
    ),
    Directed(
        "the old coordinator does not hear that it is one",
        "what it writes is not taken",
        of(
            [
                transact(60, "a1", *TWO, think=150 * MS),
                elect(100, "c2"),
                transact(300, "a3", "out-0=p", "in-0=q"),
                transact(320, "a2", "out-1=r", "in-0=s"),
            ],
            Fault(At(99 * MS), Clog(LOG, "c1", 500 * MS)),
        ),
    ),
    Directed(
        "the old coordinator sleeps behind its decision, and wakes",
        "its markers are of the past",
        of(
            [
                transact(60, "a1", *TWO),
                transact(500, "a1", "out-0=p", "out-1=q", think=150 * MS, init=True),
            ],
            Fault(Doing("c1", "send", "WriteMarker", 1), Pause("c1", 500 * MS)),
        ),
    ),
    Directed(
        "two transactions read what the other one writes",
        "nobody sees what is not committed",
        of(
            [
                transact(60, "a1", "out-0=x", think=60 * MS, reads=["out-1"]),
                transact(62, "a3", "out-1=y", think=60 * MS, reads=["out-0"]),
                transact(90, "a1", "out-0=x2", "in-0=x3", reads=["out-1"], think=60 * MS),
                transact(95, "a3", "out-1=y2", "in-0=y3", reads=["out-0"], think=60 * MS),
                *[look(t) for t in range(100, 500, 25)],
            ]
        ),
    ),
)

RECORDS = [
    transact(60, "a3", "in-0=a,b", "in-1=c"),
    transact(120, "a3", "in-0=d", "in-1=e,f", commit=False),
    transact(180, "a3", "in-0=g", "in-1=h,i,j"),
    transact(400, "a3", "in-0=k,l", "in-1=m"),
]
FEW_ABORTED = [
    *[transact(60 + 30 * n, "a3", f"in-0=no.{n}", f"in-0=no.{n}!", commit=False) for n in range(6)],
    transact(400, "a3", "in-0=yes"),
]

PROCESSING = (
    Directed(
        "some records",
        "all is well",
        of([transact(100, "a3", "in-0=x")], processors=1),
    ),
    Directed(
        "records in two partitions, and their order",
        "nothing goes wrong",
        of([transact(100, "a3", "in-0=x,z,p,r", "in-1=y")], fine=True, processors=1),
    ),
    Directed(
        "many records, two processors", "nothing goes wrong", of(RECORDS, fine=True, processors=2)
    ),
    Directed(
        "transactions that were aborted, one after the other",
        "there is nothing to process, and something to pass",
        of(FEW_ABORTED, fine=True, processors=1),
    ),
    *(
        Directed(
            f"{who} dies before it sends {what} {n}",
            "another one, or its next life, goes on at what is committed",
            of(RECORDS, crash("p1", "send", what, n, back), processors=count),
        )
        for who, count, back in (("the processor", 1, 60), ("one of two processors", 2, None))
        for what, numbers in (
            ("Produce", (1, 2)),
            ("CommitOffsets", (1, 2)),
            ("EndTxn", (1, 2, 3)),
            ("AddPartitions", (1, 2)),
        )
        for n in numbers
    ),
    *(
        Directed(
            f"the processor sleeps for {during} ms before it sends {what} {n}",
            "it wakes, and another one has its inputs",
            of(
                RECORDS,
                Fault(Doing("p1", "send", what, n), Pause("p1", during * MS)),
                processors=2,
            ),
        )
        for what in ("Produce", "CommitOffsets", "EndTxn", "Fetch")
        for n in (1, 2)
        for during in (280, 500)
    ),
    *(
        Directed(
            f"the group does not hear p1 from {at} ms on",
            "its inputs go to another one, and it still writes",
            of(
                RECORDS,
                Fault(At(at * MS), Cut("p1", GROUP, 300 * MS)),
                processors=2,
            ),
        )
        for at in (60, 75, 190, 405)
    ),
    Directed(
        "p1 sleeps while it has nothing to do, and its input is another's for a while",
        "it is its own again in the next generation that it hears of, and has moved on",
        of(
            [
                transact(60, "a3", "in-0=a,b", "in-1=c"),
                transact(550, "a3", "in-0=d,e"),
                transact(1000, "a3", "in-0=f"),
            ],
            Fault(At(200 * MS), Pause("p1", 600 * MS)),
            Fault(At(790 * MS), Clog("p1", "in-0", 30 * MS)),
            processors=2,
        ),
    ),
    Directed(
        "offsets come late, from a generation that is over",
        "the group has another one",
        of(
            RECORDS,
            late("p1", GROUP, "CommitOffsets", 290),
            Fault(At(70 * MS), Cut("p1", GROUP, 500 * MS)),
            processors=2,
        ),
    ),
    Directed(
        "the marker for the group comes late, and another processor takes over",
        "the group's offsets are not stable: whoever takes over waits",
        of(
            [transact(60, "a3", "in-0=a,b"), transact(120, "a3", "in-0=c")],
            *[late(c, GROUP, "WriteMarker", 600, n) for c in COORDINATORS for n in range(1, 13)],
            crash("p1", "send", "AddPartitions", 2, None),
            processors=2,
        ),
    ),
    Directed(
        "an InitProducer comes again, and the answer to EndTxn is lost",
        "nobody can say how it ended, but the group",
        of(
            [transact(60, "a3", "in-0=a,b"), transact(400, "a3", "in-0=c")],
            *[twice("p1", c, "InitProducer", 60) for c in COORDINATORS],
            *lost("c1", "p1", "TxnEnded"),
            processors=1,
            until=700 * MS,
        ),
    ),
    Directed(
        "the answer to EndTxn is lost, and the coordinator is away",
        "nobody knows how it ended: ask the group",
        of(
            RECORDS,
            Fault(Doing("c1", "send", "TxnEnded", 2), Crash("c1", 200 * MS)),
            Fault(Doing("c1", "send", "TxnEnded", 3), Crash("c1", 200 * MS)),
            processors=1,
        ),
    ),
    Directed(
        "an output is away for longer than a transaction lasts",
        "it is aborted, and done again",
        of(RECORDS, Fault(At(70 * MS), Crash("out-0", 450 * MS)), processors=1),
    ),
    Directed(
        "the coordinators do not hear the processor for longer than a transaction lasts",
        "aborted by its time-out: and its offsets with it",
        of(
            RECORDS,
            *[
                Fault(Doing("p1", "send", "EndTxn", 1), Cut("p1", c, 450 * MS))
                for c in COORDINATORS
            ],
            processors=1,
        ),
    ),
    Directed(
        "questions are lost",
        "asked again",
        of(
            RECORDS,
            *lost("p1", GROUP, "FetchOffsets", 1, 2),
            *[f for name in INPUTS for f in lost("p1", name, "Fetch", 1, 2, 4)],
            *[f for name in INPUTS for f in lost(name, "p1", "Fetched", 2)],
            processors=1,
        ),
    ),
    Directed(
        "a Fetched comes late",
        "it answers a question of the past",
        of(
            RECORDS,
            *[
                late(name, "p1", "Fetched", by, n)
                for name in INPUTS
                for n, by in ((2, 150), (3, 90), (5, 200))
            ],
            Fault(Doing("p1", "send", "EndTxn", 1), Cut("p1", "c1", 420 * MS)),
            Fault(Doing("p1", "send", "EndTxn", 1), Cut("p1", "c2", 420 * MS)),
            processors=1,
        ),
    ),
    Directed(
        "both processors come and go",
        "inputs move again and again",
        of(
            RECORDS,
            *[
                Fault(At(t * MS), Crash(PROCESSORS[n % 2], 120 * MS))
                for n, t in enumerate(range(70, 850, 110))
            ],
            processors=2,
        ),
    ),
)
