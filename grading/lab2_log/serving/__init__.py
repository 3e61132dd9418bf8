"""The log for people to use: what stands between ``distlab log`` and the brokers of parts 2A to 2G.

Nothing here is graded. ``client.py`` knows how to ask brokers; ``gateway.py`` does so for people, ``offsets.py`` for
the groups' coordinators, ``shelf.py`` for the groups' members; ``seats.py`` lends members to whoever consumes.
"""
