"""What the tests of lab 5 share: a solution's modules, and what a node said."""

from __future__ import annotations

from tests.labs.solutions import Modules as Modules
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent

lab, reference = fixtures("5")
