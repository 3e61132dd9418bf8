"""A source that streams numbers to a sink in a session: order, back-pressure, and the end of a session."""

from distlab.core import (
    MS,
    Address,
    Config,
    Fail,
    Node,
    Ok,
    Operation,
    SessionFull,
    SessionMessage,
    Ticket,
    Timer,
)


class Item(SessionMessage, frozen=True):
    """One number of the stream."""

    number: int
    padding: bytes = b""


class Last(SessionMessage, frozen=True):
    """That was all."""

    count: int


class Received(SessionMessage, frozen=True):
    """All of it arrived, in order."""

    count: int


class Stream(Operation, frozen=True):
    """Stream so many numbers; the answer is how many the sink had seen at the end."""

    count: int
    size: int = 0


class More(Timer, frozen=True):
    """Try to send more."""


class SourceConfig(Config, frozen=True):
    """Where to stream to."""

    sink: str = "sink"


class Source(Node):
    """Streams as fast as the sink reads."""

    config: SourceConfig
    is_connected: bool
    ticket: Ticket | None
    next: int
    count: int
    size: int
    fulls: int
    """How often the window was full."""

    def on_start(self) -> None:
        self.is_connected = False
        self.ticket = None
        self.next = self.count = self.size = self.fulls = 0

    def on_stream(self, stream: Stream, ticket: Ticket) -> None:
        self.ticket, self.next, self.count, self.size = ticket, 0, stream.count, stream.size
        if self.is_connected:
            self._send_more()
        else:
            self.connect(Address(self.config.sink))

    def on_connect(self, peer: Address) -> None:
        self.is_connected = True
        self._send_more()

    def on_disconnect(self, peer: Address) -> None:
        self.is_connected = False
        self._finish(Fail(f"disconnected after {self.next}"))

    def on_more(self) -> None:
        self._send_more()

    def on_received(self, received: Received) -> None:
        self._finish(Ok(received.count))

    def probe(self) -> int:
        return self.fulls

    def _send_more(self) -> None:
        sink = Address(self.config.sink)
        try:
            while self.ticket is not None and self.next < self.count:
                self.send(sink, Item(self.next, bytes(self.size)))
                self.next += 1
            if self.ticket is not None and self.next == self.count:
                self.send(sink, Last(self.count))
                self.next += 1
        except SessionFull:
            self.fulls += 1
            self.set_timer(More(), 1 * MS)

    def _finish(self, outcome: Ok | Fail) -> None:
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            self.finish(ticket, outcome)


class Sink(Node):
    """Counts what arrives, and insists on the order."""

    expected: dict[Address, int]
    """The number that comes next from each peer; a stream begins with 0."""
    gone: int
    """Sessions that have ended."""

    def on_start(self) -> None:
        self.expected = {}
        self.gone = 0

    def on_connect(self, peer: Address) -> None:
        self.expected[peer] = 0

    def on_disconnect(self, peer: Address) -> None:
        self.expected.pop(peer, None)
        self.gone += 1

    def on_item(self, item: Item, sender: Address) -> None:
        if item.number not in (0, self.expected[sender]):
            raise ValueError(f"{item.number} came where {self.expected[sender]} was due")
        self.expected[sender] = item.number + 1

    def on_last(self, last: Last, sender: Address) -> None:
        if last.count != self.expected[sender]:
            raise ValueError(f"{self.expected[sender]} of {last.count} came")
        self.send(sender, Received(self.expected[sender]))

    def probe(self) -> int:
        return self.gone
