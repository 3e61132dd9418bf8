"""A second broker: a journal of what came, one pulse for questions and deliveries, and nothing about the past."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.txmsg import (
    BrokerConfig,
    BrokerView,
    Check,
    Decide,
    Deliver,
    Half,
    HalfStored,
    StillRunning,
    Taken,
)


class Waiting(Struct):
    value: int
    is_ready: bool = False
    asked: int = 0


class Pulse(Timer, frozen=True):
    pass


class Broker(Node):
    config: BrokerConfig
    messages: dict[int, Waiting]

    def on_start(self) -> None:
        self.messages = {}
        for record in self.disk.recover("journal", Half | Decide | Taken):
            self.learn(record)
        self.on_pulse(Pulse())

    def write(self, record: Half | Decide | Taken) -> None:
        is_new = not self.disk.exists("journal")
        self.disk.append("journal", record)
        self.disk.sync("journal", *(("/",) if is_new else ()))
        self.learn(record)

    def learn(self, record: Half | Decide | Taken) -> None:
        match record:
            case Half(id, value):
                self.messages[id] = Waiting(value, asked=self.monotonic())
            case Decide(id, committed):
                if committed:
                    self.messages[id].is_ready = True
                else:
                    del self.messages[id]
            case Taken(id):
                del self.messages[id]

    def on_pulse(self, timer: Pulse) -> None:
        for name, message in self.messages.items():
            if message.is_ready:
                self.send(Address(self.config.consumer), Deliver(name, message.value))
            elif self.monotonic() - message.asked >= self.config.check_after:
                message.asked = self.monotonic()
                self.send(Address(self.config.seller), Check(name))
        self.set_timer(timer, self.config.retry)

    def on_half(self, half: Half, sender: Address) -> None:
        if half.id not in self.messages:
            self.write(half)
        self.send(sender, HalfStored(half.id))

    def on_decide(self, decide: Decide) -> None:
        message = self.messages.get(decide.id)
        if message is not None and not message.is_ready:
            self.write(decide)
            if decide.committed:
                self.send(Address(self.config.consumer), Deliver(decide.id, message.value))

    def on_still_running(self, running: StillRunning) -> None:
        pass

    def on_taken(self, taken: Taken) -> None:
        if taken.id in self.messages:
            self.write(taken)

    def probe(self) -> BrokerView:
        ready = sum(message.is_ready for message in self.messages.values())
        return BrokerView(len(self.messages) - ready, ready)
