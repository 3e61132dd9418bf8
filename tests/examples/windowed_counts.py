"""Windowed counts: a streaming pipeline whose results are exactly right, whatever breaks on the way.

Theory.  Events carry the time at which they happened, and arrive in another order.  How many there were of each key in
each *window* of event time can only be said once no more events of that window will come.  The source knows this much:
an event is at most ``lateness`` older than the newest before it.  So after an event of time t the *watermark* is
t - lateness, and every window that ends at or before the watermark is complete.  What comes later still is refused.

Nothing is delivered exactly once; results are *effectively* once, for three reasons:

- The source can be read again from any position of its log, and what it then says is the same: the watermark, too,
  depends on the log alone.
- An operator makes its counts, the results it owes and its position in the log durable **in one step**, the
  checkpoint.  After a crash all three are of the same moment, and the source goes on from there.  That is never
  before what the operator has acknowledged: the source might have forgotten it.
- The sink names a result after its key and window, and puts it only where there is none.  Twice is once.

Nodes.     Source (the client; keeps the log) -> Operator, several, each with its share of the keys -> Sink -> store
Messages.  Position  operator to source: "all before this is durable here; go on".  It opens every session, too
           Batch     source to operator: its events of a stretch of the log, and the watermark at the end of it
           Results   operator to sink: all complete windows that are not known to be stored
           Stored    sink to operator: these are in the shared store

One batch, or one set of results, is under way in a session at any time: nobody speaks again before the other has
answered.  So a slow peer is not flooded, and after a lost session only the last thing has to be said again.
"""

from zlib import crc32

from distlab.core import (
    MS,
    Address,
    Config,
    Fail,
    Message,
    Node,
    Ok,
    Operation,
    SessionMessage,
    StoreUnavailable,
    Ticket,
    Timer,
)


class Event(Message):
    """Something happened. Without a key it is a heartbeat: it moves the watermark, and is counted nowhere."""

    at: int
    key: str = ""


class Count(Message):
    key: str
    start: int
    count: int

    @property
    def name(self) -> str:
        return f"counts/{self.start}/{self.key}"


class Position(SessionMessage):
    position: int


class Batch(SessionMessage):
    start: int
    end: int
    events: tuple[Event, ...]
    watermark: int


class Results(SessionMessage):
    counts: tuple[Count, ...]


class Stored(SessionMessage):
    counts: tuple[Count, ...]


class Checkpoint(Message):
    """All that an operator is at one moment."""

    position: int
    open: tuple[Count, ...]
    owed: tuple[Count, ...]


class Record(Operation):
    """Take up an event. ``Ok``: it is in the log, and will be counted; ``Fail``: too late, and never will be."""

    event: Event


class Reconnect(Timer):
    peer: Address


def window_of(at: int, size: int) -> int:
    """The start of the tumbling window that an event time lies in."""
    return at - at % size


class SourceConfig(Config):
    operators: tuple[Address, ...]
    window: int
    lateness: int
    batch: int = 4
    patience: int = 20 * MS


class Source(Node):
    """Keeps the log of events, and reads it to every operator from where that operator is."""

    config: SourceConfig
    events: list[Event]
    watermarks: list[int]  # after each event
    acknowledged: dict[Address, int]
    turn: set[Address]  # the operators that wait for a batch

    def on_start(self) -> None:
        self.events, self.watermarks = [], []
        self.acknowledged, self.turn = {}, set()
        for event in self.disk.recover("events", Event):
            self.take(event)
        if self.events:  # what a crash happened to leave is not yet safe from the next one
            self.disk.sync("events", "/")
        for operator in self.config.operators:
            self.connect(operator)

    def take(self, event: Event) -> None:
        reached = max(self.watermark(len(self.events)), event.at - self.config.lateness)
        self.events.append(event)
        self.watermarks.append(reached)

    def watermark(self, end: int) -> int:
        return self.watermarks[end - 1] if end else -self.config.lateness

    def on_record(self, record: Record, ticket: Ticket) -> None:
        event, size = record.event, self.config.window
        if window_of(event.at, size) + size <= self.watermark(len(self.events)):
            self.finish(ticket, Fail("late"))
            return
        self.take(event)
        self.disk.append("events", event)
        self.disk.sync("events", "/")
        self.finish(ticket, Ok())
        for operator in tuple(self.turn):
            self.feed(operator)

    def on_disconnect(self, peer: Address) -> None:
        self.turn.discard(peer)
        self.set_timer(Reconnect(peer), after=self.config.patience)

    def on_reconnect(self, timer: Reconnect) -> None:
        self.connect(timer.peer)

    def on_position(self, message: Position, sender: Address) -> None:
        known = self.acknowledged.get(sender, 0)
        if message.position < known:
            raise AssertionError(
                f"{sender} acknowledged {known}, and now goes on from {message.position}"
            )
        self.acknowledged[sender] = message.position
        self.turn.add(sender)
        self.feed(sender)

    def feed(self, operator: Address) -> None:
        start = self.acknowledged[operator]
        end = min(start + self.config.batch, len(self.events))
        if start < end:
            self.turn.remove(operator)
            stretch = self.events[start:end]
            share = tuple(e for e in stretch if e.key and self.owner(e.key) == operator)
            self.send(operator, Batch(start, end, share, self.watermark(end)))

    def owner(self, key: str) -> Address:
        return self.config.operators[crc32(key.encode()) % len(self.config.operators)]


