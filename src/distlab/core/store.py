"""The shared object store: where GFS or S3 stands in the papers.

One store for the whole cluster, replicated and durable by assumption: what a call has returned is never lost. Each call
is atomic. It takes the place of a file system for reduce output, checkpoints and fenced commits; two callers race on
:meth:`Store.put_if_absent` or :meth:`Store.rename` and exactly one of them wins.

In a handler, a store call waits for the node's earlier syncs, so that effects keep their order. Any call may raise
:class:`~distlab.core.errors.StoreUnavailable`; a write that raised it may have happened.
"""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Objects by key. Keys look like paths (``out/part-3``)."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Make the whole object at once, unless the key is taken. True if this call made it."""
        ...

    def append(self, key: str, data: bytes) -> None:
        """Add to the object, making it if need be; refuses nothing, whoever wrote what is there.

        Others see it grow. What must appear whole and once is written elsewhere, then given its name by :meth:`rename`.
        """

    def rename(self, source: str, target: str) -> bool:
        """Give the object another key, atomically, unless that is taken. True if this call did it.

        On False the source stays where it was. Raises ``NoSuchFile`` where there is no source.
        """
        ...

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """The object's bytes from ``start``, at most ``length``. Raises ``NoSuchFile``."""
        ...

    def size(self, key: str) -> int:
        """Bytes in the object. Raises ``NoSuchFile``."""
        ...

    def exists(self, key: str) -> bool: ...

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin so, in order."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
