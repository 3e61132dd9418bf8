"""A key-value store that acknowledges what is on disk, and a client that retries: effects after a sync."""

from distlab.core import MS, Address, Config, Info, Message, Node, Ok, Operation, Ticket, Timer


class Put(Message, frozen=True):
    """Remember this."""

    id: int
    key: str
    value: str


class Done(Message, frozen=True):
    """It is on disk."""

    id: int


class Get(Message, frozen=True):
    """What do you remember?"""

    id: int
    key: str


class Value(Message, frozen=True):
    """This."""

    id: int
    value: str | None


class Write(Operation, frozen=True):
    """Put a value under a key."""

    key: str
    value: str


class Read(Operation, frozen=True):
    """Look a key up."""

    key: str


class Retry(Timer, frozen=True):
    """No answer to this request yet."""

    id: int


class ClientConfig(Config, frozen=True):
    """Whom to ask, how long to wait for an answer, and how often to ask again."""

    server: str = "store"
    patience: int = 50 * MS
    tries: int = 40


class Store(Node):
    """Keeps a log on disk; says ``Done`` only once it is there."""

    values: dict[str, str]
    done: set[int]

    def on_start(self) -> None:
        puts = self.disk.recover("wal", Put)
        self.values = {put.key: put.value for put in puts}
        self.done = {put.id for put in puts}
        self.log.info("store", "up", puts=len(puts))

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.done:
            self.disk.append("wal", put)
            self.disk.sync("wal", "/")
            self.values[put.key] = put.value
            self.done.add(put.id)
        self.send(sender, Done(put.id))

    def on_get(self, get: Get, sender: Address) -> None:
        self.send(sender, Value(get.id, self.values.get(get.key)))

    def probe(self) -> dict[str, str]:
        return self.values


class Client(Node):
    """Sends each request until it is answered, or until it gives up: then nobody knows what became of it."""

    config: ClientConfig
    asked: dict[int, Message]
    tries: dict[int, int]

    def on_start(self) -> None:
        self.asked, self.tries = {}, {}

    def on_write(self, write: Write, ticket: Ticket) -> None:
        self._ask(ticket, Put(ticket, write.key, write.value))

    def on_read(self, read: Read, ticket: Ticket) -> None:
        self._ask(ticket, Get(ticket, read.key))

    def on_retry(self, retry: Retry) -> None:
        if (message := self.asked.get(retry.id)) is None:
            return
        if self.tries[retry.id] < self.config.tries:
            self._ask(retry.id, message)
        else:
            del self.asked[retry.id]
            self.finish(Ticket(retry.id), Info("no answer"))

    def on_done(self, done: Done) -> None:
        if self.asked.pop(done.id, None) is not None:
            self.finish(Ticket(done.id), Ok())

    def on_value(self, value: Value) -> None:
        if self.asked.pop(value.id, None) is not None:
            self.finish(Ticket(value.id), Ok(value.value))

    def _ask(self, id: int, message: Message) -> None:  # noqa: A002
        self.asked[id] = message
        self.tries[id] = self.tries.get(id, 0) + 1
        self.send(Address(self.config.server), message)
        self.set_timer(Retry(id), self.config.patience)
