"""A second orchestrator: a journal of what happened, one pulse, and doubt is settled by undoing.

Where the reference stores where a saga stands, this one stores what it learned, and works out the rest. After a crash
it does not ask again about a step that can be undone: it undoes it.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.saga import (
    MAX_AMOUNT,
    Begin,
    Declined,
    Do,
    Done,
    Ended,
    NotNow,
    OrchestratorConfig,
    Undo,
    Undone,
)


class Turned(Struct, frozen=True, tag=True):
    saga: str
    first: int
    """The step that is undone first."""
    reason: str


class Story(Struct):
    """What is known of one saga."""

    begin: Begin
    since: int
    """When its present step was first asked for."""
    done: int = 0
    turned: Turned | None = None
    undone: int = 0

    @property
    def at(self) -> int:
        return self.done if self.turned is None else self.turned.first - self.undone

    @property
    def is_over(self) -> bool:
        return self.at < 0 or self.done == len(self.begin.steps)


class Pulse(Timer, frozen=True):
    pass


class Orchestrator(Node):
    config: OrchestratorConfig
    stories: dict[str, Story]
    waiting: dict[str, list[tuple[Address, int]]]

    def on_start(self) -> None:
        self.stories, self.waiting = {}, {}
        for record in self.disk.recover("journal", Begin | Done | Turned | Undone):
            self.learn(record)
        for name, story in self.stories.items():
            if story.is_over or story.turned:
                continue
            if story.at < story.begin.pivot:
                self.write(Turned(name, story.at, "the orchestrator was started again"))
        self.on_pulse(Pulse())

    def write(self, record: Begin | Done | Turned | Undone) -> None:
        is_new = not self.disk.exists("journal")
        self.disk.append("journal", record)
        self.disk.sync("journal", *(("/",) if is_new else ()))
        self.learn(record)

    def learn(self, record: Begin | Done | Turned | Undone) -> None:
        if isinstance(record, Begin):
            self.stories[record.saga] = Story(record, self.monotonic())
            return
        story = self.stories[record.saga]
        story.since = self.monotonic()
        match record:
            case Done():
                story.done += 1
            case Turned():
                story.turned = record
            case Undone():
                story.undone += 1

    def on_pulse(self, timer: Pulse) -> None:
        for name, story in self.stories.items():
            if story.is_over:
                continue
            is_late = self.monotonic() - story.since > self.config.patience
            if story.turned is None and is_late and story.at < story.begin.pivot:
                self.write(Turned(name, story.at, "out of patience"))
            self.ask(story)
        self.set_timer(timer, self.config.retry)

    def ask(self, story: Story) -> None:
        if story.is_over:
            for client, number in self.waiting.pop(story.begin.saga, ()):
                reason = story.turned.reason if story.turned else ""
                self.send(client, Ended(number, story.turned is None, reason))
            return
        step = story.begin.steps[story.at]
        if story.turned is None:
            do = Do(story.begin.saga, story.at, step.item, step.amount)
            self.send(Address(step.service), do)
        else:
            self.send(Address(step.service), Undo(story.begin.saga, story.at))

    def on_begin(self, begin: Begin, sender: Address) -> None:
        plain = Begin(0, begin.saga, begin.subject, begin.steps, begin.pivot)
        story = self.stories.get(begin.saga)
        is_sane = len(begin.steps) > 0 and all(
            0 < step.amount <= MAX_AMOUNT and step.service in self.config.services
            for step in begin.steps
        )
        if not is_sane or (story is not None and story.begin != plain):
            self.send(sender, Ended(begin.number, False, "no saga, or another one of this name"))
            return
        if story is None:
            rivals = (s for s in self.stories.values() if not s.is_over)
            if any(rival.begin.subject == begin.subject for rival in rivals):
                return
            self.write(plain)
            story = self.stories[begin.saga]
            self.ask(story)
        self.waiting.setdefault(begin.saga, []).append((sender, begin.number))
        if story.is_over:
            self.ask(story)

    def hear(self, record: Done | Undone, is_forward: bool) -> None:
        story = self.stories[record.saga]
        fits = not story.is_over and story.at == record.step
        if fits and (story.turned is None) == is_forward:
            self.write(record)
            self.ask(story)

    def on_done(self, done: Done) -> None:
        self.hear(done, True)

    def on_undone(self, undone: Undone) -> None:
        self.hear(undone, False)

    def on_declined(self, declined: Declined) -> None:
        story = self.stories[declined.saga]
        fits = story.turned is None and not story.is_over and story.at == declined.step
        if fits and story.at <= story.begin.pivot:
            self.write(Turned(declined.saga, declined.step - 1, declined.reason))
            self.ask(story)

    def on_not_now(self, not_now: NotNow) -> None:
        pass
