"""The shared store as one actor of the simulator sees it: its calls wait for the actor's earlier syncs."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from distlab.core.objects import Objects
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.actor import Actor


class SimStore:
    """A view of the cluster's :class:`~distlab.core.objects.Objects` that keeps effects in order and notes changes."""

    def __init__(self, actor: Actor, objects: Objects) -> None:
        self._actor = actor
        self._objects = objects
        self.get = objects.get
        self.size = objects.size
        self.exists = objects.exists
        self.keys = objects.keys

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._before(key)
        return self._note("put_if_absent", key, self._objects.put_if_absent(key, data), data)

    def append(self, key: str, data: bytes) -> None:
        self._before(key)
        self._objects.append(key, data)
        self._note("append", key, True, data)

    def rename(self, source: str, target: str) -> bool:
        self._before(target)
        return self._note("rename", target, self._objects.rename(source, target), source.encode())

    def delete(self, key: str) -> None:
        self._before(key)
        self._objects.delete(key)
        self._note("delete", key, True, b"")

    def _before(self, key: str) -> None:
        self._actor.must_live()
        self._actor.about_to("store", key)
        self._actor.flush()

    def _note(self, verb: str, key: str, result: bool, data: bytes) -> bool:
        sim = self._actor.sim
        sim.digest = zlib.crc32(data, zlib.crc32(f"{verb}{key}{result}".encode(), sim.digest))
        self._actor.note(Kind.STORE, (verb, key, result))
        return result
