"""What crosses the wire in lab 0, what clients are asked to do, and what each node is told. Data only.

This file is given: it is restored when your work is graded, so that every solution talks alike.
Add messages and timers of your own in your own modules.

====  =====================================================  ==================================
part  who talks                                              in what words
====  =====================================================  ==================================
0A    asker <-> (switch) <-> echo                            ``Query``, ``Response``: raw bytes
0B    client <-> front <-> server                            ``Call``, ``Answer``
0C    the same nodes, and an operator's console              ``Traced`` round those, ``SetLevel``
0D    the same nodes                                         ``Stamped`` round those
====  =====================================================  ==================================
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from distlab.core import MS, SECOND, Address, Config, Message, Operation, Timer

# -- part 0A: frames ------------------------------------------------------------------------------
#
#   0          4          8                     16
#   +----------+----------+---------------------+------------------
#   | checksum |  length  |   correlation id    |  body ...
#   +----------+----------+---------------------+------------------
#
# All three numbers are unsigned and little-endian. ``length`` counts the bytes of the body. The
# checksum is the CRC-32C of everything behind it: length, id and body.

HEADER_BYTES = 16
"""Checksum, length and correlation id together."""

POLYNOMIAL = 0x82F63B78
"""Castagnoli's polynomial, bits reversed: the one in iSCSI, SCTP, ext4, Kafka (RFC 3720, app. B.4).

``zlib.crc32`` has another (0xEDB88320): same width, same loop, other answers.
"""


class Frame(Struct, frozen=True):
    """What a whole frame said."""

    id: int
    """Correlation id: a response carries that of its query. 0 to 2**64 - 1."""
    body: bytes


class Query(Message, frozen=True):
    """A sealed question. Any box on its way may have changed, cut or repeated it."""

    frame: bytes


class Response(Message, frozen=True):
    """A sealed answer, under the id of its question."""

    frame: bytes


class Ask(Operation, frozen=True):
    """Ask the echo server; the outcome is ``Ok(answer)``, and nothing until it comes."""

    text: str


class AskerConfig(Config, frozen=True):
    server: Address


def to_body(text: str) -> bytes:
    """Text as the bytes of a body. Every byte has a letter in this code, so nothing raises."""
    return text.encode("latin-1", "replace")


def to_text(body: bytes) -> str:
    """The other way."""
    return body.decode("latin-1")


def echo(body: bytes) -> bytes:
    """What the echo server answers: the question, backwards, as an echo from far away."""
    return body[::-1]


# -- part 0B: exactly-once effects ----------------------------------------------------------------


class RequestId(Struct, frozen=True, order=True):
    """Names one operation, the same in every attempt, and never another one."""

    client: Address
    incarnation: int
    """Which life of the client: a crash ends one. Later lives have greater numbers."""
    number: int
    """Counts the operations of one life, from 1."""


class Add(Operation, frozen=True):
    """Add ``amount`` to an account; a negative amount takes away.

    ``Ok(balance)`` right after it; ``Fail`` where the account would fall below zero, or where the
    client has too much under way to begin at all; ``Info`` where nobody can know.
    """

    account: str
    amount: int


class Call(Message, frozen=True):
    """One attempt at an ``Add``."""

    id: RequestId
    settled: int
    """The client's word: of this life, it will not ask again for any number below this one."""
    account: str
    amount: int


class Answer(Message, frozen=True):
    """What became of a call. The same call always gets the same answer."""

    id: RequestId
    balance: int
    """Of the account, right after the call was applied, or when it was refused."""
    refused: bool = False


class Retry(Timer, frozen=True):
    """No answer yet to the client's operation ``number``: try again."""

    number: int


class Deadline(Timer, frozen=True):
    """The client's operation ``number`` has had all the time it was given."""

    number: int


