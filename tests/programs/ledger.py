"""A node that writes down what it streams, and lives on when a sync fails."""

from distlab.core import Address, Fail, Node, Ok, Operation, SessionMessage, Ticket


class Line(SessionMessage, frozen=True):
    """It is on disk."""

    number: int


class Write(Operation, frozen=True):
    """Write a line, sync it, and tell the reader; the answer waits for the sync too."""

    number: int


class Ask(Operation, frozen=True):
    """What has happened to this node, in order?"""


class Writer(Node):
    """Tells its reader of nothing that is not on disk."""

    story: list[str]
    waiting: dict[int, Ticket]

    def on_start(self) -> None:
        self.story = []
        self.waiting = {}
        self.connect(Address("reader"))

    def on_connect(self, peer: Address) -> None:
        self.story.append("connected")

    def on_disconnect(self, peer: Address) -> None:
        self.story.append("disconnected")

    def on_sync_failed(self, path: str, error: str) -> None:
        self.story.append("sync failed")
        for ticket in self.waiting.values():
            self.finish(ticket, Fail("not on disk"))
        self.waiting.clear()

    def on_write(self, write: Write, ticket: Ticket) -> None:
        self.disk.append("lines", f"{write.number}\n".encode())
        self.disk.sync("lines", "/")
        self.send(Address("reader"), Line(write.number))
        self.waiting[write.number] = ticket

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        self.finish(ticket, Ok(tuple(self.story)))


class Reader(Node):
    """Remembers what it was told."""

    story: list[str]

    def on_start(self) -> None:
        self.story = []

    def on_line(self, line: Line, sender: Address) -> None:
        self.story.append(f"line {line.number}")

    def on_disconnect(self, peer: Address) -> None:
        self.story.append("disconnected")

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        self.finish(ticket, Ok(tuple(self.story)))
