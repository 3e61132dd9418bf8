"""Part 0A: the checksum, the frame, and the two nodes that use them."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import Ok
from distlab.core.solo import Pair, Solo
from tests.labs.lab0 import Modules, lab, outcomes, sent

__all__ = ["lab"]

BODIES = st.binary(max_size=80)
IDS = st.integers(0, 2**64 - 1)
LAWS = settings(max_examples=60, deadline=None, database=None)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"123456789", 0xE3069283),  # the check value that every catalogue of CRCs gives
        (bytes(32), 0x8A9136AA),  # RFC 3720, appendix B.4, this one and the next three
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_the_checksum_is_that_of_rfc_3720(lab: Modules, data: bytes, checksum: int) -> None:
    assert lab.framing.crc32c(data) == checksum


def test_the_checksum_is_not_zlibs(lab: Modules) -> None:
    assert lab.framing.crc32c(b"distlab") != zlib.crc32(b"distlab")


def by_bits(data: bytes) -> int:
    """The definition: one bit at a time, no table."""
    register = 0xFFFFFFFF
    for byte in data:
        for place in range(8):
            odd = (register ^ byte >> place) & 1
            register = register >> 1 ^ odd * 0x82F63B78
    return register ^ 0xFFFFFFFF


def test_the_checksum_agrees_with_its_definition(lab: Modules) -> None:
    @LAWS
    @given(BODIES)
    def law(data: bytes) -> None:
        assert lab.framing.crc32c(data) == by_bits(data)

    law()


def test_what_is_sealed_is_unsealed(lab: Modules) -> None:
    @LAWS
    @given(IDS, BODIES)
    def law(number: int, body: bytes) -> None:
        frame = lab.protocol.Frame(number, body)
        assert lab.framing.unseal(lab.framing.seal(frame)) == frame

    law()


def test_every_flipped_bit_shows(lab: Modules) -> None:
    data = lab.framing.seal(lab.protocol.Frame(7, b"account=100;amt=900"))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert lab.framing.unseal(bytes(damaged)) is None, f"bit {bit}"


def test_a_frame_that_was_cut_or_padded_shows(lab: Modules) -> None:
    data = lab.framing.seal(lab.protocol.Frame(7, b"body"))
    for size in range(len(data)):
        assert lab.framing.unseal(data[:size]) is None
    for extra in range(1, 20):
        assert lab.framing.unseal(data + bytes(extra)) is None


def test_words_that_change_places_show(lab: Modules) -> None:
    frame = lab.framing.seal(lab.protocol.Frame(7, b"account=100;amt=900"))
    swapped = lab.switch.harmed(frame, (lab.switch.SwapWords(12, 16),))
    assert swapped != frame
    assert lab.framing.unseal(swapped) is None


def test_memory_full_of_zeros_is_not_a_frame(lab: Modules) -> None:
    for size in range(40):
        assert lab.framing.unseal(bytes(size)) is None


def test_no_bytes_make_unseal_raise(lab: Modules) -> None:
    @LAWS
    @given(BODIES)
    def law(data: bytes) -> None:
        lab.framing.unseal(data)

    law()


def asker(lab: Modules) -> Solo:
    return Solo(lab.echo.Asker, lab.protocol.AskerConfig("e"), "a")


def test_a_question_comes_back_as_an_echo(lab: Modules) -> None:
    node, echo = asker(lab), Solo(lab.echo.Echo, None, "e")
    node.call(lab.protocol.Ask("hello"))
    Pair(node, echo).settle()
    assert outcomes(node.effects) == [Ok("olleh")]


def test_answers_in_another_order_reach_their_questions(lab: Modules) -> None:
    node, echo = asker(lab), Solo(lab.echo.Echo, None, "e")
    first, effects = node.call(lab.protocol.Ask("one"))
    second, more = node.call(lab.protocol.Ask("two"))
    queries = sent(effects + more)
    answers = [sent(echo.deliver(query, "a"))[0] for query in reversed(queries)]
    done = [effect for answer in answers for effect in node.deliver(answer, "e")]
    assert [(each.ticket, each.outcome) for each in done] == [
        (second, Ok("owt")),
        (first, Ok("eno")),
    ]


def test_an_answer_that_comes_twice_finishes_once(lab: Modules) -> None:
    node, echo = asker(lab), Solo(lab.echo.Echo, None, "e")
    node.call(lab.protocol.Ask("one"))
    answer = sent(echo.deliver(sent(node.effects)[0], "a"))[0]
    node.deliver(answer, "e")
    assert node.deliver(answer, "e") == []


def test_a_damaged_question_is_not_answered(lab: Modules) -> None:
    echo = Solo(lab.echo.Echo, None, "e")
    frame = lab.framing.seal(lab.protocol.Frame(1, b"hello"))
    assert sent(echo.deliver(lab.protocol.Query(frame[:-1] + b"?"), "a")) == []


def test_the_switch_does_what_its_program_says(lab: Modules) -> None:
    switch, protocol = lab.switch, lab.protocol
    config = switch.SwitchConfig(
        "a", "e", queries={0: (switch.Cut(5),), 1: (switch.Lose(),), 2: (switch.Repeat(1000),)}
    )
    box = Solo(switch.Switch, config, "switch")
    assert sent(box.deliver(protocol.Query(b"0123456789"), "a")) == [protocol.Query(b"01234")]
    assert sent(box.deliver(protocol.Query(b"lost"), "a")) == []
    assert sent(box.deliver(protocol.Query(b"twice"), "a")) == [protocol.Query(b"twice")]
    assert sent(box.advance(1000)) == [protocol.Query(b"twice")]
