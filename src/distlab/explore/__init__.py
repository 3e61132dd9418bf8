"""The explorer: small scopes, exhaustively. One world of three."""

from distlab.explore.errors import CannotExplore
from distlab.explore.scope import (
    Alarms,
    Begin,
    Deliver,
    Die,
    Expire,
    Finding,
    Lose,
    Network,
    Predicate,
    Result,
    Scope,
    Start,
    Step,
)
from distlab.explore.search import BUDGET, RAISES, explore
from distlab.explore.world import Parcel, Seen, World

__all__ = [
    "BUDGET",
    "RAISES",
    "Alarms",
    "Begin",
    "CannotExplore",
    "Deliver",
    "Die",
    "Expire",
    "Finding",
    "Lose",
    "Network",
    "Parcel",
    "Predicate",
    "Result",
    "Scope",
    "Seen",
    "Start",
    "Step",
    "World",
    "explore",
]
