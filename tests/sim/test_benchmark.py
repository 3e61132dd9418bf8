"""The benchmark runs, and its workload is no empty one."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.simulator_raft import cluster_of, run_schedule

ROOT = Path(__file__).parents[2]


def test_its_schedules_elect_replicate_and_keep_rafts_promises() -> None:
    committed, crashes = 0, 0
    for seed in range(25):
        sim = run_schedule(seed, 3, cluster_of(3))
        nodes = [process.node for process in sim.up.values()]
        for left in nodes:
            for right in nodes:
                common = min(left.commit, right.commit)
                assert left.entries[:common] == right.entries[:common]
        committed += max((node.commit for node in nodes), default=0)
        crashes += sim.tally["crash"]
    assert committed > 50
    assert crashes > 50


def test_it_measures_every_simulator_or_says_why_not(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, ROOT / "benchmarks/simulator.py", "--quick", "--json", file]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    result = json.loads(file.read_text())
    assert len(result["messages"]) == 8
    for row in result["messages"]:
        assert row["messages_per_second"] or row["what"].startswith("skipped: ")
        assert row["simulator"] in done.stdout
    assert [row["nodes"] for row in result["schedules"]] == [3, 5]
