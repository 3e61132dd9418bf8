"""Lab 1 as processes: real files, a kill and a stop, the lab's own judges; and what a person is told."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from distlab.core.objects import Objects
from distlab.grade.lab import Run
from distlab.grade.live import BadInput, Moment, NotFit, perform
from distlab.grade.solution import load_lab, load_solution
from tests.live.helpers import eventually
from tests.live.listing import below

ROOT = Path(__file__).resolve().parents[2]
LAB = load_lab("1")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Some documents, with what careless readers trip over."""
    random = Random(1)
    words = [f"word{n}" for n in range(500)]
    folder = tmp_path / "corpus"
    for name in ("a.txt", "b.txt", "deep/c.txt", "deep/down/d.txt"):
        lines = [" ".join(random.choices(words, k=random.randrange(12))) for _ in range(2000)]
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n" * (name != "b.txt"))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is this project but for what runs leave in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("labs", "grading"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def start(project: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "distlab", "live", "--lab", "1", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DISTLAB_ROOT": str(project)},
        cwd=project,
    )


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_streaming_sequential_run_agrees_with_the_simple_one(corpus: Path) -> None:
    from grading.lab1_mapreduce import live
    from labs.lab1_mapreduce.protocol import JobSpec
    from labs.lab1_mapreduce.sequential import run_sequentially

    files, _ = live.gather(live.documents_in(corpus), corpus / "together")
    store = Objects()
    for key, path in files.items():
        store.put_if_absent(key, path.read_bytes())
    for app in ("WordCount", "InvertedIndex"):
        spec = JobSpec("job", app, tuple(files), 3, 1000)
        outputs, counters = run_sequentially(store, spec)
        answer = live.alone(spec, files, batch=700)
        assert list(answer.outputs) == outputs
        assert answer.counters == counters


def test_words_are_counted_and_indexed_though_workers_are_killed_and_stopped(
    corpus: Path, tmp_path: Path
) -> None:
    from grading.lab1_mapreduce import live

    solution = load_solution(LAB, LAB.parts[-1], "reference")
    workspace = tmp_path / "run"
    stage = live.stage(solution, corpus, workspace)
    runs: list[Run] = []
    moments: list[Moment] = []

    def judge(run: Run) -> list[live.Judged]:
        runs.append(run)
        return judge_as_ever(run)

    judge_as_ever, stage.judge = stage.judge, judge
    report = perform(stage, workspace, moments.append)
    assert [one for one in report.judged if not one.verdict.is_kept] == []
    assert report.missed == []
    assert report.is_passed
    struck = [
        type(event.what).__name__ for m in moments for event in m.news if event.kind == "fault"
    ]
    assert sorted(struck) == ["Crash", "Pause"]
    assert {row.state for row in moments[-1].rows} == {"up"}
    assert not any(lives(row.pid) for moment in moments for row in moment.rows if row.pid)

    # One letter of one output is wrong: the judges see it.
    part = next(path for path in (workspace / "store").iterdir() if "words%2Fpart" in path.name)
    part.write_bytes(part.read_bytes().replace(b"word", b"Word", 1))
    broken = [one.promise.code for one in judge_as_ever(runs[0]) if one.verdict.is_broken]
    assert "MR-S1" in broken


def test_many_small_files_become_few_documents(tmp_path: Path) -> None:
    from grading.lab1_mapreduce import live

    for n in range(300):
        file = tmp_path / f"part{n % 3}" / f"sub{n % 30}" / f"{n}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{n}")
    documents = live.documents_in(tmp_path)
    assert len(documents) == 30
    files, total = live.gather(documents, tmp_path / "together")
    assert total == sum(path.stat().st_size for path in files.values())
    numbers = sorted(int(x) for path in files.values() for x in path.read_text().split())
    assert numbers == list(range(300))


def test_input_that_cannot_be_read_is_named(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from grading.lab1_mapreduce import live

    with pytest.raises(BadInput, match="there is no"):
        live.documents_in(corpus / "nothing")
    (corpus / "empty").mkdir()
    with pytest.raises(BadInput, match="nothing to read"):
        live.documents_in(corpus / "empty")
    monkeypatch.setattr(
        os, "access", lambda path, mode: "c.txt" not in str(path)
    )  # root may read all
    with pytest.raises(NotFit, match=r"1 of 4 files cannot be read .*deep/c\.txt"):
        live.documents_in(corpus)


def test_the_command_says_what_is_wrong_with_its_input(project: Path) -> None:
    process = start(project, "--input", "nowhere", "--solution", "reference")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "there is no nowhere" in output


def test_what_is_not_finished_is_named(project: Path, corpus: Path) -> None:
    process = start(project, "--input", str(corpus))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "nothing of it is written yet" in output
    assert "Traceback" not in output


def test_ctrl_c_leaves_no_process_and_says_what_is_kept(project: Path, corpus: Path) -> None:
    process = start(project, "--input", str(corpus), "--solution", "reference")
    assert process.stdout is not None
    for line in process.stdout:
        if "killed" in line and "kill -9" in line:
            break
    started = below(process.pid)
    assert len(started) >= 4
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Kept: .distlab/live/lab1_mapreduce" in output
    assert eventually(lambda: not any(map(lives, started)))
