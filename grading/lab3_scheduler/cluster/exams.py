"""Checks of leases and late binding by themselves; and of one node, or the RM, alone among names.

An :class:`Alone` is a solution's node without any world: messages are handed to it one by one, and what it asks for
is looked at. Nothing is judged but what it sends and which jobs it starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Message
from distlab.core import effects as fx
from distlab.core.codec import encode
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab3_scheduler.cluster.scenarios import KEY
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    EXPIRED,
    OLD_EPOCH,
    OLD_LIFE,
    USED,
    VOID,
    WRONG_NODE,
    Allocate,
    Allocated,
    Completed,
    Exit,
    FinishMaster,
    Lease,
    ManagerConfig,
    NodeAnswer,
    NodeConfig,
    NodeHeartbeat,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
    Resync,
    SignedLease,
    StartContainer,
    Started,
    StartRefused,
    Task,
)
from labs.lab3_scheduler.scheduling import ANY, Ask, Resources

SMALL = Resources(1024, 1)
LEASE = Lease((1 << 40) | 7, "app-1", 1, "node-1", 3, SMALL, "", 500 * MS, 1)
TASK = Task("t1")


# -- leases -----------------------------------------------------------------------------------------------------------


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """RFC 2104, written out: H(K xor opad, H(K xor ipad, text)), with K padded to a block of 64 bytes."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).digest()


def signature(solution: Solution) -> Verdict:
    """A lease's signature is HMAC-SHA-256 of its encoding."""
    got = solution.module("leases").sign(KEY, LEASE)
    expected = SignedLease(LEASE, hmac_sha256(KEY, encode(LEASE)))
    if got != expected:
        return broken(
            "sign(key, lease) is not the lease with HMAC-SHA-256 of its encoding under the key",
            expected=expected.mac.hex(),
            got=getattr(got, "mac", got),
        )
    return kept()


def faults(solution: Solution) -> Verdict:
    """What is wrong with a lease: each field that was changed, each way to be too late, and the first of several."""
    fault = solution.module("leases").fault
    good = SignedLease(LEASE, hmac_sha256(KEY, encode(LEASE)))
    other: dict[str, Any] = {
        "container": LEASE.container + 1,
        "app": "app-2",
        "attempt": 2,
        "node": "node-2",
        "life": 4,
        "resources": Resources(8192, 8),
        "label": "gpu",
        "expiry": LEASE.expiry * 10,
        "epoch": 2,
    }
    forged = {
        name: structs.replace(good, lease=structs.replace(LEASE, **{name: value}))
        for name, value in other.items()
    }
    cases = [("a good lease", good, "node-1", 3, 1, 0, "")]
    cases += [
        (
            f"another {name} written into it",
            lease,
            "node-2" if name == "node" else "node-1",
            3,
            1,
            0,
            BAD_SIGNATURE,
        )
        for name, lease in forged.items()
    ]
    cases += [
        ("no signature", SignedLease(LEASE, b""), "node-1", 3, 1, 0, BAD_SIGNATURE),
        ("half a signature", SignedLease(LEASE, good.mac[:16]), "node-1", 3, 1, 0, BAD_SIGNATURE),
        ("for another node", good, "node-2", 3, 1, 0, WRONG_NODE),
        ("for an earlier life", good, "node-1", 4, 1, 0, OLD_LIFE),
        ("for a later life", good, "node-1", 2, 1, 0, OLD_LIFE),
        ("of an RM that was replaced", good, "node-1", 3, 2, 0, OLD_EPOCH),
        ("of an RM newer than we know", good, "node-1", 3, 0, 0, ""),
        ("just in time", good, "node-1", 3, 1, LEASE.expiry - 1, ""),
        ("just too late", good, "node-1", 3, 1, LEASE.expiry, EXPIRED),
        (
            "forged, for another node, too late",
            forged["app"],
            "node-2",
            4,
            2,
            LEASE.expiry,
            BAD_SIGNATURE,
        ),
        ("for another node, life and RM", good, "node-2", 4, 2, LEASE.expiry, WRONG_NODE),
        ("for another life, of another RM", good, "node-1", 4, 2, LEASE.expiry, OLD_LIFE),
        ("of another RM, too late", good, "node-1", 3, 2, LEASE.expiry, OLD_EPOCH),
    ]
    for name, signed, node, life, epoch, time, expected in cases:
        got = fault(signed, KEY, node, life, epoch, time)
        if got != expected:
            return broken(
                f"leases.fault of a lease: {name}", expected=repr(expected), got=repr(got)
            )
    return kept()


