"""Bugs of part 0A: checksums that check too little, and answers that find the wrong question."""

from __future__ import annotations

import zlib
from functools import partial
from itertools import chain
from struct import Struct as Layout

from distlab.core import Address, Ok, Ticket
from grading.lab0_rpc.mutants import listed
from grading.lab0_rpc.vectors import sum16
from labs.lab0_rpc import framing
from labs.lab0_rpc.echo import Asker, Echo
from labs.lab0_rpc.framing import BEHIND_IT, CHECKSUM, crc32c
from labs.lab0_rpc.protocol import (
    HEADER_BYTES,
    Ask,
    Frame,
    Query,
    Response,
    to_body,
    to_text,
)

unseal = framing.unseal


def sixteen_bit_sum(data: bytes) -> int:
    return sum16(data)


def without_initial_ones(data: bytes) -> int:
    register = 0
    for byte in data:
        register = register >> 8 ^ framing.remainders()[(register ^ byte) & 0xFF]
    return register


def without_the_header(data: bytes) -> int:
    return crc32c(data[BEHIND_IT.size :])


def only_the_first_bytes(data: bytes) -> int:
    return crc32c(data[:20])


def zero_means_unchecked(data: bytes) -> Frame | None:
    if len(data) >= HEADER_BYTES and data[:4] == bytes(4):
        length, number = BEHIND_IT.unpack_from(data, CHECKSUM.size)
        if HEADER_BYTES + length == len(data):
            return Frame(number, data[HEADER_BYTES:])
    return unseal(data)


def ignores_what_follows(data: bytes) -> Frame | None:
    if len(data) < HEADER_BYTES:
        return None
    (length,) = Layout("<I").unpack_from(data, CHECKSUM.size)
    return unseal(data[: HEADER_BYTES + length])


def length_not_checked(data: bytes) -> Frame | None:
    if len(data) < HEADER_BYTES or CHECKSUM.unpack_from(data)[0] != crc32c(data[CHECKSUM.size :]):
        return None
    return Frame(BEHIND_IT.unpack_from(data, CHECKSUM.size)[1], data[HEADER_BYTES:])


def half_compared(data: bytes) -> Frame | None:
    if len(data) < HEADER_BYTES or int.from_bytes(data[:2], "little") != crc32c(data[4:]) & 0xFFFF:
        return None
    length, number = BEHIND_IT.unpack_from(data, CHECKSUM.size)
    return Frame(number, data[HEADER_BYTES:]) if HEADER_BYTES + length == len(data) else None


def raises_on_short_frames(data: bytes) -> Frame | None:
    BEHIND_IT.unpack_from(data, CHECKSUM.size)
    return unseal(data)


def raises_on_damage(data: bytes) -> Frame | None:
    frame = unseal(data)
    if frame is None:
        raise ValueError("bad checksum")
    return frame


def short_bodies_only(data: bytes) -> Frame | None:
    frame = unseal(data)
    return frame if frame is not None and len(frame.body) < 20 else None


class TrustingEcho(Echo):
    def on_query(self, query: Query, sender: Address) -> None:
        frame = unseal(query.frame)
        if frame is None:  # answers all the same: the asker will check
            (_, number), body = (
                BEHIND_IT.unpack(query.frame[4:16].ljust(12, b"\0")),
                query.frame[16:],
            )
            frame = Frame(number, body)
        self.send(sender, Response(framing.seal(Frame(frame.id, frame.body[::-1]))))


class FirstComeFirstServed(Asker):
    def on_response(self, response: Response) -> None:
        frame = framing.unseal(response.frame)
        if frame is not None and self.asked:
            oldest = next(iter(self.asked))
            self.finish(self.asked.pop(oldest), Ok(to_text(frame.body)))


class LatestQuestion(Asker):
    def on_response(self, response: Response) -> None:
        frame = framing.unseal(response.frame)
        if frame is not None and self.last_id in self.asked:
            self.finish(self.asked.pop(self.last_id), Ok(to_text(frame.body)))


class ReusedIds(Asker):
    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        free = next(n for n in range(1, 1 << 20) if n not in self.asked)
        self.asked[free] = ticket
        self.send(self.config.server, Query(framing.seal(Frame(free, to_body(ask.text)))))


class ByteIds(Asker):
    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        super().on_ask(ask, ticket)
        self.last_id %= 256


class NibbleIds(Asker):
    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        super().on_ask(ask, ticket)
        self.last_id %= 16


class SparingIds(Asker):
    """As many ids as can be open at once will do: the least that is free, going round in 256."""

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        ids = chain(range(self.last_id + 1, 256), range(1 << 16))
        self.last_id = next(n for n in ids if n not in self.asked)
        self.asked[self.last_id] = ticket
        self.send(self.config.server, Query(framing.seal(Frame(self.last_id, to_body(ask.text)))))


