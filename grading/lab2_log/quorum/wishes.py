"""What clients are asked to do, as scenarios write it. A key that begins with an ``l`` is a list of tokens."""

from __future__ import annotations

from distlab.grade.scenario import Call


def put(at: int, key: str, value: str, client: str = "c1") -> Call:
    return Call(at, client, "Put", {"key": key, "value": value})


def burst(at: int, name: str, count: int, gap: int, client: str = "c1") -> Call:
    """So many writes, to keys that begin with ``name``."""
    return Call(at, client, "Burst", {"name": name, "count": count, "gap": gap})


def get(at: int, key: str, client: str = "c1") -> Call:
    return Call(at, client, "Get", {"key": key})


def append(at: int, key: str, token: str, client: str = "c1") -> Call:
    return Call(at, client, "Append", {"key": key, "text": f"{token} "})


def add(at: int, server: str, client: str = "c1") -> Call:
    return Call(at, client, "AddServer", {"server": server})


def remove(at: int, server: str, client: str = "c1") -> Call:
    return Call(at, client, "RemoveServer", {"server": server})


def cas(at: int, key: str, old: str | None, new: str, client: str = "c1") -> Call:
    return Call(at, client, "Cas", {"key": key, "old": old, "new": new})