class ClientConfig(Config, frozen=True):
    front: Address
    deadline: int = 2 * SECOND
    """An operation is answered, one way or another, within this time."""
    first_wait: int = 50 * MS
    """How long to wait before the first retry, at most; doubles with every retry. Jitter only shortens."""
    longest_wait: int = 800 * MS
    """No wait is longer."""
    window: int = 8
    """Number n may be used only once all numbers up to n - window are settled."""


class FrontConfig(Config, frozen=True):
    servers: tuple[Address, ...]
    """Accounts are spread over them."""
    linger: int = 1 * MS
    """How long calls are gathered before they are passed on together."""


class ServerConfig(Config, frozen=True):
    """Nothing to say: a server knows what it needs from its disk."""


class Accounts(Struct, frozen=True):
    """A server's public view of itself (its ``probe``)."""

    balances: dict[str, int]
    entries: int
    """How much it remembers altogether: see ``entries_in``."""


def entries_in(state: object) -> int:
    """How many numbers and other single things a state holds, however it is built.

    Text and bytes count as one for every eight of them, and long numbers likewise: what is packed
    into one value is not less.
    """
    if isinstance(state, (str, bytes, bytearray)):
        return 1 + len(state) // 8
    if isinstance(state, int):
        return 1 + state.bit_length() // 64
    if isinstance(state, dict):
        return sum(entries_in(key) + entries_in(value) for key, value in state.items())
    if isinstance(state, (list, tuple, set, frozenset, deque)):
        return sum(map(entries_in, state))
    if isinstance(state, Struct):
        return sum(entries_in(getattr(state, name)) for name in state.__struct_fields__)
    if hasattr(state, "__dataclass_fields__"):
        return sum(entries_in(getattr(state, name)) for name in state.__dataclass_fields__)
    return 1


# -- part 0C: tracing -----------------------------------------------------------------------------
#
# A *span* is one run of one handler on behalf of one request. Each span is logged once, when it
# begins, with the span that brought it about as its parent; so the spans of a request form a tree,
# rooted in the client's operation, and the logs of all nodes together tell the request's story.
#
#   subsystem  level  text        when                     fields
#   ---------  -----  ----------  -----------------------  ---------------------------------------
#   op         INFO   begins      an operation begins      request, span, parent=""
#   net        INFO   received    a message was received   request, span, parent
#   timer      INFO   fired       a timer fired            request, span, parent
#   net        DEBUG  sent        a message is sent        request, span
#   timer      DEBUG  set         a timer is set           request, span


class Span(Struct, frozen=True):
    """What is being done, and for whom: it travels with the work, wherever the work goes."""

    request: str
    """The same in every span of one client operation, and in no other."""
    span: str
    """This span's own name; no other span in the whole run has it, whoever crashed meanwhile."""


class Traced(Message, frozen=True):
    """A message on behalf of a request."""

    span: Span
    """The span that sent it."""
    message: Call | Answer | LevelSet
    """Of the program beneath. (A ``LevelSet`` is for nobody's request: it should not come here.)"""


class Carried(Timer, frozen=True):
    """A timer of the program beneath the tracing layer."""

    timer: Timer


class SetLevel(Message, frozen=True):
    """From an operator, while the node runs: from now on ``subsystem`` logs from ``level`` up."""

    subsystem: str
    level: int
    """A ``distlab.core.Level``."""


class LevelSet(Message, frozen=True):
    """Done."""

    subsystem: str
    level: int


class Tune(Operation, frozen=True):
    """At the console: send ``node`` a ``SetLevel``; ``Ok`` when it says that it is done."""

    node: Address
    subsystem: str
    level: int


# -- part 0D: time and order ----------------------------------------------------------------------


class Stamp(Struct, frozen=True):
    """When an event happened, in logical time."""

    lamport: int = 0
    vector: tuple[tuple[str, int], ...] = ()
    """How many events of each node are known to have happened: (address, count), by address.

    A node that is not listed counts as 0.
    """


class Stamped(Message, frozen=True):
    """A message, and when it was sent."""

    stamp: Stamp
    message: Call | Answer