class OneAtATime(Asker):
    waiting: list[tuple[Ask, Ticket]]

    def on_start(self) -> None:
        super().on_start()
        self.waiting = []

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        if self.asked:
            self.waiting.append((ask, ticket))
        else:
            super().on_ask(ask, ticket)

    def on_response(self, response: Response) -> None:
        super().on_response(response)
        if self.waiting and not self.asked:
            super().on_ask(*self.waiting.pop(0))


class GivesUpOnDamage(Asker):
    def on_response(self, response: Response) -> None:
        if framing.unseal(response.frame) is None:
            self.asked.clear()
        super().on_response(response)


class FinishesTwice(Asker):
    def on_response(self, response: Response) -> None:
        frame = framing.unseal(response.frame)
        if frame is not None and frame.id in self.asked:
            self.finish(self.asked[frame.id], Ok(to_text(frame.body)))


class AnswersFromACache(Echo):
    """The same question has the same answer: why seal it twice?"""

    cache: dict[bytes, Response]

    def on_start(self) -> None:
        super().on_start()
        self.cache = {}

    def on_query(self, query: Query, sender: Address) -> None:
        frame = framing.unseal(query.frame)
        if frame is not None:
            answer = Response(framing.seal(Frame(frame.id, frame.body[::-1])))
            self.send(sender, self.cache.setdefault(frame.body, answer))


class AnswersThrice(Echo):
    is_alarmed: bool

    def on_start(self) -> None:
        super().on_start()
        self.is_alarmed = False

    def on_query(self, query: Query, sender: Address) -> None:
        self.is_alarmed |= framing.unseal(query.frame) is None
        for _ in range(3 if self.is_alarmed else 1):
            super().on_query(query, sender)


class AsksTwice(Asker):
    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        super().on_ask(ask, ticket)
        if len(self.asked) > 1:
            query = framing.seal(Frame(self.last_id, to_body(ask.text)))
            self.send(self.config.server, Query(query))


class RemembersAnswered(Echo):
    seen: set[int]

    def on_start(self) -> None:
        super().on_start()
        self.seen = set()

    def on_query(self, query: Query, sender: Address) -> None:
        frame = framing.unseal(query.frame)
        if frame is not None and frame.id not in self.seen:
            self.seen.add(frame.id)
            super().on_query(query, sender)


_mutant = partial(listed, "A")

