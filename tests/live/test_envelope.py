"""Frames: what was sealed comes back; anything else is hostile, never an accident."""

from hypothesis import given
from hypothesis import strategies as st

from distlab.live.envelope import CHECKED, Envelope, Hostile, seal, unseal, unseal_first

KEY = b"the-key!"

words = st.integers(0, 2**32 - 1)
long_words = st.integers(0, 2**64 - 1)
envelopes = st.builds(
    Envelope,
    kind=st.integers(0, 5),
    flags=st.integers(0, 255),
    source=st.integers(0, 65535),
    to=st.integers(0, 65535),
    source_incarnation=words,
    to_incarnation=words,
    session=long_words,
    sequence=words,
    cause=long_words,
    name=st.binary(max_size=40),
)


def opened(key: bytes, frame: bytes, apart: bytes | None = None) -> tuple[Envelope, bytes] | str:
    try:
        envelope, blob = unseal(key, frame, apart)
    except Hostile as error:
        return str(error)
    return envelope, bytes(blob)


@given(envelopes, st.binary(max_size=200), st.booleans())
def test_what_was_sealed_comes_back(envelope: Envelope, blob: bytes, apart: bool) -> None:
    head = seal(KEY, envelope, blob)
    frame = (head, blob) if apart else (head + blob, None)
    assert opened(KEY, *frame) == (envelope, blob)


@given(st.lists(st.tuples(envelopes, st.binary(max_size=100)), min_size=1, max_size=5))
def test_small_frames_in_a_row_come_back_one_by_one(sent: list[tuple[Envelope, bytes]]) -> None:
    rest = memoryview(b"".join(seal(KEY, envelope, blob) + blob for envelope, blob in sent))
    received = []
    while rest:
        envelope, blob, rest = unseal_first(KEY, rest)
        received.append((envelope, bytes(blob)))
    assert received == sent


@given(st.binary(max_size=200), st.none() | st.binary(max_size=100))
def test_noise_is_hostile(frame: bytes, apart: bytes | None) -> None:
    assert isinstance(opened(KEY, frame, apart), str)


@given(st.binary(min_size=0, max_size=200), st.none() | st.binary(max_size=100))
def test_noise_behind_the_right_key_is_hostile(rest: bytes, apart: bytes | None) -> None:
    assert isinstance(opened(KEY, KEY + rest, apart), str)


@given(envelopes, st.binary(max_size=200), st.data())
def test_every_flipped_bit_shows(envelope: Envelope, blob: bytes, data: st.DataObject) -> None:
    frame = bytearray(seal(KEY, envelope, blob) + blob)
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert isinstance(opened(KEY, bytes(frame)), str)


@given(envelopes, st.binary(max_size=200), st.data())
def test_every_truncation_shows(envelope: Envelope, blob: bytes, data: st.DataObject) -> None:
    frame = seal(KEY, envelope, blob) + blob
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert isinstance(opened(KEY, frame[:cut]), str)
    assert isinstance(opened(KEY, frame + b"!"), str)


@given(envelopes)
def test_a_frame_of_another_run_is_foreign(envelope: Envelope) -> None:
    assert opened(b"another.", seal(KEY, envelope, b"")) == "foreign"


def test_the_checksum_covers_the_front_of_a_large_blob_and_its_size() -> None:
    envelope = Envelope(0, 0, 0, 1, 0, 0, 0, 0, 7, b"Put")
    blob = bytes(CHECKED + 100)
    head = seal(KEY, envelope, blob)
    assert opened(KEY, head, b"\1" + blob[1:]) == "damaged"
    assert opened(KEY, head, blob[:-1]) == "truncated"
