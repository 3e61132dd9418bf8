"""What distlab keeps beside ``labs/``, in the folder ``.distlab``: saved runs, pictures, hints shown, last results.

Files appear whole or not at all: they are written under another name and renamed. Nothing here is needed to grade.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from distlab.grade.solution import root


def own_folder() -> Path:
    """``.distlab`` in the project; made if need be. Raises ``OSError``."""
    folder = root() / ".distlab"
    folder.mkdir(exist_ok=True)
    return folder


def write(file: Path, content: str | bytes) -> Path:
    """Put ``content`` into ``file``, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(file)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return file


def shown(file: Path) -> str:
    """How a file is called in a message: relative to where one stands, if that is shorter."""
    return min(os.path.relpath(file), str(file), key=len)