MUTANTS = (
    _mutant(
        "sixteen-bit-sum",
        "framing:crc32c",
        sixteen_bit_sum,
        "OP-S3",
        "safety",
        "The checksum is TCP's sum of 16-bit words: words that change places leave it as it was.",
        "J. Stone, C. Partridge, SIGCOMM 2000; Google SRE, 'That couldn't happen to us... could "
        "it?'",
        "m4",
    ),
    _mutant(
        "zlibs-crc",
        "framing:crc32c",
        zlib.crc32,
        "RPC-S1",
        "safety",
        "zlib.crc32 is at hand and as strong, but it is another polynomial: no other CRC-32C can "
        "read the frames.",
        "RFC 3720, appendix B.4",
    ),
    _mutant(
        "crc-without-ones",
        "framing:crc32c",
        without_initial_ones,
        "RPC-S1",
        "safety",
        "The register starts at zero and is not inverted: leading zeros do not count, and zeros "
        "are a valid frame.",
        "RFC 3720: the register must begin as all ones, and be complemented",
    ),
    _mutant(
        "crc-of-the-beginning",
        "framing:crc32c",
        only_the_first_bytes,
        "OP-S3",
        "safety",
        "Only the first bytes are covered, for speed; the end of a long body is not.",
        "Google SRE: IP's checksum covers only the header",
    ),
    _mutant(
        "crc-of-the-body",
        "framing:crc32c",
        without_the_header,
        "OP-S3",
        "safety",
        "The checksum covers the body, and not the id before it: a damaged id brings a good "
        "answer to the wrong question.",
    ),
    _mutant(
        "zero-means-unchecked",
        "framing:unseal",
        zero_means_unchecked,
        "OP-S3",
        "safety",
        "A checksum of zero means that the sender computed none, so it is not checked; a buffer "
        "that was never filled has it, too.",
        "RFC 768: UDP's optional checksum",
    ),
    _mutant(
        "ignores-what-follows",
        "framing:unseal",
        ignores_what_follows,
        "OP-S3",
        "safety",
        "Takes as many bytes as the length says, and does not ask what the rest is.",
    ),
    _mutant(
        "length-not-checked",
        "framing:unseal",
        length_not_checked,
        "RPC-S1",
        "safety",
        "Takes all there is for the body, whatever the length field says.",
    ),
    _mutant(
        "finishes-twice",
        "echo:Asker",
        FinishesTwice,
        "RPC-S2",
        "safety",
        "Does not forget a question that has been answered: an answer that comes twice ends it "
        "twice.",
    ),
    _mutant(
        "answers-from-a-cache",
        "echo:Echo",
        AnswersFromACache,
        "RPC-L1",
        "liveness",
        "Keeps sealed answers by question: the second to ask it gets the answer under the first "
        "one's id.",
    ),
    _mutant(
        "half-compared",
        "framing:unseal",
        half_compared,
        "OP-S3",
        "safety",
        "Compares 16 of the 32 bits (a field of the wrong width): one damaged frame in 65,536 "
        "gets through, and any damage to the others.",
    ),
    _mutant(
        "short-frame-raises",
        "framing:unseal",
        raises_on_short_frames,
        "OP-S3",
        "liveness",
        "Unpacks the header before looking whether there is one: a packet of three bytes ends the "
        "process.",
    ),
    _mutant(
        "damage-raises",
        "framing:unseal",
        raises_on_damage,
        "OP-S3",
        "liveness",
        "A damaged frame is an exception that nobody catches: one flipped bit, and the node is "
        "gone.",
    ),
    _mutant(
        "long-bodies-lost",
        "framing:unseal",
        short_bodies_only,
        "RPC-L1",
        "liveness",
        "Refuses bodies of 20 bytes and more, whole as they are.",
    ),
    _mutant(
        "trusting-echo",
        "echo:Echo",
        TrustingEcho,
        "OP-S3",
        "safety",
        "The server answers damaged questions, and seals the answer afresh: the damage now has a "
        "good checksum.",
        "Google SRE: 'if frames are modified as they pass through a device, the CRC is recomputed'",
    ),
    _mutant(
        "first-come-first-served",
        "echo:Asker",
        FirstComeFirstServed,
        "RPC-S2",
        "safety",
        "Takes answers in the order of the questions, as if nothing could be lost or overtaken.",
        "HTTP/1.1 pipelining over a connection that loses responses",
    ),
    _mutant(
        "latest-question",
        "echo:Asker",
        LatestQuestion,
        "RPC-S2",
        "safety",
        "Every answer is taken for that of the newest question.",
    ),
    _mutant(
        "ids-used-again",
        "echo:Asker",
        ReusedIds,
        "RPC-S2",
        "safety",
        "Uses the least free id: an answer that comes twice, or late, ends the next question that "
        "has it.",
        "DNS resolvers with small transaction ids (RFC 5452, section 4.3)",
    ),
    _mutant(
        "ids-wrap-round",
        "echo:Asker",
        ByteIds,
        "RPC-L1",
        "liveness",
        "Ids are counted modulo 256: of three hundred questions, some take the place of others, "
        "which nobody answers any more.",
    ),
    _mutant(
        "ids-of-four-bits",
        "echo:Asker",
        NibbleIds,
        "RPC-S2",
        "safety",
        "Ids are counted modulo 16, for a few questions at a time: a late copy of an answer finds "
        "another question under its id.",
        "predictable ids of 16 bits in DNS (RFC 5452)",
    ),
    _mutant(
        "ids-come-round",
        "echo:Asker",
        SparingIds,
        "RPC-S2",
        "safety",
        "No two open questions share an id, but after 256 of them ids are used again: a late copy "
        "of an answer finds a question that it does not belong to.",
        "TCP's sequence numbers wrap too, which is why it has timestamps (RFC 7323, section 5)",
    ),
    _mutant(
        "one-at-a-time",
        "echo:Asker",
        OneAtATime,
        "RPC-L1",
        "liveness",
        "Asks the next question when the last one is answered: a lost packet is the end of all "
        "asking.",
        "ZeroMQ's REQ socket, whose send and receive must alternate",
    ),
    _mutant(
        "gives-up-on-damage",
        "echo:Asker",
        GivesUpOnDamage,
        "RPC-L1",
        "liveness",
        "A damaged response makes the asker forget all that it had asked.",
    ),
    _mutant(
        "answers-only-once",
        "echo:Echo",
        RemembersAnswered,
        "RPC-L1",
        "liveness",
        "The server drops a question that it has answered before; if that answer was lost, so is "
        "this one.",
    ),
    _mutant(
        "answers-three-times",
        "echo:Echo",
        AnswersThrice,
        "RPC-L1",
        "cost",
        "Once it has seen damage, it sends every answer three times, so that one gets through.",
    ),
    _mutant(
        "asks-twice",
        "echo:Asker",
        AsksTwice,
        "RPC-L1",
        "cost",
        "Sends a question twice if another one is still open: the network must be bad.",
    ),
)
