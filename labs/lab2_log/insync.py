"""Whom a leader wants in the ISR, and what it may conclude while it waits to be told. Functions of values only.

Theory of operation. A follower is out of sync when it has not been caught up for ``lag_time``. Time, not the number of
records that it lacks: a burst puts everybody behind, and a follower that keeps up with it lags by milliseconds
(KIP-16). It comes in again when it has all that is committed, and all that this leader began its epoch with.

A leader does not decide. It asks the controller, by compare-and-set, and from that moment the new ISR *may* hold: the
controller may have granted it, and the answer may be on its way. So until something is heard that rules this out,
whatever is committed must be on the members of both (KIP-497).
"""

from __future__ import annotations

from labs.lab2_log.brokers import PartitionState
from labs.lab2_log.replicas import Progress


def wanted_isr(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    """The ISR that the leader of ``state`` wants, in the order of its replicas.

    ``progress`` has what it knows of followers; ``needed`` is the offset that a newcomer must have reached: the high
    watermark, or where the leader's epoch began, if that is more.
    """
    raise NotImplementedError(
        "2E: members by the time since they were caught up; others if they have come far enough, lately"
    )


def proposal_now(
    state: PartitionState, proposal: tuple[str, ...] | None, wanted: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The proposal that is open from now on, and is sent until it is settled; None: there is none.

    ``proposal`` is the one that was open so far, ``wanted`` the ISR that we want now.
    """
    raise NotImplementedError(
        "2E: one proposal at a time; nobody need be asked for what is so already"
    )


def proposal_after(
    proposal: tuple[str, ...] | None, before: PartitionState, heard: PartitionState
) -> tuple[str, ...] | None:
    """What may still be granted of ``proposal``, which was made at version ``before``, now that we have heard this.

    It does not matter from whom: from the controller, or from one that takes itself for it.
    """
    raise NotImplementedError(
        "2E: it is settled once that version is past; a state that we knew already says nothing"
    )
