"""A long random walk of a controller's decisions, beside a dumb truth: who has everything that is committed."""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec import structs

from grading.lab2_log.control.asking import ALL3, P, Wrong, moved_on
from labs.lab2_log.brokers import AlterPartition, PartitionState
from labs.lab2_log.metadata import (
    Alter,
    Cluster,
    Command,
    Fence,
    Prefer,
    Register,
    Rules,
)


class Walk:
    """Random commands, and a dumb truth: who has everything that is committed."""

    def __init__(self, decisions: Any, seed: int) -> None:
        self.apply = decisions.apply
        self.random = Random(seed)
        self.rules = Rules(self.random.choice([1, 2, 2, 3]), self.random.random() < 0.2)
        self.now = Cluster({}, {P: PartitionState(P, ALL3, "", 0, ALL3, 0)})
        self.full = set(ALL3)
        self.lives = dict.fromkeys(ALL3, 0)
        self.story: list[str] = []

    def state(self) -> PartitionState:
        return self.now.partitions[P]

    def step(self) -> None:
        random, state = self.random, self.state()
        kind = random.choice(
            [
                "alive",
                "alive",
                "fence",
                "restart",
                "clean",
                "alter",
                "alter",
                "commit",
                "echo",
                "prefer",
            ]
        )
        b = random.choice(ALL3)
        life = self.lives[b]
        if kind == "commit":
            if state.leader and len(state.isr) >= self.rules.min_insync:
                self.full &= set(state.isr)
            return
        if kind == "alive":
            self.do(Register(b, life or self.reborn(b)))
        elif kind == "fence" and life:
            self.do(Fence(b, life))
        elif kind == "restart" and life:
            self.full.discard(b)
            self.do(Register(b, self.reborn(b)))
        elif kind == "clean" and life:
            self.do(Register(b, self.reborn(b), life))
        elif kind == "echo" and life > 100:
            before = self.now
            echo: Command = Register(b, life - 100) if random.random() < 0.5 else Fence(b, life)
            self.do(structs.replace(echo, life=life - 100))
            if self.now != before:
                raise Wrong(
                    f"an echo of a former life: {self.told()}", "nothing changes", self.state()
                )
        elif kind == "prefer":
            self.do(Prefer(P))
        elif kind == "alter" and state.leader:
            self.alter(state)

    def reborn(self, b: str) -> int:
        self.lives[b] += 100
        return self.lives[b]

    def alter(self, state: PartitionState) -> None:
        """A leader that knows, or one that does not; whom it asks for has caught up with it."""
        random = self.random
        others = [b for b in ALL3 if b != state.leader and random.random() < 0.6]
        isr = tuple(b for b in ALL3 if b == state.leader or b in others)
        late = random.choice([0, 0, 0, 1])
        is_current = not late and self.is_live(state.leader)
        if is_current:
            self.full |= {b for b in isr if self.is_live(b)}
        request = AlterPartition(1, P, state.leader_epoch, isr, state.version - late)
        before = self.now
        self.do(Alter(state.leader, request))
        if late and self.now != before:
            raise Wrong(
                f"a request that knew version {request.version}: {self.told()}",
                before.partitions[P],
                self.state(),
            )

    def is_live(self, b: str) -> bool:
        return b in self.now.brokers and not self.now.brokers[b].is_fenced

    def do(self, command: Command) -> None:
        before = self.state()
        self.story.append(repr(command))
        self.now = self.apply(self.now, command, self.rules)
        self.check(before, self.state(), command)

    def told(self) -> str:
        return "..., ".join(self.story[-3:])

    def check(self, old: PartitionState, new: PartitionState, command: Command) -> None:
        where = f"after {self.told()}"
        moved_on(where, old, new)
        if new.unclean > old.unclean:
            if not self.rules.unclean:
                raise Wrong(f"an unclean election {where}", "nobody leads", new.leader)
            self.full = {new.leader}
        if new.leader and new.leader not in new.isr:
            raise Wrong(f"the leader {where}", f"one of the ISR {new.isr}", new.leader)
        if new.leader and not self.is_live(new.leader):
            raise Wrong(f"the leader {where}", "a broker that lives", new.leader)
        if lacking := {*new.isr, *new.elr} - self.full:
            raise Wrong(
                f"{sorted(lacking)[0]} is in the ISR or the ELR {where}",
                f"only who surely has everything: {', '.join(sorted(self.full))}",
                f"ISR {new.isr}, ELR {new.elr}",
            )
        able = [b for b in ALL3 if b in (*new.isr, *new.elr) and self.is_live(b)]
        if able and not new.leader:
            raise Wrong(f"nobody leads {where}", f"{able[0]} leads", new)
        if isinstance(command, Fence) and new.unclean == old.unclean:
            is_out = command.broker in old.isr and command.broker not in (*new.isr, *new.elr)
            if is_out and len(new.isr) < self.rules.min_insync:
                raise Wrong(f"{command.broker} was only silent, {where}", "in the ELR", new)


def walks(decisions: Any) -> None:
    for seed in range(100):
        walk = Walk(decisions, seed)
        for _ in range(80):
            walk.step()
