"""Nodes that do one thing as fast as they can, for measuring a world."""

from distlab.core import (
    Address,
    Config,
    Job,
    JobContext,
    JobOutcome,
    Message,
    Node,
    Ok,
    Operation,
    Steps,
    Ticket,
)


class Ball(Message, frozen=True):
    """Goes to and fro."""

    number: int


class Bulk(Message, frozen=True):
    """Many bytes."""

    number: int
    data: bytes


class Got(Message, frozen=True):
    """Everything up to this one arrived."""

    number: int


class Written(Message, frozen=True):
    """An entry is on disk."""

    number: int


class Entry(Message, frozen=True):
    """To be written down, synced and acknowledged."""

    number: int
    data: bytes


class Rally(Operation, frozen=True):
    """Send one ball to and fro so many times."""

    count: int


class Flood(Operation, frozen=True):
    """Send so many messages of this size, at most ``window`` ahead of what has arrived."""

    count: int
    size: int
    window: int


class WriteAll(Operation, frozen=True):
    """Have so many entries synced, ``window`` of them under way at a time."""

    count: int
    window: int


class RunJobs(Operation, frozen=True):
    """Run so many empty jobs, one after the other."""

    count: int


class Nothing(Job, frozen=True):
    """The least a job can be."""

    number: int

    def run(self, io: JobContext) -> Steps:
        return self.number
        yield


class PeerConfig(Config, frozen=True):
    """Whom to play with."""

    peer: str


class Player(Node):
    """Both sides of every measurement; the answer is how many microseconds it took."""

    config: PeerConfig
    ticket: Ticket
    began: int
    left: int
    sent: int
    got: int
    window: int
    data: bytes
    received: int
    unsent: int

    def on_start(self) -> None:
        self.received = 0

    def _begin(self, ticket: Ticket, count: int) -> None:
        self.ticket, self.began, self.left = ticket, self.monotonic(), count

    def _end(self) -> None:
        self.finish(self.ticket, Ok(self.monotonic() - self.began))

    @property
    def _peer(self) -> Address:
        return Address(self.config.peer)

    # -- round trips

    def on_rally(self, rally: Rally, ticket: Ticket) -> None:
        self._begin(ticket, 2 * rally.count)
        self.send(self._peer, Ball(2 * rally.count))

    def on_ball(self, ball: Ball, sender: Address) -> None:
        if ball.number > 1:
            self.send(sender, Ball(ball.number - 1))
        else:
            self._end()

    # -- throughput

    def on_flood(self, flood: Flood, ticket: Ticket) -> None:
        self._begin(ticket, flood.count)
        self.sent = self.got = 0
        self.window, self.data = flood.window, bytes(flood.size)
        self._send_more()

    def _send_more(self) -> None:
        while self.sent < self.left and self.sent - self.got < self.window:
            self.sent += 1
            self.send(self._peer, Bulk(self.sent, self.data))

    def on_bulk(self, bulk: Bulk, sender: Address) -> None:
        self.received += 1
        if bulk.number % 8 == 0:
            self.send(sender, Got(bulk.number))

    def on_got(self, got: Got) -> None:
        self.got = got.number
        if self.got == self.left:
            self._end()
        else:
            self._send_more()

    # -- synced writes

    def on_write_all(self, write: WriteAll, ticket: Ticket) -> None:
        self._begin(ticket, write.count)
        self.unsent = write.count - write.window
        self.data = bytes(100)
        for number in range(write.window):
            self.send(self._peer, Entry(number, self.data))

    def on_entry(self, entry: Entry, sender: Address) -> None:
        self.disk.append("log", entry)
        self.disk.sync("log")
        self.send(sender, Written(entry.number))

    def on_written(self, written: Written, sender: Address) -> None:
        self.left -= 1
        if self.left == 0:
            self._end()
        elif self.unsent:
            self.unsent -= 1
            self.send(sender, Entry(self.unsent, self.data))

    # -- jobs

    def on_run_jobs(self, run: RunJobs, ticket: Ticket) -> None:
        self._begin(ticket, run.count)
        self.run_job(Nothing(self.left))

    def on_nothing(self, job: Nothing, outcome: JobOutcome) -> None:
        self.left -= 1
        if self.left:
            self.run_job(Nothing(self.left))
        else:
            self._end()
