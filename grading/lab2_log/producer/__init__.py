"""Part 2F, the producer: what judges it."""
