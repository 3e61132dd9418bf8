"""The shared store in memory, for worlds without a disk of their own: :mod:`distlab.core.store` says what it means."""

from __future__ import annotations

from distlab.core.errors import NoSuchFile


class Objects:
    """Objects by key."""

    def __init__(self) -> None:
        self._objects: dict[str, bytearray] = {}

    def put_if_absent(self, key: str, data: bytes) -> bool:
        if key in self._objects:
            return False
        self._objects[key] = bytearray(data)
        return True

    def append(self, key: str, data: bytes) -> None:
        self._objects.setdefault(key, bytearray()).extend(data)

    def rename(self, source: str, target: str) -> bool:
        self._object(source)
        if target in self._objects:
            return False
        self._objects[target] = self._objects.pop(source)
        return True

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        content = self._object(key)
        return bytes(content[start:] if length is None else content[start : start + length])

    def size(self, key: str) -> int:
        return len(self._object(key))

    def exists(self, key: str) -> bool:
        return key in self._objects

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self._objects if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)

    def _object(self, key: str) -> bytearray:
        found = self._objects.get(key)
        if found is None:
            raise NoSuchFile(f"the store has no object {key!r}")
        return found
