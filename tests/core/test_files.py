"""Files against a model so dumb that it can be checked by eye: the list of everything that was ever done."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core.disk import folder_of
from distlab.core.errors import BadPath, DiskFull, NoSuchFile
from distlab.core.files import Files

PATHS = ("a", "b", "d/a", "d/c")
LAWS = settings(max_examples=250, deadline=None, database=None, derandomize=True)

Step = tuple[Any, ...]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(PATHS), st.sampled_from([b"1", b"23"])),
        st.tuples(st.just("truncate"), st.sampled_from(PATHS), st.integers(0, 2)),
        st.tuples(st.just("replace"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
        st.tuples(st.just("delete"), st.sampled_from(PATHS)),
        st.tuples(
            st.just("sync"), st.sets(st.sampled_from((*PATHS, "/", "d/")), min_size=1, max_size=3)
        ),
    ),
    max_size=7,
)


def do(files: Files, step: Step) -> bool:
    """Carry out a step; False where there was no such file."""
    try:
        match step:
            case ("append", path, data):
                files.append(path, data)
            case ("truncate", path, size):
                files.truncate(path, size)
            case ("replace", source, target):
                files.replace(source, target)
            case ("delete", path):
                files.delete(path)
            case ("sync", paths):
                there = {path for path in paths if path.endswith("/") or files.exists(path)}
                if there:
                    files.settle(files.mark(*sorted(there)))
    except NoSuchFile:
        return False
    return True


def contents(files: Files) -> dict[str, bytes]:
    return {path: files.read(path) for path in files.files()}


class Dumb:
    """A file system that remembers every change, and whether it is durable."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.writes: dict[int, list[tuple[int, bytes | None, bool]]] = {}
        self.renames: list[tuple[str | None, str | None, int | None, bool]] = []

    def visible(self, file: int) -> bytes:
        content = b""
        for at, data, _ in self.writes[file]:
            content = content[:at] if data is None else content.ljust(at, b"\0")[:at] + data
        return content

    def do(self, step: Step) -> None:
        match step:
            case ("append", path, data):
                if path not in self.names:
                    self.names[path] = len(self.writes)
                    self.writes[len(self.writes)] = []
                    self.renames.append((None, path, self.names[path], False))
                file = self.names[path]
                self.writes[file].append((len(self.visible(file)), data, False))
            case ("truncate", path, size):
                if size < len(self.visible(self.names[path])):
                    self.writes[self.names[path]].append((size, None, False))
            case ("replace", source, target) if source != target:
                self.names[target] = self.names.pop(source)
                self.renames.append((source, target, self.names[target], False))
            case ("delete", path) if path in self.names:
                del self.names[path]
                self.renames.append((path, None, None, False))
            case ("sync", paths):
                for path in paths & set(self.names):
                    file = self.names[path]
                    self.writes[file] = [(at, data, True) for at, data, _ in self.writes[file]]
                self.renames = [
                    (go, come, file, durable or folder_of(come or go or "") in paths)
                    for go, come, file, durable in self.renames
                ]

    def crashes(self) -> tuple[list[dict[str, int]], dict[int, set[bytes]]]:
        """All that may be left: the names (any choice of the changes that are not durable), and each file's bytes."""
        names = []
        at_risk = [i for i, change in enumerate(self.renames) if not change[3]]
        for kept in product([False, True], repeat=len(at_risk)):
            lost = {i for i, keep in zip(at_risk, kept, strict=True) if not keep}
            left: dict[str, int] = {}
            for i, (go, come, file, _) in enumerate(self.renames):
                if i not in lost:
                    left.pop(go or "", None)
                    if come is not None and file is not None:
                        left[come] = file
            names.append(left)
        return names, {file: self._left_of(writes) for file, writes in self.writes.items()}

    def _left_of(self, writes: list[tuple[int, bytes | None, bool]]) -> set[bytes]:
        left = {b""}
        for at, data, durable in writes:
            survivors = set()
            for content in left:
                if not durable:
                    survivors.add(content)
                if data is None:
                    survivors.add(content[:at])
                    continue
                for size in range(len(data) if durable else 1, len(data) + 1):
                    body = bytearray(content.ljust(at, b"\0"))
                    body[at : at + size] = data[:size]
                    survivors.add(bytes(body))
            left = survivors
        return left


