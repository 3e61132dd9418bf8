"""Which schedules a submission is graded with: the same for all, hidden, or its own.

A hidden seed is made from a secret that stands in a file of the instructor's. It is a function of the secret (and of
the student's name, where each has their own), so a second grading asks the same again. What students get to read does
not have it: from a seed all schedules follow.
"""

from __future__ import annotations

import hashlib
import hmac

from msgspec import Struct

from distlab.core.errors import DistlabError

SHORTEST_SECRET = 16


class WeakSecret(DistlabError):
    """A secret that could be guessed."""


class Seeds(Struct, frozen=True):
    """How seeds are chosen."""

    seed: int = 1
    """Of all, where there is no secret."""
    secret: bytes = b""
    per_student: bool = False

    def __post_init__(self) -> None:
        if self.per_student and not self.secret:
            raise WeakSecret("seeds of their own for each student need a secret: --secret FILE")
        if self.secret and len(self.secret) < SHORTEST_SECRET:
            raise WeakSecret(
                f"the secret has less than {SHORTEST_SECRET} bytes: openssl rand -hex 32"
            )

    @property
    def is_hidden(self) -> bool:
        return bool(self.secret)

    def of(self, name: str) -> int:
        """The seed for the submission of that name."""
        if not self.secret:
            return self.seed
        about = f"student {name}" if self.per_student else "class"
        mark = hmac.new(self.secret, about.encode(errors="surrogatepass"), hashlib.sha256).digest()
        return int.from_bytes(mark[:6], "big")

    def __str__(self) -> str:
        if not self.secret:
            return f"seed {self.seed}"
        mark = hmac.new(self.secret, b"fingerprint", hashlib.sha256).hexdigest()[:8]
        whose = "hidden seeds, one for each student" if self.per_student else "a hidden seed"
        return f"{whose} (secret {mark})"
