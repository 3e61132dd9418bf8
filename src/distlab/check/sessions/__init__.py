"""Sessions: which guarantees a history of registers keeps, from read-your-writes to sequential consistency."""

from distlab.check.sessions.guarantees import Guarantee, Sessions, sessions

__all__ = ["Guarantee", "Sessions", "sessions"]