def played(steps: list[Step]) -> tuple[Files, Dumb]:
    files, dumb = Files(), Dumb()
    for step in steps:
        if do(files, step):
            dumb.do(step)
    return files, dumb


@LAWS
@given(STEPS)
def test_a_node_sees_everything_it_did(steps: list[Step]) -> None:
    files, dumb = played(steps)
    assert contents(files) == {path: dumb.visible(file) for path, file in dumb.names.items()}


@LAWS
@given(STEPS, st.randoms(use_true_random=False))
def test_every_crash_leaves_what_the_rules_allow(steps: list[Step], random: Any) -> None:
    _, dumb = played(steps)
    names, bytes_left = dumb.crashes()
    for _ in range(4):
        crashed, _ = played(steps)
        crashed.crash(
            lambda size, last: random.randrange(size + 1), lambda count: random.randrange(count + 1)
        )
        left = contents(crashed)
        assert any(
            left.keys() == allowed.keys()
            and all(left[path] in bytes_left[file] for path, file in allowed.items())
            for allowed in names
        ), left


@LAWS
@given(STEPS)
def test_the_worst_crash_leaves_all_that_was_synced(steps: list[Step]) -> None:
    files, _ = played(steps)
    everything = [("sync", {*files.files(), "/", "d/"})]
    synced, _ = played([*steps, *everything])
    before = contents(synced)
    assert synced.crash(lambda size, last: 0, lambda count: 0) == 0
    assert contents(synced) == before


@LAWS
@given(STEPS)
def test_the_best_crash_leaves_all(steps: list[Step]) -> None:
    files, _ = played(steps)
    before = contents(files)
    assert files.crash(lambda size, last: size, lambda count: count) == 0
    assert contents(files) == before


@LAWS
@given(STEPS)
def test_no_crash_leaves_a_file_under_two_names(steps: list[Step]) -> None:
    for keep in range(8):
        files, _ = played(steps)
        files.crash(lambda size, last: size, lambda count, keep=keep: min(keep, count))
        for path in files.files():
            files.append(path, b"!")
        assert all(files.read(path).count(b"!") == 1 for path in files.files())


@LAWS
@given(STEPS)
def test_the_safe_part_of_a_file_survives_every_crash(steps: list[Step]) -> None:
    safe = {path: played(steps)[0].durable_size(path) for path in PATHS}
    files, _ = played(steps)
    before = contents(files)
    files.crash(lambda size, last: 0, lambda count: count)
    for path in files.files():
        assert files.read(path)[: safe[path]] == before[path][: safe[path]]


def test_a_file_that_moved_to_a_synced_folder_has_left_the_other() -> None:
    for survivors in (0, 1):
        files = Files()
        files.append("a", b"1")
        files.replace("a", "d/a")
        files.settle(files.mark("d/a", "d/"))
        files.crash(lambda size, last: 0, lambda count, kept=survivors: min(kept, count))
        assert contents(files) == {"d/a": b"1"}


def test_a_sync_covers_what_was_there_when_it_began() -> None:
    files = Files()
    files.append("a", b"1")
    first = files.mark("a", "/")
    files.append("a", b"2")
    second = files.mark("a")
    files.append("a", b"3")
    files.settle(first)
    files.settle(second)
    files.crash(lambda size, last: 0, lambda count: 0)
    assert files.read("a") == b"12"


def test_marks_may_settle_in_any_order() -> None:
    files = Files()
    files.append("a", b"1")
    first = files.mark("a", "/")
    files.append("a", b"2")
    files.settle(files.mark("a", "/"))
    files.append("a", b"3")
    files.settle(first)
    files.crash(lambda size, last: 0, lambda count: 0)
    assert files.read("a") == b"12"


