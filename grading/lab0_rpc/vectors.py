"""Exams of lab 0: values from RFCs and papers, and laws of the pure functions as Hypothesis properties."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.check import Verdict, broken, kept
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution

LAW = settings(max_examples=80, deadline=None, database=None, derandomize=True, print_blob=False)

RFC_3720 = {
    b"123456789": 0xE3069283,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    bytes.fromhex(
        "01c00000000000000000000000000000"
        "14000000000004000000001400000018"
        "28000000000000000200000000000000"
    ): 0xD9963A56,
    b"": 0,
}
"""Check value of the catalogues; examples of RFC 3720, appendix B.4 (an iSCSI read command among them); nothing."""

SWAPPED = (b"account=100;amt=900", b"account=900;amt=100")
"""The same 16-bit words in another order, but for the odd byte: RFC 1071's sum cannot tell these apart."""


def sum16(data: bytes) -> int:
    """The Internet checksum before it is inverted (RFC 1071); an odd byte is padded with a zero."""
    data += bytes(len(data) % 2)
    total = sum(data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class _Broken(AssertionError):
    """Carries a verdict out of a Hypothesis property."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _require(holds: bool, reason: str, expected: Any = "", got: Any = "") -> None:
    if not holds:
        raise _Broken(broken(reason, expected=expected, got=got))


def _verdict(check: Callable[[Solution], None]) -> Callable[[Solution], Verdict]:
    def run(solution: Solution) -> Verdict:
        try:
            check(solution)
        except _Broken as found:
            return found.verdict
        return kept()

    return run


# -- part 0A ----------------------------------------------------------------------------------------------------------


def _crc_vectors(solution: Solution) -> None:
    crc32c = solution.module("framing").crc32c
    for data, checksum in RFC_3720.items():
        got = crc32c(data)
        _require(got == checksum, f"crc32c({data!r})", f"{checksum:#010x}", f"{got:#010x}")
    first, second = map(crc32c, SWAPPED)
    _require(first != second, "two texts whose words changed places have one checksum", got=first)


def _by_field(frame: bytes) -> str:
    """Checksum, length, id and body in hex, apart from each other."""
    return " ".join(field.hex() for field in (frame[:4], frame[4:8], frame[8:16], frame[16:]))


def _layout(solution: Solution) -> None:
    framing, protocol = solution.module("framing"), solution.module("protocol")
    got = framing.seal(protocol.Frame(0x0102030405060708, b"abc"))
    expected = bytes.fromhex("7839b31d 03000000 0807060504030201 616263")
    _require(
        got == expected,
        "seal(Frame(0x0102030405060708, b'abc'))",
        _by_field(expected),
        _by_field(got),
    )
    _require(framing.unseal(expected) == protocol.Frame(0x0102030405060708, b"abc"), "and back")


def _round_trip(solution: Solution) -> None:
    framing, protocol = solution.module("framing"), solution.module("protocol")

    @LAW
    @given(st.integers(0, 2**64 - 1), st.binary(max_size=300))
    def law(number: int, body: bytes) -> None:
        frame = protocol.Frame(number, body)
        got = framing.unseal(framing.seal(frame))
        _require(got == frame, f"unseal(seal({frame}))", frame, got)

    law()


def _damage(solution: Solution) -> None:
    framing, protocol, switch = map(solution.module, ("framing", "protocol", "switch"))

    def must_show(data: bytes, damaged: bytes, what: str) -> None:
        if damaged != data:
            got = _unsealed(framing, damaged)
            verb = "raised on" if isinstance(got, _Raised) else "believed"
            _require(got is None, f"unseal {verb} a frame with {what}", "None", got)

    for number, body in (
        (7, b"account=100;amt=900"),
        (0, b""),
        (1 << 40, bytes(30)),
        (3, b"long " * 60),
    ):
        data = framing.seal(protocol.Frame(number, body))
        for bit in range(8 * len(data)):
            must_show(data, switch.harmed(data, (switch.FlipBits((bit,)),)), f"bit {bit} flipped")
        for size in range(len(data)):
            must_show(data, data[:size], f"only its first {size} bytes")
        for count in range(1, 9):
            must_show(data, data + bytes(count), f"{count} zeros added at its end")
            must_show(data, data + data[:count], f"{count} bytes of another added at its end")
        for first in range(min(20, len(data) // 2)):
            for second in range(first):
                swap = switch.SwapWords(first, second)
                must_show(data, switch.harmed(data, (swap,)), f"words {second} and {first} swapped")
        draw = Random(len(data))
        for _ in range(200):
            start, width = draw.randrange(8 * len(data)), draw.randint(2, 32)
            bits = (start, *(start + at for at in range(1, width) if draw.random() < 0.5))
            must_show(data, switch.harmed(data, (switch.FlipBits(bits),)), f"bits {bits} flipped")
        for start in range(0, len(data), 4):
            for count in (4, 8, 16):
                zero = switch.Zero(start, count)
                must_show(data, switch.harmed(data, (zero,)), f"{count} zeros from byte {start}")
    for size in range(64):
        must_show(b"", bytes(size) or b"\0", f"nothing in it but {size} zeros")


class _Raised(str):
    """What ``unseal`` raised."""


def _unsealed(framing: Any, data: bytes) -> Any:
    """What ``unseal`` says; or what it raised, which it must not."""
    try:
        return framing.unseal(data)
    except NotImplementedError:
        raise
    except Exception as error:
        return _Raised(f"{type(error).__name__}: {error}")


def _wrong_length(solution: Solution) -> None:
    """Frames that nobody sealed, under checksums that are right: computed here, bit by bit."""
    framing = solution.module("framing")
    for length in (0, 1, 3, 5, 300, 1 << 31):
        checked = length.to_bytes(4, "little") + (7).to_bytes(8, "little") + b"body"
        register = 0xFFFFFFFF
        for byte in checked:
            for place in range(8):
                register = register >> 1 ^ (((register ^ byte >> place) & 1) * 0x82F63B78)
        data = (register ^ 0xFFFFFFFF).to_bytes(4, "little") + checked
        got = _unsealed(framing, data)
        _require(got is None, f"unseal of 4 bytes of body that claim to be {length}", "None", got)


def _hostile_bytes(solution: Solution) -> None:
    framing = solution.module("framing")

    @LAW
    @given(st.binary(max_size=60))
    def law(data: bytes) -> None:
        got = _unsealed(framing, data)
        _require(got is None, f"unseal({data!r})", "None", got)

    law()


CRC_VECTORS = Exam("check values of CRC-32C (RFC 3720)", _verdict(_crc_vectors))
LAYOUT = Exam("a frame, byte by byte", _verdict(_layout))
ROUND_TRIP = Exam("what is sealed is unsealed", _verdict(_round_trip))
DAMAGE = Exam("every small damage shows", _verdict(_damage))
WRONG_LENGTH = Exam("a length that is not true", _verdict(_wrong_length))
HOSTILE_BYTES = Exam("no bytes make unseal raise", _verdict(_hostile_bytes))


# -- part 0C ----------------------------------------------------------------------------------------------------------


def _nothing_is_kept(solution: Solution) -> None:
    """A client under the layer, alone: each of its operations is answered, and what is over must be gone."""
    protocol, traced = solution.module("protocol"), solution.module("traced")
    node = Solo(traced.TracedClient, protocol.ClientConfig("front"), "c0")
    sizes = []
    for n in range(60):
        _, effects = node.call(protocol.Add("a", 1))
        for sent in (e.message for e in effects if isinstance(e, Sent)):
            call: Any = getattr(sent, "message", sent)
            request = sent.span.request if hasattr(sent, "span") else "nobody's"
            span = protocol.Span(request, f"s0.{n}")
            node.deliver(protocol.Traced(span, protocol.Answer(call.id, n + 1)), "front")
        sizes.append(protocol.entries_in(node.node.state()))
    _require(
        sizes[-1] <= sizes[19] + 20,
        "a traced client remembers more after 60 operations, all of them answered, than after 20",
        f"about {sizes[19]} things",
        sizes[-1],
    )


NOTHING_KEPT = Exam("the layer keeps nothing of what is over", _verdict(_nothing_is_kept))


# -- part 0D ----------------------------------------------------------------------------------------------------------

NODES = "abc"
STEPS = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(("", *NODES))), max_size=16)


def _history(solution: Solution, steps: list[tuple[str, str]]) -> list[tuple[str, Any, set[int]]]:
    """Plays (node, to whom it sends or nobody): the events, each with its node, stamp and causal past."""
    clocks, stamp = solution.module("clocks"), solution.module("protocol").Stamp
    now: dict[str, tuple[Any, set[int]]] = {node: (stamp(), set()) for node in NODES}
    events: list[tuple[str, Any, set[int]]] = []
    for node, to in steps:
        clock, past = now[node]
        clock = clocks.ticked(clock, node)
        events.append((node, clock, past))
        now[node] = sent = (clock, past | {len(events) - 1})
        if to and to != node:
            clock, past = now[to]
            clock = clocks.received(clock, sent[0], to)
            events.append((to, clock, past | sent[1]))
            now[to] = (clock, events[-1][2] | {len(events) - 1})
    return events


def _pairs(
    check: Callable[[Any, list[tuple[str, Any, set[int]]], int, int], None],
) -> Callable[[Solution], Verdict]:
    def exam(solution: Solution) -> None:
        clocks = solution.module("clocks")

        @LAW
        @given(STEPS)
        def law(steps: list[tuple[str, str]]) -> None:
            events = _history(solution, steps)
            for i in range(len(events)):
                for j in range(len(events)):
                    check(clocks, events, i, j)

        law()

    return _verdict(exam)


def _lamport_law(clocks: Any, events: list[tuple[str, Any, set[int]]], i: int, j: int) -> None:
    a, b = events[i][1], events[j][1]
    if i in events[j][2]:
        _require(a.lamport < b.lamport, f"{a} happened before {b}", "a smaller number", a.lamport)


def _vector_law(clocks: Any, events: list[tuple[str, Any, set[int]]], i: int, j: int) -> None:
    a, b = events[i][1], events[j][1]
    before, after = i in events[j][2], j in events[i][2]
    got = clocks.happened_before(a, b)
    _require(bool(got) == before, f"happened_before({a}, {b})", before, got)
    got = clocks.concurrent(a, b)
    expected = i != j and not before and not after
    _require(bool(got) == expected, f"concurrent({a}, {b})", expected, got)


def _order_law(clocks: Any, events: list[tuple[str, Any, set[int]]], i: int, j: int) -> None:
    (node, a, _), (other, b, past) = events[i], events[j]
    first, second = clocks.total_order(a, node), clocks.total_order(b, other)
    if i != j:
        _require(first != second, "two events have the same place in the total order", got=first)
    if i in past:
        _require(
            first < second,
            f"{a} happened before {b}, and comes after it",
            "before",
            (first, second),
        )


def _nothing_is_forgotten(solution: Solution) -> None:
    clocks, stamp = solution.module("clocks"), solution.module("protocol").Stamp
    draw = Random(1)
    for _ in range(200):
        mine = {node: draw.randint(1, 5) for node in draw.sample("abcd", 3)}
        theirs = {node: draw.randint(1, 5) for node in draw.sample("abcd", 3)}
        a = stamp(sum(mine.values()), tuple(sorted(mine.items())))
        b = stamp(sum(theirs.values()), tuple(sorted(theirs.items())))
        got = {node: count for node, count in clocks.received(a, b, "e").vector if node != "e"}
        expected = {n: max(mine.get(n, 0), theirs.get(n, 0)) for n in sorted(mine | theirs)}
        _require(got == expected, f"received({a}, {b}, 'e')", expected, got)


def _not_listed_is_zero(solution: Solution) -> None:
    clocks, stamp = solution.module("clocks"), solution.module("protocol").Stamp
    nothing, zero = stamp(), stamp(0, (("a", 0), ("b", 0)))
    one, other = stamp(1, (("a", 1),)), stamp(1, (("a", 0), ("b", 1)))
    for a, b, before, apart in (
        (nothing, zero, False, False),
        (zero, nothing, False, False),
        (zero, one, True, False),
        (one, zero, False, False),
        (one, other, False, True),
        (other, one, False, True),
    ):
        got = clocks.happened_before(a, b)
        _require(bool(got) == before, f"happened_before({a}, {b})", before, got)
        got = clocks.concurrent(a, b)
        _require(bool(got) == apart, f"concurrent({a}, {b})", apart, got)


def _clock_only_grows(solution: Solution) -> None:
    clocks, stamp = solution.module("clocks"), solution.module("protocol").Stamp
    clock, seen = stamp(), []
    for n in range(5):
        seen.append(clock)
        clock = (
            clocks.received(clock, stamp(3, (("b", 3),)), "a")
            if n % 2
            else clocks.ticked(clock, "a")
        )
    for earlier, later in pairwise([*seen, clock]):
        _require(
            earlier.lamport < later.lamport,
            f"a clock stood still or went back: from {earlier} to {later}",
            f"a number greater than {earlier.lamport}",
            later.lamport,
        )


LAMPORT_LAW = Exam("what happened before has a smaller number", _pairs(_lamport_law))
VECTOR_LAW = Exam("vectors tell before, after and concurrent", _pairs(_vector_law))
ORDER_LAW = Exam("the total order is one, and agrees", _pairs(_order_law))
ZEROS = Exam("who is not listed counts as zero", _verdict(_not_listed_is_zero))
MERGE = Exam("receiving forgets nothing", _verdict(_nothing_is_forgotten))
GROWTH = Exam("a clock only goes forward", _verdict(_clock_only_grows))
