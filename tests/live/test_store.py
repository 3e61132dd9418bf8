"""The shared store as a folder: exclusive, whole or absent, and a window on files elsewhere."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.core import NoSuchFile
from distlab.core.errors import BadPath
from distlab.core.objects import Objects
from distlab.live.rename import link_if_absent, rename_if_absent
from distlab.live.store import FolderStore

ROOT = Path(__file__).parents[2]

keys = st.sampled_from(["a", "b", "out/part-1", ".", "..", "~1", "%2E", "ü/ /%"])
steps = st.one_of(
    st.tuples(st.just("put_if_absent"), keys, st.binary(max_size=5)),
    st.tuples(st.just("append"), keys, st.binary(max_size=5)),
    st.tuples(st.just("rename"), keys, keys),
    st.tuples(st.just("delete"), keys),
)


@given(st.lists(steps, max_size=15))
def test_it_agrees_with_the_store_in_memory(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, model = FolderStore(Path(folder)), Objects()
        for verb, *arguments in steps:
            outcomes: list[object] = []
            for objects in (store, model):
                try:
                    outcomes.append(getattr(objects, str(verb))(*arguments))
                except NoSuchFile:
                    outcomes.append("no such object")
            assert outcomes[0] == outcomes[1], (verb, arguments)
            assert store.keys() == model.keys()
            assert store.keys("out/") == model.keys("out/")
            for key in store.keys():  # noqa: SIM118 - no mapping
                assert store.get(key) == model.get(key)
                assert store.get(key, 1, 2) == model.get(key, 1, 2)
                assert store.size(key) == model.size(key)
                assert store.exists(key)


@pytest.mark.parametrize("rename", [rename_if_absent, link_if_absent])
def test_a_rename_never_replaces(tmp_path: Path, rename: object) -> None:
    assert callable(rename)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert rename(str(tmp_path / "a"), str(tmp_path / "c"))
    assert not rename(str(tmp_path / "b"), str(tmp_path / "c"))
    assert (tmp_path / "b").read_text() == "b"
    assert (tmp_path / "c").read_text() == "a"
    with pytest.raises(FileNotFoundError):
        rename(str(tmp_path / "a"), str(tmp_path / "d"))


def test_a_link_that_was_killed_between_its_steps_is_finished(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    os.link(tmp_path / "a", tmp_path / "b")
    assert link_if_absent(str(tmp_path / "a"), str(tmp_path / "b"))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_of_many_processes_one_wins_each_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from distlab.live.store import FolderStore\n"
        "store, me = FolderStore(Path(sys.argv[1])), sys.argv[2]\n"
        "print(sum(store.put_if_absent(f'k{i}', me.encode() * 1000) for i in range(100)))\n"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), me], stdout=subprocess.PIPE, text=True)
        for me in "abc"
    ]  # fmt: skip
    won = [int(racer.communicate()[0]) for racer in racers]
    store = FolderStore(tmp_path)
    contents = [store.get(f"k{i}").decode() for i in range(100)]
    assert sum(won) == 100
    assert won == [sum(text == me * 1000 for text in contents) for me in "abc"]


def test_kill_9_leaves_every_object_whole_or_absent(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from distlab.live.store import FolderStore\n"
        "store = FolderStore(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    store.append(f'draft{i}', b'x' * 100_000); store.put_if_absent(f'p{i}', b'x' * 100_000)\n"
        "    store.rename(f'draft{i}', f'r{i}'); print(i, flush=True)\n"
    )
    for run in range(3):
        folder = tmp_path / str(run)
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = -1
        while told < run:
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.communicate()[0].split())])
        store = FolderStore(folder)
        for key in store.keys():  # noqa: SIM118 - no mapping
            if not key.startswith("draft"):
                assert store.size(key) == 100_000
        for done in range(told + 1):
            assert store.exists(f"p{done}")
            assert store.exists(f"r{done}")
            assert not store.exists(f"draft{done}")


def test_files_elsewhere_are_seen_under_keys_and_cannot_be_changed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "deep").mkdir(parents=True)
    (corpus / "a.txt").write_text("alpha")
    (corpus / "deep" / "b.txt").write_text("beta")
    (tmp_path / "secret").write_text("secret")
    mounts = {"input/": corpus, "one": corpus / "a.txt"}
    store = FolderStore(tmp_path / "store", mounts)
    assert store.keys() == ["input/a.txt", "input/deep/b.txt", "one"]
    assert store.keys("input/d") == ["input/deep/b.txt"]
    assert store.get("input/deep/b.txt", 1, 2) == b"et"
    assert store.size("one") == 5
    assert not store.exists("input/c.txt")
    for change in (
        lambda: store.put_if_absent("input/c.txt", b""),
        lambda: store.append("one", b""),
        lambda: store.delete("input/a.txt"),
        lambda: store.rename("one", "two"),
    ):
        with pytest.raises(BadPath):
            change()
    with pytest.raises(BadPath):
        store.get("input/../secret")
