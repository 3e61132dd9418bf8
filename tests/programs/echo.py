"""An echo server and a client that asks until it is answered: the least that talks."""

from distlab.core import (
    MS,
    Address,
    Config,
    Message,
    Node,
    Ok,
    Operation,
    Ticket,
    Timer,
)


class Ping(Message, frozen=True):
    """Please say this back."""

    number: int
    text: str = ""


class Pong(Message, frozen=True):
    """What was said."""

    number: int
    text: str = ""


class Echo(Operation, frozen=True):
    """Have the server say this."""

    text: str


class Again(Timer, frozen=True):
    """The answer to this question is late."""

    number: int


class ClientConfig(Config, frozen=True):
    """Whom to ask, and how long to wait for an answer."""

    server: str = "server"
    patience: int = 50 * MS


class Server(Node):
    """Says everything back."""

    said: int

    def on_start(self) -> None:
        self.said = 0
        self.log.info("echo", "up")

    def on_ping(self, ping: Ping, sender: Address) -> None:
        self.said += 1
        self.send(sender, Pong(ping.number, ping.text))

    def probe(self) -> int:
        return self.said


class Client(Node):
    """Asks until it is answered."""

    config: ClientConfig
    asked: dict[int, str]

    def on_start(self) -> None:
        self.asked = {}

    def on_echo(self, echo: Echo, ticket: Ticket) -> None:
        self.asked[ticket] = echo.text
        self._ask(ticket)

    def on_again(self, again: Again) -> None:
        if again.number in self.asked:
            self._ask(again.number)

    def on_pong(self, pong: Pong) -> None:
        if self.asked.pop(pong.number, None) is not None:
            self.cancel_timer(Again(pong.number))
            self.finish(Ticket(pong.number), Ok(pong.text))

    def _ask(self, number: int) -> None:
        self.send(Address(self.config.server), Ping(number, self.asked[number]))
        self.set_timer(Again(number), self.config.patience)
