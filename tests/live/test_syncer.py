"""Group commit: many syncs to one fsync, in order, and failures told to those whom they concern."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from distlab.live.disk import Mark
from distlab.live.syncer import Completed, Syncer
from tests.live.helpers import eventually


class Device:
    """Stands in for ``os.fsync``: counts, waits at a gate, fails for files that are bad."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.synced: list[int] = []
        self.bad: set[int] = set()

    def fsync(self, file: int) -> None:
        self.gate.wait(10)
        inode = os.fstat(file).st_ino
        self.synced.append(inode)
        if inode in self.bad:
            raise OSError(5, "Input/output error")


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    device = Device()
    monkeypatch.setattr(os, "fsync", device.fsync)
    yield device
    device.gate.set()


class Files:
    """Marks of files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mark(self, name: str) -> Mark:
        file = os.open(self._folder / name, os.O_CREAT | os.O_RDWR)
        return Mark(name, file, os.fstat(file).st_ino, 0)


def take(syncer: Syncer, count: int) -> list[Completed]:
    done: list[Completed] = []

    def enough() -> bool:
        done.extend(syncer.completed())
        return len(done) >= count

    assert eventually(enough)
    return done


def test_what_is_asked_for_during_one_fsync_shares_the_next(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    device.gate.clear()
    syncer.ask(("a",), [files.mark("a")], 0)
    syncer.begin()
    assert eventually(lambda: syncer.is_busy)
    for _ in range(50):
        syncer.ask(("a", "b"), [files.mark("a"), files.mark("b")], 0)
        syncer.begin()
    device.gate.set()
    done = take(syncer, 51)
    assert [sync.request.number for sync in done] == list(range(1, 52))
    assert [sync.error for sync in done] == [""] * 51
    assert len(device.synced) == 3, "a alone; then a and b, for fifty"


def test_what_is_asked_for_before_it_begins_is_one_group(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    for _ in range(3):
        syncer.ask(("a",), [files.mark("a")], 0)
    assert not syncer.is_busy
    assert not device.synced
    syncer.begin()
    assert len(take(syncer, 3)) == 3
    assert len(device.synced) == 1


def test_a_failure_is_told_to_those_whose_file_it_was(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    bad = files.mark("bad")
    device.bad.add(bad.inode)
    device.gate.clear()
    syncer.ask(("first",), [files.mark("first")], 0)
    syncer.begin()
    assert eventually(lambda: syncer.is_busy)
    for name in ("a", "bad", "b"):
        syncer.ask((name,), [files.mark(name)], 0)
    syncer.begin()
    device.gate.set()
    errors = [sync.error for sync in take(syncer, 4)]
    assert errors == ["", "", "Input/output error", ""]
    os.close(bad.file)


def test_a_planned_failure_strikes_once_and_asks_no_device(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    syncer.failing = 1
    for name in "ab":
        syncer.ask((name,), [files.mark(name)], 0)
        syncer.wait()
    assert [bool(sync.error) for sync in take(syncer, 2)] == [True, False]
    assert len(device.synced) == 1


def test_waiting_returns_when_nothing_is_under_way(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    syncer.wait()
    for name in "abc":
        syncer.ask((name,), [files.mark(name)], 0)
    syncer.wait()
    assert len(syncer.completed()) == 3


def test_no_descriptor_is_left_open(device: Device, tmp_path: Path) -> None:
    syncer, files = Syncer(), Files(tmp_path)
    marks = [files.mark(name) for name in "abc"]
    syncer.failing = 1
    syncer.ask(("a", "b"), marks[:2], 0)
    syncer.wait()
    syncer.ask(("c",), marks[2:], 0)
    syncer.wait()
    for mark in marks:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(mark.file)
