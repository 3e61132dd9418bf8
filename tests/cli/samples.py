"""Reports and runs made by hand, with every outcome there is: for the tests of what the terminal shows."""

from collections.abc import Sequence
from typing import Any

from distlab.grade.result import (
    Break,
    Frame,
    LabResult,
    PartResult,
    Problem,
    PromiseResult,
    Report,
    State,
)
from distlab.trace import Kind, Trace

FILE = "labs/lab3_register/register.py"
SOURCE = tuple(
    ["# line"] * 38
    + [
        "",
        "    def on_val(self, answer: Val, sender: Address) -> None:",
        "        if self.waiting:",
        "            self.finish(self.waiting, Ok(answer.value))",
    ]
)
LINE = Frame(FILE, 42, "on_val", "self.finish(self.waiting, Ok(answer.value))")

NODES = ("c1", "n1", "n2", "n3", "c2")


def message(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": name, **fields}


def stale_read() -> tuple[Trace, tuple[str, ...], tuple[int, ...]]:
    """The run of UX.md: a write that one of three servers never gets, and a read from that one."""
    put, get = message("Put", key="x", value=1), message("Get", key="x")
    write, ack = message("Write", key="x", value=1), message("Ack")
    rows: list[tuple[int, str, str, int, str, Any]] = [
        (0, "c1", Kind.START, 0, "", "client"),
        (0, "c1", Kind.CALL, 0, "", (1, put)),  # 2
        (0, "c1", Kind.SEND, 2, "n1", write),  # 3
        (0, "c1", Kind.SEND, 2, "n2", write),  # 4
        (0, "c1", Kind.SEND, 2, "n3", write),  # 5
        (0, "", Kind.FAULT, 0, "", message("Drop")),  # 6: of 5
        (0, "n3", Kind.DROP, 5, "c1", (write, "drop")),
        (1000, "n1", Kind.DELIVER, 3, "c1", write),  # 8
        (1000, "n1", Kind.SEND, 8, "c1", ack),  # 9
        (1000, "n2", Kind.DELIVER, 4, "c1", write),  # 10
        (1000, "n2", Kind.SEND, 10, "c1", ack),  # 11
        (2000, "c1", Kind.DELIVER, 9, "n1", ack),
        (2000, "c1", Kind.DELIVER, 11, "n2", ack),  # 13
        (2000, "c1", Kind.RETURN, 13, "", (1, message("Ok", value=None))),
        (5000, "c2", Kind.CALL, 0, "", (2, get)),  # 15
        (5000, "c2", Kind.SEND, 15, "n3", message("Read", key="x")),  # 16
        (6000, "n3", Kind.DELIVER, 16, "c2", message("Read", key="x")),  # 17
        (6000, "n3", Kind.SEND, 17, "c2", message("Val", value=0)),  # 18
        (7000, "c2", Kind.DELIVER, 18, "n3", message("Val", value=0)),  # 19
        (7000, "c2", Kind.RETURN, 19, "", (2, message("Ok", value=0))),  # 20
    ]
    return trace_of(rows), NODES, (14, 20)


def trace_of(rows: Sequence[tuple[int, str, str, int, str, Any]]) -> Trace:
    """A trace from (time, node, kind, cause, peer, what); ids count from 1."""
    return Trace(
        (number, time, node, 0, kind, cause, peer, what)
        for number, (time, node, kind, cause, peer, what) in enumerate(rows, 1)
    )


STALE = Break(
    "Get(key='x') answered 0 after Put(key='x', value=1) had returned",
    "run 37",
    "1",
    "0",
    counterexample="3f2a",
    size="2 operations and 1 fault",
    was="9 operations and 7 faults",
    decisive=(LINE,),
)

CRASH = Problem(
    State.CRASHED,
    "KeyError: 'w1'",
    "master",
    "Done(task=3, attempt=1)",
    41,
    (
        Frame("labs/lab1_mapreduce/master.py", 88, "on_done", "self.close(done.task, sender)"),
        Frame("labs/lab1_mapreduce/tasks.py", 31, "close", "del self.held_by[worker]"),
    ),
)
STUCK = Problem(
    State.STUCK,
    "a handler did not return",
    "n2",
    frames=(Frame(FILE, 60, "on_tick", "while not self.quorum():"),),
)
VARIES = Problem(
    State.NOT_DETERMINISTIC,
    "event 14 was send Ping() on n1 in one run, and send Pong() on n1 in the next",
)
TODO = Problem(
    State.NOT_STARTED,
    "3C: send Write to every server, and wait for a majority",
    frames=(Frame(FILE, 20, "on_put", 'raise NotImplementedError("...")'),),
)


def promise(code: str, title: str, points: int, state: State, **more: Any) -> PromiseResult:
    return PromiseResult(code, title, points, state, **{"runs": 600, **more})


PASSED = promise("RG-S1", "every value that a Get returns was put by somebody", 6, State.PASSED)
FAILED = promise(
    "RG-S2",
    "once a Put has returned, every later Get sees it, or a newer value",
    8,
    State.FAILED,
    broken=STALE,
    page="labs/lab3.md#quorums",
)
UNKNOWN = promise(
    "RG-L1",
    "after the faults heal, every operation returns within 40 message delays",
    4,
    State.UNKNOWN,
    unseen=("a majority was cut off from a client", "a server came back with an older value"),
    page="labs/lab3.md#liveness",
)
CRASHED = promise(
    "MR-S4",
    "the result of each task is used once",
    10,
    State.CRASHED,
    broken=Break(
        CRASH.text, "run 3", problem=CRASH, counterexample="77ab01", size="1 operation and 0 faults"
    ),
)
HANGS = promise(
    "RG-L2",
    "reads do not wait for writes",
    5,
    State.STUCK,
    broken=Break(STUCK.text, "run 1", problem=STUCK),
)
DIFFERS = promise(
    "RG-S3",
    "reads never go back in time",
    5,
    State.NOT_DETERMINISTIC,
    broken=Break(VARIES.text, "", problem=VARIES),
)
NOT_STARTED = promise(
    "RG-S4",
    "a write survives any one server",
    7,
    State.NOT_STARTED,
    broken=Break(TODO.text, "", problem=TODO),
)


def part(code: str, title: str, *promises: PromiseResult, **more: Any) -> PartResult:
    return PartResult(
        code, title, (FILE,), tuple(promises), **{"runs": 600, "seconds": 2.41, **more}
    )


SEEN = {
    "drop": 246,
    "duplicate": 132,
    "partition": 108,
    "crash": 54,
    "concurrent operations": 378,
    "torn write": 2,
}

LAB3 = LabResult(
    3,
    "lab3_register",
    "A register on a quorum",
    (
        part(
            "A",
            "One writer",
            PASSED,
            FAILED,
            UNKNOWN,
            seen=SEEN,
            warnings=(f"{FILE}:3: time: node code uses self.now",),
        ),
        part("B", "Many writers", HANGS, DIFFERS),
        part("C", "Crashes", NOT_STARTED, runs=0, seconds=0.0),
    ),
)
LAB0 = LabResult(0, "lab0_rpc", "RPC over an unreliable network", (part("A", "Framing", PASSED),))
LAB1 = LabResult(1, "lab1_mapreduce", "MapReduce", (part("B", "Master and workers", CRASHED),))
LAB4 = LabResult(4, "lab4_transactions", "Transactions", (part("A", "WAL and 2PC", NOT_STARTED),))
REPORT = Report((LAB0, LAB1, LAB3, LAB4), "0.1.0", 1, "own", "oracle", seconds=14.2)
EVERY_STATE = (PASSED, FAILED, UNKNOWN, CRASHED, HANGS, DIFFERS, NOT_STARTED)


def apart(prior: str) -> Report:
    """All is kept: a lab of one part, and one of two parts with a module each."""
    two = LabResult(
        5,
        "lab5_apart",
        "Two parts",
        tuple(
            PartResult(code, "A part", (f"labs/lab5_apart/{code}.py",), (PASSED,)) for code in "AB"
        ),
    )
    return Report((LAB0, two), "0.1.0", 1, "own", prior, seconds=14.2)
