"""Questions and answers, the second way: ids drawn at random, answers kept until asked for.

Differs from the reference: the asker has no counter; its ids are 64 random bits, so that not even
an answer to another asker's question could be taken for one's own.
"""

from __future__ import annotations

from distlab.core import Address, Node, Ok, Ticket
from labs.lab0_rpc.framing import seal, unseal
from labs.lab0_rpc.protocol import Ask, AskerConfig, Frame, Query, Response, echo, to_body, to_text


class Asker(Node):
    config: AskerConfig
    open: list[tuple[int, Ticket]]

    def on_start(self) -> None:
        self.open = []

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        correlation_id = self.random.getrandbits(64)
        while any(correlation_id == taken for taken, _ in self.open):
            correlation_id = self.random.getrandbits(64)
        self.open.append((correlation_id, ticket))
        self.send(self.config.server, Query(seal(Frame(correlation_id, to_body(ask.text)))))

    def on_response(self, response: Response) -> None:
        frame = unseal(response.frame)
        for question in self.open:
            if frame is not None and question[0] == frame.id:
                self.open.remove(question)
                self.finish(question[1], Ok(to_text(frame.body)))
                return


class Echo(Node):
    def on_query(self, query: Query, sender: Address) -> None:
        if (frame := unseal(query.frame)) is not None:
            self.send(sender, Response(seal(Frame(frame.id, echo(frame.body)))))
