"""Two bugs."""

from distlab.core import Address
from distlab.grade.lab import Mutant
from labs.lab9_toy.keeper import Keeper
from labs.lab9_toy.protocol import Put, Stored


class KeepsTwice(Keeper):
    def on_put(self, put: Put, sender: Address) -> None:
        self.kept.append(put.id)
        self.write(put)
        self.send(sender, Stored(put.id))


class ForgetsToSync(Keeper):
    def write(self, put: Put) -> None:
        self.disk.append("wal", put)


def mutants() -> list[Mutant]:
    return [
        Mutant(
            name=name,
            code=code,
            part="A",
            replaces="keeper:Keeper",
            by=by,
            story=story,
            source="ours",
            breaks="TOY-S1",
        )
        for name, code, by, story in (
            ("keeps-twice", "m1", KeepsTwice, "a repeated put is kept again"),
            ("forgets-to-sync", "m2", ForgetsToSync, "answers before it is on disk"),
        )
    ]