# -- one node alone ---------------------------------------------------------------------------------------------------


class Alone(Solo):
    """A node among names: what was sent to whom, and what was started, since one last asked."""

    def tell(self, message: Message, sender: str) -> list[Any]:
        """Hand it a message; the messages that it sends, and the jobs that it starts, in order."""
        return _outward(self.deliver(message, sender))

    def wait(self, duration: int) -> list[Any]:
        return _outward(self.advance(duration))


def _outward(effects: list[fx.Effect]) -> list[Any]:
    found: list[Any] = []
    for effect in effects:
        match effect:
            case fx.Sent(_, message):
                found.append(message)
            case fx.JobStarted() | fx.JobCancelled():
                found.append(effect)
    return found


def _of(kind: Any, found: list[Any]) -> list[Any]:
    return [each for each in found if isinstance(each, kind)]


class _Node:
    """A NodeManager that is registered, and what its RM says to it."""

    def __init__(self, solution: Solution) -> None:
        config = NodeConfig("rm", KEY)
        self.solo = Alone(solution.module("node_manager").NodeManager, config, "node-1")
        hello = _of(RegisterNode, _outward(self.solo.effects) + self.solo.wait(25 * MS))
        self.life = hello[0].life if hello else 0
        self.solo.tell(NodeRegistered(self.life, 1), "rm")
        self.answer()

    def answer(self, **more: Any) -> None:
        fields = {"kill": (), "void": (), "noted": (), "time": self.solo.time, **more}
        self.solo.tell(NodeAnswer(self.life, 1, **fields), "rm")

    def lease(self, number: int, **changes: Any) -> SignedLease:
        fields = {"expiry": self.solo.time + 500 * MS, "life": self.life, **changes}
        lease = structs.replace(LEASE, container=(1 << 40) | number, **fields)
        return SignedLease(lease, hmac_sha256(KEY, encode(lease)))

    def start(self, lease: SignedLease, task: Task = TASK) -> str:
        """How the node takes it: ``runs``, ``Started`` (and nothing is started now), or a code."""
        found = self.solo.tell(StartContainer(lease, task), "am-1")
        said = [each for each in found if isinstance(each, Started | StartRefused)]
        runs = bool(_of(fx.JobStarted, found))
        if len(said) != 1 or said[0].container != lease.lease.container:
            return f"{len(said)} answers"
        if isinstance(said[0], StartRefused):
            return said[0].code + (", and runs" if runs else "")
        return "runs" if runs else "Started"

    def beat(self) -> NodeHeartbeat:
        return _of(NodeHeartbeat, self.solo.wait(25 * MS))[-1]


