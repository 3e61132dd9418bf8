"""Part 4B: real participants. Stage, schedules and judges of gateways; exams of what needs no cluster."""
