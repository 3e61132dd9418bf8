"""What one RM leaves to the next one."""

from __future__ import annotations

from distlab.core import Store
from labs.lab3_scheduler.failover import APPS, OVER, AppRecord, app_key, over_key


def let_in(store: Store, record: AppRecord) -> None:
    key = app_key(record.app)
    if not store.exists(key):
        store.put_if_absent(key, record.to_bytes())


def end(store: Store, app: str) -> None:
    store.put_if_absent(over_key(app), b"over")


def applications(store: Store) -> list[AppRecord]:
    blobs = map(store.get, store.keys(APPS))
    return list(map(AppRecord.from_bytes, blobs))


def ended(store: Store) -> set[str]:
    return {key[len(OVER) :] for key in store.keys(OVER)}
