"""Nodes in buckets, by how many vcores are free (part 3D).

Best fit: the fullest bucket whose nodes have enough, and there the first node with enough memory. Backfill takes the
last node of a bucket, so that the two meet as late as possible.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from labs.lab3_scheduler.scheduling import Resources


class NodeOrder:
    """Buckets of places in the row."""

    def __init__(self) -> None:
        self.row: dict[str, int] = {}
        self.names: list[str] = []
        self.rooms: dict[int, Resources] = {}
        self.buckets: dict[int, list[int]] = {}
        self.levels: list[int] = []
        """Of which there is a bucket, in order."""

    def put(self, name: str, room: Resources) -> None:
        if name not in self.row:
            self.row[name] = len(self.names)
            self.names.append(name)
        self.drop(name)
        place = self.row[name]
        self.rooms[place] = room
        if room.vcores not in self.buckets:
            self.buckets[room.vcores] = []
            insort(self.levels, room.vcores)
        insort(self.buckets[room.vcores], place)

    def drop(self, name: str) -> None:
        place = self.row.get(name, -1)
        room = self.rooms.pop(place, None)
        if room is None:
            return
        bucket = self.buckets[room.vcores]
        bucket.pop(bisect_left(bucket, place))
        if not bucket:
            del self.buckets[room.vcores]
            self.levels.remove(room.vcores)

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        for level in self.levels[bisect_left(self.levels, need.vcores) :]:
            bucket = self.buckets[level]
            for place in reversed(bucket) if from_the_end else bucket:
                if self.rooms[place].memory >= need.memory:
                    return self.names[place]
        return ""