def one_container(solution: Solution) -> Verdict:
    """A node that is told everything twice, late, and by forgers."""
    node = _Node(solution)
    a, b, c, d, e, f = (node.lease(number) for number in range(1, 7))
    other = Task("t2")
    forged = structs.replace(b, mac=bytes(32))
    steps = [
        ("a good lease", lambda: node.start(a), "runs"),
        ("the same once more", lambda: node.start(a), "Started"),
        ("the same lease with another task", lambda: node.start(a, other), USED),
        ("a forged copy of a lease", lambda: node.start(forged), BAD_SIGNATURE),
        ("the genuine one after it", lambda: node.start(b), "runs"),
        ("a forged copy of a lease in use", lambda: node.start(forged), BAD_SIGNATURE),
    ]
    verdict = _walk(steps)
    if verdict.is_broken:
        return verdict
    node.solo.finish_job(node.solo.jobs[0])
    beat = node.beat()
    node.answer(noted=(a.lease.container,), void=(b.lease.container, c.lease.container))
    over = Completed(a.lease.container, Exit.DONE)
    if over not in beat.completed:
        return broken("a container has ended", expected=repr(over), got=repr(beat.completed))
    later = node.beat()
    unused = Completed(c.lease.container, Exit.UNUSED)
    if later.completed != (unused,) or later.running != (b.lease.container,):
        return broken(
            "the RM has noted one end, and asked to take back a container that runs and one that does not",
            expected=f"only {unused}; the other one runs",
            got=f"{later.completed}, running {later.running}",
        )
    node.answer(kill=(b.lease.container, d.lease.container), noted=(c.lease.container,))
    last = {completed.container: completed.exit for completed in node.beat().completed}
    if last != {b.lease.container: Exit.KILLED, d.lease.container: Exit.UNUSED}:
        return broken(
            "the RM wanted two containers killed, one of which was never started",
            expected="the one killed, the other one unused",
            got=repr(last),
        )
    early = node.lease(7, expiry=node.solo.time + 1 * MS)
    node.solo.wait(5 * MS)
    steps = [
        ("a start that comes again when all is over", lambda: node.start(a), "Started"),
        ("a start after the container was taken back", lambda: node.start(c), VOID),
        ("a start after an unused container was killed", lambda: node.start(d), VOID),
        ("a start of a container that was killed", lambda: node.start(b), "Started"),
        ("a lease that is too late", lambda: node.start(early), EXPIRED),
        ("a good lease after all this", lambda: node.start(e), "runs"),
    ]
    verdict = _walk(steps)
    if verdict.is_broken:
        return verdict
    node.solo.tell(Resync(node.life, 1, 1), "rm")
    hello = _of(RegisterNode, _outward(node.solo.effects))
    old, node.life = node.life, hello[-1].life
    if node.life <= old or node.solo.jobs:
        return broken(
            "the RM has taken the node for dead",
            expected="a new life, with nothing running",
            got=f"life {node.life} after {old}, {len(node.solo.jobs)} containers running",
        )
    node.solo.tell(NodeRegistered(node.life, 1), "rm")
    node.solo.tell(Resync(old, 1, 1), "rm")
    return _walk(
        [
            ("a lease of the life before", lambda: node.start(f), OLD_LIFE),
            ("a lease of this life", lambda: node.start(node.lease(9)), "runs"),
        ]
    )


def expired_on_the_rms_clock(solution: Solution) -> Verdict:
    """A lease is late by the RM's clock, whatever the node's own clocks say; and what was too late stays so."""
    node = _Node(solution)
    node.solo.now = lambda: 10**15  # type: ignore[method-assign]
    verdict = _walk(
        [("the node's clock is years ahead", lambda: node.start(node.lease(1)), "runs")]
    )
    if verdict.is_broken:
        return verdict
    node.solo.now = lambda: 0  # type: ignore[method-assign]
    hour = 3_600_000 * MS
    ahead = node.lease(2, expiry=node.solo.time + hour + 100 * MS)
    late = node.lease(3, expiry=node.solo.time + hour - 100 * MS)
    node.answer(time=node.solo.time + hour)
    return _walk(
        [
            ("the RM's clock is an hour ahead of ours", lambda: node.start(ahead), "runs"),
            ("and so the lease has run out", lambda: node.start(late), EXPIRED),
            ("and is not better the second time", lambda: node.start(late), EXPIRED),
        ]
    )


def _walk(steps: list[tuple[str, Any, str]]) -> Verdict:
    for name, step, expected in steps:
        got = step()
        if got != expected:
            return broken(f"a node by itself: {name}", expected=expected, got=got)
    return kept()


# -- the RM alone -----------------------------------------------------------------------------------------------------