class OperatorConfig(Config):
    sink: Address
    window: int
    patience: int = 20 * MS


FILES = "checkpoint.0", "checkpoint.1"


class Operator(Node):
    """Counts its keys per window, and owes each complete window to the sink until it is stored."""

    config: OperatorConfig
    position: int  # in the source's log: all before it is counted
    open: dict[tuple[str, int], int]  # (key, start of window) -> count so far
    owed: tuple[Count, ...]
    spare: str  # the file for the next checkpoint
    turn: bool  # the sink waits for results

    def on_start(self) -> None:
        self.position, self.open, self.owed, self.spare, self.turn = 0, {}, (), FILES[0], False
        for file, other in (FILES, FILES[::-1]):
            for saved in self.disk.recover(file, Checkpoint):
                if saved.position > self.position:
                    self.position, self.owed, self.spare = saved.position, saved.owed, other
                    self.open = {(c.key, c.start): c.count for c in saved.open}
                    self.disk.sync(file, "/")  # a crash may have left it there unsynced
        self.connect(self.config.sink)

    def save(self) -> None:
        """Write a checkpoint beside the last one, which stays until the next: so one is whole at any time.

        The next one waits for this one's sync: no batch comes before its :class:`Position` has left.
        """
        if self.disk.exists(self.spare):
            self.disk.delete(self.spare)
        counts = tuple(Count(key, start, count) for (key, start), count in self.open.items())
        self.disk.append(self.spare, Checkpoint(self.position, counts, self.owed))
        self.disk.sync(self.spare, "/")
        self.spare = FILES[1 - FILES.index(self.spare)]

    def on_connect(self, peer: Address) -> None:
        if peer == self.config.sink:
            self.turn = True
            self.settle()
        else:
            self.send(peer, Position(self.position))

    def on_disconnect(self, peer: Address) -> None:
        if peer == self.config.sink:
            self.turn = False
            self.set_timer(Reconnect(peer), after=self.config.patience)

    def on_reconnect(self, timer: Reconnect) -> None:
        self.connect(timer.peer)

    def on_batch(self, batch: Batch, sender: Address) -> None:
        if batch.start == self.position:  # else it was counted before
            self.count(batch)
            self.save()
        self.send(sender, Position(self.position))
        self.settle()

    def count(self, batch: Batch) -> None:
        size = self.config.window
        for event in batch.events:
            window = event.key, window_of(event.at, size)
            self.open[window] = self.open.get(window, 0) + 1
        for key, start in sorted(self.open):
            if start + size <= batch.watermark:
                self.owed += (Count(key, start, self.open.pop((key, start))),)
        self.position = batch.end

    def settle(self) -> None:
        if self.turn and self.owed:
            self.turn = False
            self.send(self.config.sink, Results(self.owed))

    def on_stored(self, message: Stored) -> None:
        self.owed = tuple(count for count in self.owed if count not in message.counts)
        self.turn = True
        self.settle()


class Sink(Node):
    """Writes each result to the shared store, once. It remembers nothing: the store does."""

    def on_results(self, results: Results, sender: Address) -> None:
        try:
            for count in results.counts:
                value = str(count.count).encode()
                if (
                    not self.store.put_if_absent(count.name, value)
                    and self.store.get(count.name) != value
                ):
                    raise AssertionError(
                        f"{count.name} is {self.store.get(count.name)!r}, and now {value!r} as well"
                    )
        except StoreUnavailable:
            self.disconnect(sender)  # it will come back, and ask again
        else:
            self.send(sender, Stored(results.counts))
