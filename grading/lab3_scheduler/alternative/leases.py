"""Leases, signed and checked: what must hold, as a table."""

from __future__ import annotations

import hashlib
import hmac

from distlab.core.codec import encode
from labs.lab3_scheduler import cluster as codes
from labs.lab3_scheduler.cluster import Lease, SignedLease


def sign(key: bytes, lease: Lease) -> SignedLease:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    mac.update(encode(lease))
    return SignedLease(lease, mac.digest())


def fault(signed: SignedLease, key: bytes, node: str, life: int, epoch: int, time: int) -> str:
    lease = signed.lease
    must_hold = (
        (codes.BAD_SIGNATURE, hmac.compare_digest(signed.mac, sign(key, lease).mac)),
        (codes.WRONG_NODE, lease.node == node),
        (codes.OLD_LIFE, lease.life == life),
        (codes.OLD_EPOCH, lease.epoch >= epoch),
        (codes.EXPIRED, time < lease.expiry),
    )
    return next((code for code, holds in must_hold if not holds), "")
