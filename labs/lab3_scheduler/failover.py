"""What part 3E1 adds on the wire and in the store: a second RM, epochs, what an RM leaves to its successor. Given.

=============  ========================================================================================
RM -> RM       ``Leading``, again and again: no need to take over
RM -> AM       ``MasterUnknown``: there is a new RM, register with it
=============  ========================================================================================

In the shared store, which is what a coordination service is to YARN: one object for each life of the RM,
one for each application, and one for the end of each. No object ever changes.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Message
from distlab.core.codec import decoder, encode

EPOCHS = "rm/epochs/"
APPS = "rm/apps/"
OVER = "rm/over/"


def epoch_key(epoch: int) -> str:
    """Whose object stands here leads in this epoch. Keys in order are epochs in order."""
    return f"{EPOCHS}{epoch:08}"


def app_key(app: str) -> str:
    """An :class:`AppRecord`: the application has been let in."""
    return APPS + app


def over_key(app: str) -> str:
    """Any object: the application is over."""
    return OVER + app


class AppRecord(Struct, frozen=True):
    """What an RM has to know of an application before its master speaks to it."""

    app: str
    queue: str
    attempt: int
    master: str
    """Its address."""

    def to_bytes(self) -> bytes:
        return encode(self)

    @staticmethod
    def from_bytes(blob: bytes) -> AppRecord:
        record: AppRecord = decoder(AppRecord).decode(blob)
        return record


class Leading(Message, frozen=True):
    """I lead, in this epoch."""

    epoch: int


class MasterUnknown(Message, frozen=True):
    """I lead in this epoch, and you speak to another one: register, and say what you hold."""

    app: str
    epoch: int