def test_a_mark_of_before_a_crash_saves_nothing_of_after_it() -> None:
    files = Files()
    files.append("a", b"1")
    mark = files.mark("a", "/")
    files.crash(lambda size, last: size, lambda count: count)
    files.append("a", b"2")
    files.settle(mark)
    files.crash(lambda size, last: 0, lambda count: 0)
    assert files.read("a") == b"1"


def test_what_a_failed_sync_covered_is_seen_and_never_saved() -> None:
    files = Files()
    files.append("a", b"1")
    files.settle(files.mark("a", "/"))
    files.append("a", b"2")
    files.forsake(files.mark("a"))
    files.append("a", b"3")
    files.settle(files.mark("a"))
    assert files.read("a") == b"123"
    files.crash(lambda size, last: size, lambda count: count)
    assert files.read("a") == b"1\x003"


def test_what_follows_a_sync_under_way_is_lost_with_it() -> None:
    files = Files()
    files.append("old", b"old")
    files.settle(files.mark("old", "/"))
    files.append("new", b"new")
    files.mark("new")  # never done
    files.replace("new", "old")
    files.crash(lambda size, last: 0, lambda count: count)
    assert contents(files) == {"old": b"old", "new": b""}


def test_a_synced_folder_names_its_files_and_no_others() -> None:
    files = Files()
    files.append("a", b"1")
    files.append("d/a", b"2")
    files.settle(files.mark("a", "d/a", "d/"))
    files.crash(lambda size, last: 0, lambda count: 0)
    assert contents(files) == {"d/a": b"2"}


def test_a_file_is_replaced_whole_or_not_at_all() -> None:
    for survivors in (0, 1):
        files = Files()
        files.append("state", b"old")
        files.settle(files.mark("state", "/"))
        files.append("state.new", b"new")
        files.settle(files.mark("state.new", "/"))
        files.replace("state.new", "state")
        files.crash(lambda size, last: 0, lambda count, kept=survivors: kept)
        assert files.read("state") == (b"new" if survivors else b"old")


def test_a_flipped_bit_is_there_before_and_after_a_crash() -> None:
    files = Files()
    files.append("a", b"\0\0")
    files.settle(files.mark("a", "/"))
    files.flip("a", 9)
    assert files.read("a") == b"\0\2"
    files.crash(lambda size, last: 0, lambda count: 0)
    assert files.read("a") == b"\0\2"


def test_a_full_disk_keeps_nothing_of_a_write_that_does_not_fit() -> None:
    files = Files(capacity=3)
    files.append("a", b"12")
    with pytest.raises(DiskFull):
        files.append("b", b"34")
    assert contents(files) == {"a": b"12"}
    files.delete("a")
    files.append("b", b"34")


def test_reads_take_a_range() -> None:
    files = Files()
    files.append("a", b"01234")
    assert files.read("a", 1, 2) == b"12"
    assert files.read("a", 3) == b"34"
    assert files.read("a", 9, 2) == b""
    assert files.size("a") == 5


def test_files_are_listed_below_a_folder() -> None:
    files = Files()
    for path in ("logs/2", "logs/1", "logs2/1", "a"):
        files.append(path, b"")
    assert files.files() == ["a", "logs/1", "logs/2", "logs2/1"]
    assert files.files("logs/") == files.files("logs") == ["logs/1", "logs/2"]


def test_a_sync_of_nothing_or_of_nonsense_is_a_mistake() -> None:
    files = Files()
    with pytest.raises(BadPath):
        files.mark()
    with pytest.raises(BadPath):
        files.mark("../")
    with pytest.raises(NoSuchFile):
        files.mark("a")


def test_what_a_crash_could_take_is_named() -> None:
    files = Files()
    files.append("a", b"1")
    assert files.unsynced() == ["a"]
    files.settle(files.mark("a", "/"))
    assert files.unsynced() == []
    files.replace("a", "b")
    assert files.unsynced() == ["b"]
