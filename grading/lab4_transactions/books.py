"""What a live run of two-phase commit shows while it goes on: who is in doubt, what is committed, what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distlab.core import Ok
from distlab.grade.ended import Operations
from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import Kind
from labs.lab4_transactions.twophase import Ack, Decision, Refused, Vote

HEAD = f"{'':<5}{'keeps its accounts in':<23}{'committed':>10}{'aborted':>9}{'in doubt':>10}"


class Books(Operations):
    """How transactions end, at each participant and for the applications; ``kept`` says where each has its accounts."""

    def __init__(
        self, rounds: Sequence[Sequence[object]], kept: Mapping[str, str], accounts: int
    ) -> None:
        super().__init__(rounds)
        self.kept = kept
        self.accounts = accounts
        self.stands: dict[tuple[str, str], str] = {}
        """Participant and transaction -> "committed", "aborted" or "in doubt"."""
        self.totals: list[int] = []
        """What those saw who looked at all accounts at once."""

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        if line.kind == Kind.RETURN:
            _, outcome = from_plain(line.what)
            looked = outcome.value if isinstance(outcome, Ok) else None
            if looked and len(looked) == self.accounts:
                self.totals.append(sum(seen.balance for seen in looked))
        elif line.node in self.kept and line.kind in (Kind.SEND, Kind.DELIVER):
            self._see(line.node, line.kind, from_plain(line.what))

    def _see(self, node: str, kind: str, message: object) -> None:
        match kind, message:
            case Kind.SEND, Vote(txn, "yes"):
                self.stands.setdefault((node, str(txn)), "in doubt")
            case Kind.SEND, Ack(txn):
                self.stands[node, str(txn)] = "committed"
            case (Kind.SEND, Refused(txn) | Vote(txn, "no")) | (
                Kind.DELIVER,
                Decision(txn, commit=False),
            ):
                self.stands[node, str(txn)] = "aborted"

    def lines(self) -> list[str]:
        words = {"Ok": "committed", "Fail": "aborted", "Info": "unknown"}
        first = [self.ended("transactions", words), f"messages lost {self.lost}"]
        if self.totals:
            least, most = min(self.totals), max(self.totals)
            saw = f"{least}" if least == most else f"{least} to {most}"
            first.append(f"all accounts at once, {len(self.totals)} looks: {saw}")
        return [*first, "", HEAD, *(self._row(node) for node in self.kept)]

    def _row(self, node: str) -> str:
        own = {txn: how for (who, txn), how in self.stands.items() if who == node}
        how_many = {how: list(own.values()).count(how) for how in ("committed", "aborted")}
        doubtful = [txn for txn, how in own.items() if how == "in doubt"]
        names = f"  {', '.join(doubtful)}" if doubtful else ""
        row = f"{node:<5}{self.kept[node]:<23}{how_many['committed']:>10}{how_many['aborted']:>9}"
        return f"{row}{len(doubtful):>10}{names}"[:76]
