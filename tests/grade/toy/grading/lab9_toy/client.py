"""The client, played by the grader: retries until it is answered."""

from distlab.core import MS, Info, Node, Ok, Ticket, Timer
from labs.lab9_toy.protocol import ClientConfig, Keep, Put, Stored


class Retry(Timer, frozen=True):
    id: int


class Client(Node):
    config: ClientConfig
    open: dict[int, tuple[Ticket, int]]

    def on_start(self) -> None:
        self.open = {}

    def on_keep(self, keep: Keep, ticket: Ticket) -> None:
        self.open[keep.id] = (ticket, 0)
        self.on_retry(Retry(keep.id))

    def on_retry(self, retry: Retry) -> None:
        ticket, tries = self.open[retry.id]
        if tries == 100:
            del self.open[retry.id]
            self.finish(ticket, Info("no answer"))
            return
        self.open[retry.id] = (ticket, tries + 1)
        self.send(self.config.server, Put(retry.id))
        self.set_timer(retry, 50 * MS)

    def on_stored(self, stored: Stored) -> None:
        if stored.id in self.open:
            ticket, _ = self.open.pop(stored.id)
            self.cancel_timer(Retry(stored.id))
            self.finish(ticket, Ok())
