"""Leases: how the ResourceManager's word is carried by somebody whom nobody trusts (part 3A).

The AM brings a lease from the RM to the NM, and could write another number into it on the way. So the
RM signs what it grants: with HMAC-SHA-256 (RFC 2104) over the lease's encoding, under a key that only
the RM and the NMs have. Equal leases have equal encodings, so the NM need not ask the RM.

No state lives here: whether a lease was used or taken back is for the NM to remember.
"""

from __future__ import annotations

import hmac

from distlab.core.codec import encode
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    EXPIRED,
    OLD_EPOCH,
    OLD_LIFE,
    WRONG_NODE,
    Lease,
    SignedLease,
)


def sign(key: bytes, lease: Lease) -> SignedLease:
    """The lease, with the RM's signature."""
    raise NotImplementedError("3A: HMAC-SHA-256 of the encoded lease, under the key")


def fault(signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int) -> str:
    """What is wrong with a lease, for this life of this node; empty if nothing is.

    ``epoch`` is the newest life of the RM that the node knows, ``time`` the RM's steady clock. Of several
    faults the first counts: ``BAD_SIGNATURE``, ``WRONG_NODE``, ``OLD_LIFE``, ``OLD_EPOCH``, ``EXPIRED``.
    """
    raise NotImplementedError(
        "3A: nothing in a lease means anything before its signature is checked"
    )
