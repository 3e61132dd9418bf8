"""Questions and answers over a network that damages, loses, repeats and reorders. Part 0A.

Two roles. The asker numbers its questions, so that it can tell which of them an answer belongs to:
answers may overtake each other, come twice, or come long after they were wanted. The echo server
has no state at all. Neither believes a frame that ``unseal`` does not vouch for; a damaged packet
is as good as a lost one. (Lost ones are lost, for now: part 0B asks again.)
"""

from __future__ import annotations

from distlab.core import Address, Node, Ok, Ticket
from labs.lab0_rpc.framing import seal, unseal
from labs.lab0_rpc.protocol import Ask, AskerConfig, Frame, Query, Response, echo, to_body, to_text


class Asker(Node):
    """Puts questions to ``config.server``, as many at a time as it is asked to."""

    config: AskerConfig
    last_id: int
    """Correlation id of the newest question."""
    asked: dict[int, Ticket]
    """Questions without an answer, by correlation id."""

    def on_start(self) -> None:
        self.last_id = 0
        self.asked = {}

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        """Send the question under an id of its own; do not wait for earlier answers."""
        raise NotImplementedError("0A: remember the ticket under a new id, and send a sealed Query")

    def on_response(self, response: Response) -> None:
        """Finish the question that this answers, if there still is one, with ``Ok(text)``."""
        raise NotImplementedError("0A: unseal; find the question by its id; finish it once")


class Echo(Node):
    """Answers every whole question with ``echo(body)``, under the question's id."""

    def on_query(self, query: Query, sender: Address) -> None:
        raise NotImplementedError("0A: answer what is whole, and nothing else")
