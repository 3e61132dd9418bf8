"""Both ends of a channel as counters: how many batches may ever leave, and how many have. Grants come in lumps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from labs.lab5_streaming.stream import Batch, Element


@dataclass
class Output:
    """``allowed`` only grows; a batch may leave while fewer have left."""

    queue: deque[Element] = field(default_factory=deque)
    allowed: int = 0
    left: int = 0

    def put(self, element: Element) -> None:
        self.queue.append(element)

    def grant(self, batches: int) -> None:
        self.allowed += batches

    def may_leave(self, element: Element) -> bool:
        return self.allowed > (self.left if isinstance(element, Batch) else 0)

    def ready(self) -> list[Element]:
        leaving = []
        while self.queue and self.may_leave(self.queue[0]):
            leaving.append(self.queue.popleft())
            self.left += isinstance(leaving[-1], Batch)
        return leaving


@dataclass
class Input:
    """Grants again when half of the buffers are free."""

    buffers: int
    queue: deque[Element] = field(default_factory=deque)
    taken: int = 0
    granted: int = 0

    def put(self, element: Element) -> None:
        self.queue.append(element)

    def take(self) -> Element | None:
        element = self.queue.popleft() if self.queue else None
        self.taken += isinstance(element, Batch)
        return element

    def grant(self) -> int:
        free = self.taken + self.buffers - self.granted
        if 2 * free < self.buffers:
            return 0
        self.granted += free
        return free