class _Manager:
    """A ResourceManager with one node of 2 GiB and two cores, and what they and its masters say to it."""

    def __init__(self, solution: Solution) -> None:
        self.solo = Alone(solution.module("manager").ResourceManager, ManagerConfig(KEY), "rm")
        self.solo.tell(RegisterNode(1, Resources(2048, 2), "rack", ""), "node-1")
        self.beats = 0
        self.wishes: dict[str, int] = {}
        self.epochs: dict[str, int] = {}

    def begin(self, app: str) -> None:
        said = self.solo.tell(RegisterMaster(app, "default"), f"master of {app}")
        self.epochs[app] = getattr(said[0], "epoch", 1) if said else 1

    def beat(self, running: tuple[int, ...] = (), *completed: Completed) -> NodeAnswer | None:
        self.beats += 1
        beat = NodeHeartbeat(1, 1, self.beats, running, completed)
        return next(iter(_of(NodeAnswer, self.solo.tell(beat, "node-1"))), None)

    def wish(
        self, app: str, count: int, release: tuple[int, ...] = (), repeat: bool = False
    ) -> list[int]:
        """Ask for so many small containers; the numbers of those that are granted in the answer."""
        self.wishes[app] = self.wishes.get(app, 0) + (not repeat)
        asks = (Ask(SMALL, count),) if count else ()
        wish = Allocate(app, 1, self.epochs[app], self.wishes[app], asks, release)
        said = _of(Allocated, self.solo.tell(wish, f"master of {app}"))
        return [signed.lease.container for signed in said[0].grants] if said else []


def nothing_is_free_before_its_node_says_so(solution: Solution) -> Verdict:
    """A release, an end of an application, a lease that is not used: the place is taken till the node speaks."""
    for how in ("given back", "left behind by an application that is over", "not used in time"):
        rm = _Manager(solution)
        rm.begin("old")
        rm.begin("new")
        rm.wish("old", 2)
        rm.beat()
        mine = tuple(rm.wish("old", 0))
        if len(mine) != 2:
            return broken("two containers fit", expected="2 granted", got=len(mine))
        rm.wish("new", 2)
        if how == "given back":
            rm.beat(mine)
            rm.wish("old", 0, mine)
        elif how == "not used in time":
            rm.beat()
            rm.solo.wait(100 * MS)
            rm.beat()
            rm.solo.wait(100 * MS)
        else:
            rm.beat(mine)
            rm.solo.tell(FinishMaster("old", 1), "master of old")
        answer = rm.beat(mine if how != "not used in time" else ())
        early = rm.wish("new", 2)
        ordered = () if answer is None else (answer.kill, answer.void)["not" in how]
        if sorted(ordered) != sorted(mine):
            return broken(
                f"two containers are {how}: the node is to end them",
                expected=sorted(mine),
                got=sorted(ordered),
            )
        if early:
            return broken(
                f"two containers are {how}, and their node has not said that they are over",
                expected="no room for others",
                got=f"{len(early)} granted",
            )
        rm.beat((), *(Completed(number, Exit.UNUSED) for number in mine))
        late = rm.wish("new", 2)
        if len(late) != 2:
            return broken(
                f"two containers are {how}, and their node has said that they are over",
                expected="room for two others",
                got=f"{len(late)} granted",
            )
    return kept()


def only_ones_own_containers(solution: Solution) -> Verdict:
    """A master gives back what is another one's, or nobody's: nothing happens."""
    rm = _Manager(solution)
    rm.begin("old")
    rm.begin("new")
    rm.wish("old", 2)
    rm.beat()
    mine = tuple(rm.wish("old", 0))
    rm.wish("new", 0, (*mine, 12345))
    answer = rm.beat(mine)
    if answer is None or answer.kill or answer.void:
        return broken(
            "a master gave back containers of another application",
            expected="nothing to kill",
            got=repr(answer),
        )
    return kept()


def counts_in_flight(solution: Solution) -> Verdict:
    """Counts are absolute: what waits to be told is taken off; a wish that is repeated, or old, changes nothing."""
    rm = _Manager(solution)
    rm.begin("a")
    rm.wish("a", 2)
    rm.beat()  # both are granted, and nobody was told
    told = rm.wish("a", 2)  # the master still says 2
    again = rm.wish("a", 2, repeat=True)
    if again != told or len(told) != 2:
        return broken(
            "a wish that comes twice is answered alike", expected=repr(told), got=repr(again)
        )
    rm.beat(tuple(told))
    rm.beat((), *(Completed(number, Exit.DONE) for number in told))
    more = rm.wish("a", 0)
    if more:
        return broken(
            "two were wanted, two were granted, while the master repeated that it wants two",
            expected="2 in all",
            got=2 + len(more),
        )
    return kept()


