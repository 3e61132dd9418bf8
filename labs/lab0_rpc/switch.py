"""A box between two nodes of part 0A, of the kind that Stone and Partridge met in real networks.

Given, and not to be changed. It passes on what either side sends to the other, damaged now and
then as its program says. What the link's own checksum covered was right when the box received it,
and is computed anew over the damaged bytes when it sends: no hop-by-hop check can notice. (J. Stone
and C. Partridge, "When the CRC and TCP checksum disagree", SIGCOMM 2000; they found hosts and
routers that swapped, lost and repeated words, and left stretches of zeros.)
"""

from __future__ import annotations

from msgspec import Struct, field

from distlab.core import Address, Config, Node, Timer
from labs.lab0_rpc.protocol import Query, Response


class SwapWords(Struct, frozen=True, tag=True):
    """Two 16-bit words change places: the sum of all words stays the same."""

    first: int
    second: int
    """Which words, counted in pairs of bytes, modulo how many there are."""


class Cut(Struct, frozen=True, tag=True):
    """Only the first bytes are left."""

    keep: int
    """How many, modulo the length."""


class Pad(Struct, frozen=True, tag=True):
    """Zeros are added at the end."""

    count: int


class Zero(Struct, frozen=True, tag=True):
    """A stretch of zeros, where a buffer was never filled."""

    start: int
    count: int


class FlipBits(Struct, frozen=True, tag=True):
    """Bits change, each counted from the front, modulo the length."""

    bits: tuple[int, ...]


class Repeat(Struct, frozen=True, tag=True):
    """The packet comes once more, after that many microseconds: perhaps long since answered."""

    after: int


class Lose(Struct, frozen=True, tag=True):
    """The packet is gone."""


Damage = SwapWords | Cut | Pad | Zero | FlipBits | Repeat | Lose


class SwitchConfig(Config, frozen=True):
    """Whom it joins, and what it does to the n-th packet (from 0) that it carries each way."""

    near: Address
    far: Address
    queries: dict[int, tuple[Damage, ...]] = field(default_factory=dict)
    responses: dict[int, tuple[Damage, ...]] = field(default_factory=dict)


class Again(Timer, frozen=True):
    """A packet comes once more."""

    to: Address
    message: Query | Response


class Switch(Node):
    """Joins ``near`` (an asker) and ``far`` (an echo server)."""

    config: SwitchConfig
    carried_queries: int
    carried_responses: int

    def on_start(self) -> None:
        self.carried_queries = self.carried_responses = 0

    def on_query(self, query: Query) -> None:
        damages = self.config.queries.get(self.carried_queries, ())
        self.carried_queries += 1
        self._pass_on(self.config.far, query, damages)

    def on_response(self, response: Response) -> None:
        damages = self.config.responses.get(self.carried_responses, ())
        self.carried_responses += 1
        self._pass_on(self.config.near, response, damages)

    def on_again(self, again: Again) -> None:
        self.send(again.to, again.message)

    def _pass_on(self, to: Address, message: Query | Response, damages: tuple[Damage, ...]) -> None:
        damaged = type(message)(harmed(message.frame, damages))
        for damage in damages:
            if isinstance(damage, Repeat):
                self.set_timer(Again(to, damaged), damage.after)
        if not any(isinstance(damage, Lose) for damage in damages):
            self.send(to, damaged)


def harmed(frame: bytes, damages: tuple[Damage, ...]) -> bytes:
    """What is left of a frame."""
    data = bytearray(frame)
    for damage in damages:
        match damage:
            case SwapWords(first, second) if words := len(data) // 2:
                a, b = 2 * (first % words), 2 * (second % words)
                data[a : a + 2], data[b : b + 2] = data[b : b + 2], data[a : a + 2]
            case Cut(keep) if data:
                del data[keep % len(data) :]
            case Pad(count):
                data += bytes(count)
            case Zero(start, count) if data:
                start %= len(data)
                count = min(count, len(data) - start)
                data[start : start + count] = bytes(count)
            case FlipBits(bits) if data:
                for bit in bits:
                    bit %= 8 * len(data)
                    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)
