"""Whatever a submission's process does, it is the submission's problem: the run ends, and the grader goes on."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import Node
from distlab.core.errors import Halt
from distlab.core.solo import Solo
from distlab.grade.result import State
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.channel import Channel
from distlab.grade.sealed.errors import Crossed, IsolationBroken, crossed
from distlab.grade.sealed.outside import Outside
from tests.grade.sealedcompare import Outcome, compare
from tests.grade.test_sealed import with_line
from tests.grade.toygrader import grade, promise, tree

HOST = "self._context.host"


def outcomes(folder: Path, line: str, *words: str, count: int = 2, top: str = "") -> list[Outcome]:
    root = tree(folder, with_line(line, top=top))
    return compare(root, "9", "A", "own", count, "sealed", *words)["sealed"]


# -- ways to break out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import os; os._exit(0)", "ended its own process"),
        ("import os; os.kill(os.getpid(), 9)", "ended its own process"),
        (f"{HOST}._channel._sock.close()", "ended its own process"),
        (f"{HOST}._channel._sock.send(b'nonsense')", "makes no sense"),
        (f"{HOST}._channel._sock.send(bytes(4))", "makes no sense"),
        (f"{HOST}._channel._sock.send(b'\\xff\\xff\\xff\\xff')", "makes no sense"),
        (f"{HOST}._channel.send(fr.Said([], fr.Value(b''))); exit()", "isolation: "),
        (f"{HOST}._channel.send(fr.Said([], fr.Hung(()))); exit()", "isolation: "),
        (f"{HOST}.effect(fr.Send('client', 'labs.lab9_toy.protocol:Nope', b''))", "none"),
        (f"{HOST}.effect(fr.Send('client', 'os:system', b''))", "none"),
        (f"{HOST}.effect(fr.Send('client', 'labs.lab9_toy.protocol:Keep', b''))", "none"),
        (f"{HOST}.effect(fr.Finish(1, b'\\x93'))", "none"),
        (f"{HOST}.effect(fr.Line('x', 17, 'y', b'\\x80'))", "none"),
        (f"{HOST}.effect(fr.Print(7))", "makes no sense"),
        (f"{HOST}.ask('sim', ())", "nobody can answer"),
        (f"{HOST}.ask('disk._files', ())", "nobody can answer"),
        (f"{HOST}.ask('disk.read', (7, 'x', None))", "nobody can answer"),
        (f"{HOST}.ask('begin', ())", "other arguments"),
        ("raise HarnessBug('yours')", "HarnessBug: yours"),
        ("raise ScenarioError('yours')", "ScenarioError: yours"),
        ("raise type('Stuck', (BaseException,), {})()", "Stuck: "),
        ("raise type('os.system', (Exception,), {'__str__': None})()", "Error: "),
        (f"{HOST}.on = 77; self.now()", "acts while something else"),
    ],
)
def test_it_ends_the_run_as_the_submissions_problem(tmp_path: Path, line: str, said: str) -> None:
    top = (
        "from distlab.core.errors import HarnessBug, ScenarioError\n"
        "from distlab.grade.sealed import frames as fr"
    )
    for run in outcomes(tmp_path, line, top=top):  # each has a process of its own again
        assert run.problem is not None
        assert run.problem.state is State.CRASHED
        assert said in run.problem.text


def test_a_whole_grading_goes_on_and_gives_nothing_for_it(tmp_path: Path) -> None:
    report = grade(tree(tmp_path, with_line("import os; os._exit(0)")), isolation="sealed")
    result = promise(report)
    assert (result.state, result.earned) == (State.CRASHED, 0)
    assert result.broken is not None
    assert "isolation" in result.broken.reason


def test_a_probe_that_no_judge_can_read_is_the_submissions_problem(tmp_path: Path) -> None:
    source = with_line("pass").replace("return self.kept", "return [self.kept, None]")
    result = promise(grade(tree(tmp_path, source), isolation="sealed"))
    assert (result.state, result.earned) == (State.CRASHED, 0)
    assert result.broken is not None
    assert "could make nothing of" in result.broken.reason


def test_what_it_says_in_one_run_has_a_limit(tmp_path: Path) -> None:
    line = "[print('x' * 100_000) for _ in range(100)]"
    (run,) = outcomes(tmp_path, line, "RUN_BYTES=3000000", "LOOK_EVERY=1", count=1)
    assert run.problem is not None
    assert "than any program needs" in run.problem.text


# -- ways to hang -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "while True: pass",
        "while True: self.now()",
        "[self.log.info('x', 'y') for _ in iter(int, 1)]",
        "def f():\n            try: f()\n            finally: f()\n        f()",
    ],
)
def test_a_handler_that_does_not_return_is_stuck_and_its_line_is_shown(
    tmp_path: Path, line: str
) -> None:
    first, second = outcomes(tmp_path, line)
    assert first.problem is not None
    assert first.problem.state is State.STUCK
    assert first.problem.frames
    assert first.problem.frames[-1].file == "labs/lab9_toy/keeper.py"
    assert first.problem.frames[-1].line >= 18
    assert second.problem is not None
    assert second.problem.state is State.STUCK


def test_it_cannot_refuse_to_be_stopped(tmp_path: Path) -> None:
    line = (
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15, 24, 26)]\n"
        "        while True:\n            try:\n                while True: pass\n"
        "            except BaseException: pass"
    )
    (run,) = outcomes(tmp_path, line, count=1)
    assert run.problem is not None
    assert run.problem.state is State.STUCK
    assert not run.problem.frames


def test_one_that_waits_for_something_is_stuck_too(tmp_path: Path) -> None:
    line = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"
    (run,) = outcomes(tmp_path, line, "SILENCE_LIMIT=0.5", count=1)
    assert run.problem is not None
    assert run.problem.state is State.STUCK
    assert run.problem.frames[-1].code == line


# -- frames that nobody thought of ------------------------------------------------------------------------------------

_PREPARE = fr.Prepare("labs.none", ("labs.none.protocol",), (), (), {})
_ENCODE = msgspec.msgpack.Encoder().encode


class _Idle(Node):
    """Somebody to act as."""


class _NoChild:
    """Stands for the process of the inside."""

    def is_waiting(self) -> bool:
        return True

    def how_it_ended(self) -> str:
        return ""

    def processor_seconds(self) -> float:
        return 0.0

    def ask_where_it_stands(self) -> None:
        """Nobody there."""

    def kill(self) -> None:
        """Nobody there."""


def heard(*frames: bytes) -> tuple[Outside, socket.socket]:
    """An outside whose inside has said these, and gone."""
    outside = Outside(_PREPARE)
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    for frame in frames:
        theirs.sendall(len(frame).to_bytes(4, "little") + frame)
    theirs.shutdown(socket.SHUT_WR)
    stand_in: Any = _NoChild()
    outside.link.child = stand_in
    outside.link.channel = Channel(ours, fr.Said, outside.link.waiting)
    return outside, theirs


def must_survive(frame: bytes) -> None:
    outside, theirs = heard(frame)
    io = Solo(_Idle)
    with theirs, outside.link.channel._sock:  # type: ignore[union-attr]
        try:
            outside.result(outside.request(fr.Probe(outside.actor(io)), io))
        except (IsolationBroken, Halt):
            pass
        except BaseException as error:
            if not isinstance(error, Crossed):
                raise


_SAMPLES = [
    _ENCODE(fr.Said(effects, word))
    for effects in (
        [],
        [fr.Send("b", "labs.none.protocol:Put", b"\x81\xa2id\x01")],
        [fr.SetTimer("", _ENCODE(["S", "distlab.core.values:Timer", []]), 5)],
        [fr.Sync(("wal", "/")), fr.Delete("x"), fr.Connect("b"), fr.Disconnect("b")],
        [fr.Finish(1, _ENCODE(["S", "distlab.core.values:Ok", [["t", [1, 2]]]]))],
        [fr.Line("net", 20, "sent", _ENCODE(["d", [["x", 1]]])), fr.SetLevel("net", 10)],
        [
            fr.Introduce(
                "labs.none.own:Mine",
                "timer",
                (fr.Field("n", "n", msgspec.Raw(_ENCODE(["tuple", ["int"], True])), None),),
                "Mine",
                "type",
                False,
                False,
                msgspec.Raw(_ENCODE("any")),
            ),
            fr.SetTimer("labs.none.own:Mine", _ENCODE({"type": "Mine", "n": [1, 2]}), 7),
        ],
    )
    for word in (
        fr.Value(_ENCODE(["l", [1, ["r", 3, ["t", [1] * 5], None], ["i", "0xff"]]])),
        fr.Raised("KeyError", "'x'", (fr.Place("/etc/passwd", 1, "f"),)),
        fr.Ended(b"\xc0"),
        fr.Ask("disk.append", msgspec.Raw(_ENCODE(("x", b"y")))),
        fr.Ask("stop", msgspec.Raw(_ENCODE(("why",)))),
    )
]


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_no_bytes_raise_anything_but_the_submissions_problem(data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(_SAMPLES)))
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(frame) - 1), st.integers(0, 255)), max_size=4)
    ):
        frame[at] = byte
    must_survive(bytes(frame))


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.binary() | st.sampled_from([*"ltsfdSeigrhT", "distlab.core.values:Ok"]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_TREES)
@settings(max_examples=300, deadline=None)
def test_no_packed_value_raises_anything_but_the_submissions_problem(tree: Any) -> None:
    must_survive(_ENCODE(fr.Said([], fr.Value(_ENCODE(tree)))))
    must_survive(_ENCODE(fr.Said([fr.Finish(1, _ENCODE(tree))], fr.Value(b"\xc0"))))


@given(_TREES)
@settings(max_examples=200, deadline=None)
def test_no_sketch_of_a_type_raises_anything_else(sketch: Any) -> None:
    field = fr.Field("n", "n", msgspec.Raw(_ENCODE(sketch)), None)
    introduced = fr.Introduce(
        "labs.x:Y", "timer", (field,), "Y", "type", False, False, msgspec.Raw(b"\xa3any")
    )
    must_survive(_ENCODE(fr.Said([introduced], fr.Value(b"\xc0"))))


def test_depth_without_end_is_refused() -> None:
    must_survive(_ENCODE(fr.Said([], fr.Value(b"\x92\xa1l\x91" * 100_000 + b"\x01"))))
    must_survive(b"\x92\x90\x92\x00" + b"\x91" * 1_000_000)


@pytest.mark.parametrize("name", ["HarnessBug", "ScenarioError", "Halt", "KeyboardInterrupt"])
def test_what_would_be_blamed_on_us_is_only_a_name(name: str) -> None:
    error = crossed(name, "text")
    assert type(error).__name__ == name
    assert type(error).__mro__[1:3] == (Crossed, Exception)


# -- size -------------------------------------------------------------------------------------------------------------


def test_the_largest_message_crosses(tmp_path: Path) -> None:
    size = (16 << 20) - 100
    top = "class Big(Message, frozen=True):\n    body: bytes\n"
    line = f"self.send(self.address, Big(bytes({size})))"
    source = with_line(line, top=top).replace("Address, Node", "Address, Message, Node")
    source += "\n    def on_big(self, big: Big) -> None:\n        self.log.info('big', str(len(big.body)))\n"
    found = compare(tree(tmp_path, source), "9", "A", "own", 1, "sealed")["sealed"]
    assert found[0].problem is None
    assert f"text='{size}'" in "".join(found[0].trace)
