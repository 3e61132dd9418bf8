"""Hints: three for each promise, shown one at a time; a question, then a place to look, then the idea.

They stand in ``grading/labN/hints.toml``::

    [MR-S2]
    hints = ["What does a reader see while you write?", "Look at ...", "Write elsewhere, then rename."]

    [C.MR-S1]                 # a promise of several parts may be broken for other reasons in part C
    hints = [...]

What has been shown is remembered in ``.distlab/hints.json``. Nothing here costs points.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from distlab.core.errors import ScenarioError

KINDS = ("a question", "a place to look", "the idea")


class Revealed(Struct, frozen=True):
    """The next hint."""

    text: str
    number: int
    """Counted from 1."""
    of: int
    is_new: bool
    """False where all had been shown already: then it is the last one again."""

    @property
    def kind(self) -> str:
        return KINDS[self.number - 1] if self.of == len(KINDS) else f"hint {self.number}"


def load(file: Path) -> dict[str, tuple[str, ...]]:
    """Promise -> its hints, as ``MR-S1`` or, for one part, ``C.MR-S1``; empty where there is no file.

    Raises ``ScenarioError`` for a file that is not right.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file}: {error}") from None
    entries = {code: entry for code, entry in table.items() if not _is_part(entry)}
    for part, promises in table.items():
        if _is_part(promises):
            entries |= {f"{part}.{code}": entry for code, entry in promises.items()}
    hints = {}
    for code, entry in entries.items():
        texts = entry.get("hints") if isinstance(entry, dict) else None
        if (
            not isinstance(texts, list)
            or not texts
            or not all(isinstance(t, str) and t.strip() for t in texts)
        ):
            raise ScenarioError(
                f'{file}: [{code}] needs hints = ["a question", "a place to look", "the idea"]'
            )
        hints[code] = tuple(texts)
    return hints


def _is_part(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry) and "hints" not in entry


def key_of(hints: Mapping[str, object], code: str, part: str) -> str:
    """Under which name the hints for a promise of that part stand."""
    return own if (own := f"{part.upper()}.{code}") in hints else code


class Memory:
    """Which hints somebody has seen."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._shown = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, int]])
        except (FileNotFoundError, msgspec.DecodeError):
            self._shown = {}  # worth nothing more than being started anew

    def shown(self, lab: str, code: str) -> int:
        """How many of the promise's hints have been shown."""
        return self._shown.get(lab, {}).get(code, 0)

    def reveal(self, lab: str, code: str, hints: tuple[str, ...]) -> Revealed:
        """The next hint, or the last one again; remembered by :meth:`to_json`."""
        before = self.shown(lab, code)
        number = min(before + 1, len(hints))
        self._shown.setdefault(lab, {})[code] = number
        return Revealed(hints[number - 1], number, len(hints), number > before)

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self._shown)) + b"\n"