def answers_are_told_once(solution: Solution) -> Verdict:
    """What was told in one answer is not told in the next one."""
    rm = _Manager(solution)
    rm.begin("a")
    rm.wish("a", 1)
    rm.beat()
    first = rm.wish("a", 0)
    second = rm.wish("a", 0)
    if len(first) != 1 or second:
        return broken(
            "a lease is told in one answer, and not in the next",
            expected="1, then none",
            got=f"{first}, {second}",
        )
    return kept()


# -- late binding -----------------------------------------------------------------------------------------------------


def sizes_and_labels(solution: Solution) -> Verdict:
    """Only a task of the lease's size and label."""
    choose = solution.module("binding").choose
    small, large = Resources(1024, 1), Resources(2048, 2)
    cases = [
        ("one that is too large", [Task("a", capability=large)], None),
        ("one that is smaller", [Task("a", capability=Resources(512, 1))], None),
        ("one that needs more cores", [Task("a", capability=Resources(1024, 2))], None),
        ("one of another label", [Task("a", label="gpu")], None),
        ("nothing", [], None),
        ("one that suits behind others", [Task("a", capability=large), Task("b", label="gpu"), Task("c")], "c"),
        ("an urgent one that is too large", [Task("a", capability=large, priority=-1), Task("b")], "b"),
    ]  # fmt: skip
    return _chosen(choose, structs.replace(LEASE, resources=small), cases)


def whose_data_is_there(solution: Solution) -> Verdict:
    """Urgency first, then the node, then the order."""
    choose = solution.module("binding").choose
    here, there = "node-1", "node-2"
    cases = [
        ("none prefers it", [Task("a"), Task("b")], "a"),
        ("the second prefers it", [Task("a"), Task("b", prefers=here)], "b"),
        ("the first prefers another one", [Task("a", prefers=there), Task("b")], "a"),
        ("both prefer it", [Task("a", prefers=here), Task("b", prefers=here)], "a"),
        ("the second is more urgent", [Task("a", prefers=here, priority=2), Task("b", prefers=there)], "b"),
        ("equally urgent", [Task("a", prefers=there, priority=1), Task("b", prefers=here, priority=1)], "b"),
    ]  # fmt: skip
    return _chosen(choose, LEASE, cases)


def _chosen(
    choose: Any, lease: Lease, cases: Sequence[tuple[str, list[Task], str | None]]
) -> Verdict:
    for name, waiting, expected in cases:
        got = choose(list(waiting), lease)
        if (got.name if got is not None else None) != expected:
            return broken(
                f"binding.choose among tasks: {name}", expected=expected, got=got and got.name
            )
    return kept()


def alike_ones_are_counted(solution: Solution) -> Verdict:
    """One ask for tasks that want the same, with their number."""
    large = Resources(2048, 2)
    waiting = [
        Task("a"),
        Task("b", steps=99),
        Task("c", capability=large),
        Task("d", prefers="node-2"),
        Task("e", label="gpu"),
        Task("f", priority=1),
        Task("g", prefers="node-2"),
    ]
    expected = {
        Ask(SMALL, 2),
        Ask(large, 1),
        Ask(SMALL, 2, location="node-2"),
        Ask(SMALL, 1, label="gpu"),
        Ask(SMALL, 1, priority=1, location=ANY),
    }
    got = solution.module("binding").asks_for(waiting)
    if set(got) != expected or len(got) != len(expected):
        return broken(
            "what to ask for, for seven tasks that wait", expected=repr(expected), got=repr(got)
        )
    return kept()


EXAMS_S1 = (
    Exam("places", nothing_is_free_before_its_node_says_so, "manager"),
    Exam("one's own", only_ones_own_containers, "manager"),
)
EXAMS_S2 = (
    Exam("signature", signature, "leases"),
    Exam("faults", faults, "leases"),
    Exam("a node by itself", one_container, "node_manager"),
    Exam("clocks", expired_on_the_rms_clock, "node_manager"),
)
EXAMS_S4 = (Exam("sizes and labels", sizes_and_labels, "binding"),)
EXAMS_C1 = (
    Exam("asks", alike_ones_are_counted, "binding"),
    Exam("counts in flight", counts_in_flight, "manager"),
    Exam("told once", answers_are_told_once, "manager"),
)
EXAMS_C2 = (Exam("preferences", whose_data_is_there, "binding"),)
