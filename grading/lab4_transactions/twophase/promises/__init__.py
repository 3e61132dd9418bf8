"""The judges of part 4A. Each reads the books of a run and names the first thing that is wrong."""
