"""The plays of part 2D, by name: what puppets do to one server. See grading/lab2_log/quorum/troupe.py."""

from __future__ import annotations

from grading.lab2_log.quorum.plays import elections, histories, membership, memory, snapshots
from grading.lab2_log.quorum.plays.kinds import Staged

PLAYS: dict[str, Staged] = {
    staged.name: staged
    for staged in (
        *elections.PLAYS,
        *histories.PLAYS,
        *memory.PLAYS,
        *snapshots.PLAYS,
        *membership.PLAYS,
    )
}
