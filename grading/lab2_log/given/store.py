"""The key-value store without any replication: what one operation does to the items. Given."""

from __future__ import annotations

from labs.lab2_log.quorum import AddServer, Append, Cas, Get, Put, RemoveServer


def execute(
    items: dict[str, str], operation: Put | Get | Append | Cas | AddServer | RemoveServer
) -> str | None:
    """Carry ``operation`` out on ``items``; its answer. A pure function of the two.

    Who the servers are is no business of the store's: there is nothing to do.
    """
    match operation:
        case Put(key, value):
            items[key] = value
        case Get(key):
            return items.get(key)
        case Append(key, text):
            items[key] = items.get(key, "") + text
        case Cas(key, old, new):
            found = items.get(key)
            if found == old:
                items[key] = new
            return found
    return None
