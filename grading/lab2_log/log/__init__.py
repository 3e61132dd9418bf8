"""The judgement of parts 2A to 2C: the log, its replicas, and their epochs."""
