"""The simulator: virtual time, seeded chance, hostile schedules by the thousand. One world of three."""

from distlab.sim.simulation import EVENT_LIMIT, ProgramError, Runaway, Simulation
from distlab.sim.streams import stream

__all__ = ["EVENT_LIMIT", "ProgramError", "Runaway", "Simulation", "stream"]
