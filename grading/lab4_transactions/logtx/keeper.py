"""What the world plays in parts 4F2 and 4F3: the coordinator's log, with its controller. It never fails.

It takes what is appended in the newest epoch, at its end, and names another coordinator when the present one falls
silent, comes back in another life, or when the scenario says so.
"""

from __future__ import annotations

from distlab.core import MS, Address, Config, Node, Ok, Operation, Ticket, Timer
from labs.lab4_transactions.logtx import TxnRecord
from labs.lab4_transactions.txn_log import Append, Appended, Follows, Lead, Load, Loaded

LOAD_AT_ONCE = 8
"""Records in one answer."""


class Elect(Operation, frozen=True):
    """That one coordinates from now on, in a new epoch. Ok(the epoch)."""

    coordinator: str


class KeeperConfig(Config, frozen=True):
    """Who can coordinate, and when one of them is taken for dead."""

    coordinators: tuple[str, ...]
    tell: int = 50 * MS
    dead_after: int = 220 * MS


class Tell(Timer, frozen=True):
    """Time to say who coordinates."""


class LogKeeper(Node):
    """The coordinator's log, replicated by assumption."""

    config: KeeperConfig
    epoch: int
    coordinator: str
    entries: list[TxnRecord]
    written_in: list[int]
    """The epoch in which each entry was written."""
    lives: dict[str, int]
    heard: dict[str, int]

    def on_start(self) -> None:
        self.entries, self.written_in = [], []
        self.lives = {}
        self.heard = dict.fromkeys(self.config.coordinators, self.monotonic())
        self.epoch, self.coordinator = 0, self.config.coordinators[0]
        self.on_tell(Tell())

    def on_tell(self, _: Tell) -> None:
        alive = [
            b for b, at in self.heard.items() if self.monotonic() - at <= self.config.dead_after
        ]
        is_silent = self.monotonic() - self.heard[self.coordinator] > self.config.dead_after
        if is_silent and alive:
            self.epoch, self.coordinator = self.epoch + 1, alive[0]
        self.tell()
        self.set_timer(Tell(), self.config.tell)

    def tell(self) -> None:
        for coordinator in self.config.coordinators:
            self.send(Address(coordinator), Lead(self.epoch, self.coordinator))

    def on_elect(self, op: Elect, ticket: Ticket) -> None:
        self.epoch, self.coordinator = self.epoch + 1, op.coordinator
        self.tell()
        self.finish(ticket, Ok(self.epoch))

    def on_follows(self, word: Follows, sender: Address) -> None:
        self.heard[sender] = self.monotonic()
        if self.lives.get(sender, word.life) != word.life and sender == self.coordinator:
            self.epoch += 1  # it has forgotten everything: it reads the log anew, in another epoch
            self.tell()
        self.lives[sender] = word.life

    def on_append(self, ask: Append, sender: Address) -> None:
        if ask.epoch != self.epoch or sender != self.coordinator:
            return
        if ask.at == len(self.entries):
            self.entries += ask.records
            self.written_in += [ask.epoch] * len(ask.records)
        same = self.entries[ask.at : ask.at + len(ask.records)] == list(ask.records)
        if same and self.written_in[ask.at] == ask.epoch:
            self.send(sender, Appended(ask.epoch, ask.at))

    def on_load(self, ask: Load, sender: Address) -> None:
        if ask.epoch == self.epoch and sender == self.coordinator:
            records = tuple(self.entries[ask.at : ask.at + LOAD_AT_ONCE])
            self.send(sender, Loaded(ask.epoch, ask.at, records, len(self.entries)))

    def probe(self) -> tuple[TxnRecord, ...]:
        return tuple(self.entries)
