"""Checks of leases and late binding by themselves, and of one node alone."""

EXAMS_S2 = ()
EXAMS_S4 = ()
EXAMS_C2 = ()
