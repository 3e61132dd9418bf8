"""Files on a real file system: the same words as in every world, and nothing half done."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.core import DamagedFile, DiskFull, NoSuchFile
from distlab.core.errors import BadPath
from distlab.core.files import Files
from distlab.live.disk import LiveDisk, Mark, make_durable
from tests.programs.echo import Ping


class Owner:
    """Syncs at once."""

    def __init__(self) -> None:
        self.disk: LiveDisk
        self.written: list[tuple[str, str, int]] = []

    def before_read(self, path: str) -> None: ...
    def before_append(self, path: str) -> None: ...
    def before_sync(self, path: str) -> None: ...

    def wrote(self, verb: str, path: str, size: int) -> None:
        self.written.append((verb, path, size))

    def sync(self, paths: tuple[str, ...], marks: list[Mark]) -> None:
        assert not make_durable(marks)
        self.disk.synced(marks)


def new_disk(folder: Path, capacity: int | None = None, *, shared: bool = True) -> LiveDisk:
    owner = Owner()
    owner.disk = LiveDisk(folder, owner, capacity, shared=shared)
    return owner.disk


names = st.sampled_from(["a", "b", "logs/1", "logs/2", "logs/old/1"])
steps = st.one_of(
    st.tuples(st.just("append"), names, st.binary(max_size=5)),
    st.tuples(st.just("truncate"), names, st.integers(0, 6)),
    st.tuples(st.just("replace"), names, names),
    st.tuples(st.just("delete"), names),
)


@given(st.lists(steps, max_size=20), st.booleans())
def test_it_agrees_with_the_model_of_a_file_system(
    steps: list[tuple[object, ...]], shared: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk, model = new_disk(Path(folder) / "disk", shared=shared), Files()
        for verb, *arguments in steps:
            outcomes = []
            for files in (disk, model):
                try:
                    getattr(files, str(verb))(*arguments)
                    outcomes.append("done")
                except NoSuchFile:
                    outcomes.append("no such file")
            assert outcomes[0] == outcomes[1], verb
            assert disk.files() == model.files()
            assert disk.files("logs/") == model.files("logs/")
            for path in model.files():
                assert disk.read(path) == model.read(path)
                assert disk.read(path, 1, 2) == model.read(path, 1, 2)
                assert disk.size(path) == model.size(path)


def test_files_outlive_the_process(tmp_path: Path) -> None:
    new_disk(tmp_path).append("logs/1", b"kept")
    assert new_disk(tmp_path).read("logs/1") == b"kept"


def test_another_process_may_replace_a_file_that_is_open_here(tmp_path: Path) -> None:
    mine, other = new_disk(tmp_path), new_disk(tmp_path)
    mine.append("a", b"old")
    other.append("b", b"new")
    other.replace("b", "a")
    assert mine.read("a") == b"new"
    mine.append("a", b"er")
    assert other.read("a") == b"newer"


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_durable_is_what_was_synced_of_this_very_file(tmp_path: Path, shared: bool) -> None:
    disk = new_disk(tmp_path, shared=shared)
    disk.append("a", b"12345")
    assert disk.durable_size("a") == 0
    disk.sync("a", "/")
    disk.append("a", b"678")
    assert disk.durable_size("a") == 5
    disk.truncate("a", 3)
    assert disk.durable_size("a") == 3
    disk.replace("a", "b")
    assert (disk.durable_size("a"), disk.durable_size("b")) == (0, 3)
    disk.delete("b")
    disk.append("b", b"another")
    assert disk.durable_size("b") == 0


def test_records_come_back_a_torn_tail_is_cut_off_and_damage_is_told(tmp_path: Path) -> None:
    disk = new_disk(tmp_path)
    for number in range(3):
        disk.append("wal", Ping(number, "x" * 20))
        disk.sync("wal")
    size = disk.size("wal")
    disk.append("wal", b"torn")
    assert [ping.number for ping in disk.recover("wal", Ping)] == [0, 1, 2]
    assert disk.size("wal") == size
    with (tmp_path / "wal").open("r+b") as file:
        file.seek(30)
        file.write(b"\xff")
    with pytest.raises(DamagedFile):
        disk.recover("wal", Ping)


def test_a_sync_of_a_folder_reaches_up_to_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watch(file: int) -> None:
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{file}").readlink(), tmp_path))
        fsync(file)

    disk = new_disk(tmp_path)
    disk.append("x/y/1", b"")
    if not Path("/proc/self/fd").exists():
        pytest.skip("which files are synced is read from /proc")
    monkeypatch.setattr(os, "fsync", watch)
    disk.sync("x/y/1", "x/y/")
    assert synced == ["x/y/1", "x/y", "x", "."]


def test_a_sync_of_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile):
        new_disk(tmp_path).sync("a")


def test_a_folder_that_never_had_a_file_may_be_synced(tmp_path: Path) -> None:
    new_disk(tmp_path).sync("nowhere/", "no/where/")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a/"])
def test_no_name_leaves_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(BadPath):
        new_disk(tmp_path).append(path, b"")


def test_a_file_cannot_also_be_a_folder(tmp_path: Path) -> None:
    disk = new_disk(tmp_path)
    disk.append("a", b"")
    with pytest.raises(BadPath):
        disk.append("a/b", b"")


def test_a_full_disk_keeps_nothing_of_the_write(tmp_path: Path) -> None:
    disk = new_disk(tmp_path, capacity=10)
    disk.append("a", b"123456")
    with pytest.raises(DiskFull):
        disk.append("b", b"78901")
    assert disk.files() == ["a"]
    disk.append("a", b"7890")


def test_the_systems_own_full_disk_keeps_nothing_of_the_write(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for it: the system takes a part of the write, and then refuses (EFBIG)."""
    program = (
        "import resource, sys; from pathlib import Path; "
        "from tests.live.test_disk import new_disk, DiskFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "disk = new_disk(Path(sys.argv[1]))\n"
        "disk.append('a', b'x' * 6_000)\n"
        "try: disk.append('a', b'y' * 6_000)\n"
        "except DiskFull as error: print(error, disk.size('a'))\n"
        "disk.append('a', b'z' * 4_000); print(disk.size('a'))\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert result.stdout == "no room in a: File too large 6000\n10000\n", result.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE) != (10_000, 10_000)
