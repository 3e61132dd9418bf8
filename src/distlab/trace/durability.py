"""What a trace says about disks: a file is safe once its bytes are, and its name in its folder is, too.

The two are synced apart (T. S. Pillai et al., "All file systems are not created equal", OSDI 2014): syncing a new file
leaves its name as it was, and a crash may take away the name, and the bytes with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from distlab.core.disk import folder_of
from distlab.trace.event import Event, Kind


def nameless(events: Iterable[Event]) -> dict[int, list[str]]:
    """Where files were synced whose folder has not been since they were made: a crash may take them away whole.

    The event that says so -> the files. Needs writes in the trace; without them it knows of no file.
    """
    unnamed: dict[str, set[str]] = {}
    known: dict[str, set[str]] = {}
    # Sync -> the files whose names it makes last: those that were there when it was asked for.
    asked: dict[int, set[str]] = {}
    found: dict[int, list[str]] = {}
    for event in events:
        fresh = unnamed.setdefault(event.node, set())
        files = known.setdefault(event.node, set())
        if event.kind == Kind.WRITE:
            verb, path, _ = event.what
            if path not in files or verb == "replace":
                fresh.add(path)
            files.add(path)
            if verb == "delete":
                fresh.discard(path)
                files.discard(path)
        elif event.kind == Kind.SYNC:
            asked[event.id] = {path for path in fresh if folder_of(path) in event.what}
        elif event.kind == Kind.SYNCED:
            fresh -= asked.get(event.cause, set())
            if missing := [path for path in event.what if path in fresh]:
                found[event.id] = missing
    return found
