"""Exceptions that crossed the boundary, and those that the boundary itself raises.

What a program raises inside is raised again outside: under the same name, with the same text, and of the same class
where the world must tell it apart (a full disk stops a node, ``NotImplementedError`` means not started). It brings its
frames with it. A submission cannot raise what would be blamed on us: any other name is just a name.
"""

from __future__ import annotations

from functools import lru_cache

from distlab.core import errors
from distlab.core.errors import DistlabError, EnvironmentFault, NoSuchFile, StudentError
from distlab.grade.guard import Stuck
from distlab.grade.result import Frame

_TEXT_LIMIT = 10_000


class Crossed:
    """Mixed into every exception that came from inside."""

    frames: tuple[Frame, ...] = ()


class IsolationBroken(StudentError, Crossed):
    """The submission's process said something that no program can say, or ended."""


class Hung(Stuck, Crossed):
    """The submission's process did not return."""


def crossed(kind: str, text: str, frames: tuple[Frame, ...] = ()) -> BaseException:
    """The exception called ``kind``."""
    error: BaseException = _class(kind[:100])(text[:_TEXT_LIMIT])
    assert isinstance(error, Crossed)
    error.frames = frames
    return error


@lru_cache(maxsize=256)
def _class(kind: str) -> type[BaseException]:
    name = kind if kind.isidentifier() else "Error"
    return type(name, (Crossed, _BASES.get(name, Exception)), {})


def _may_be_claimed(value: object) -> bool:
    return isinstance(value, type) and issubclass(
        value, (StudentError, EnvironmentFault, NoSuchFile)
    )


_BASES: dict[str, type[BaseException]] = {
    "AttributeError": AttributeError,
    "NotImplementedError": NotImplementedError,
    "SystemExit": SystemExit,
    **{name: value for name, value in vars(errors).items() if _may_be_claimed(value)},
}

WORLD = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, DistlabError)
}
"""What the world may raise in answer to a question, by name."""
