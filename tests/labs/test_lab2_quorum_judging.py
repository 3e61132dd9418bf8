"""The judgement of lab 2's quorum: it accepts what is right, however it is built, and its plays are played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant
from distlab.grade.perform import perform
from distlab.grade.solution import load_lab, load_solution, patch
from tests.labs.lab2_quorum import Modules
from tests.labs.solutions import assert_done_alone

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("D1", "D2", "D3", "D4", "D5")


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab2")


# -- unusual, and right -----------------------------------------------------------------------------------------------

Variant = Callable[[Any, Modules], Any]


def keeps_its_vote_from_strangers(base: Any, m: Modules) -> Any:
    """Who hears a leader takes no notice of candidates at all (thesis, section 4.2.3)."""

    def on_request_vote(server: Any, request: Any, sender: Any) -> None:
        if server.role == "leader" or not m.election.has_leader(server):
            base(server, request, sender)

    return on_request_vote


def refuses_in_silence(base: Any, m: Modules) -> Any:
    """Sends votes, and no refusals."""

    def on_request_vote(server: Any, request: Any, sender: Any) -> None:
        m.election.catch_up(server, request.term)
        may = server.voted_for in (None, sender) and request.term == server.term
        if may and m.election.is_up_to_date(request.last_term, request.last_index, server.raft_log):
            base(server, request, sender)

    return on_request_vote


def waits_for_longest(base: Any, m: Modules) -> Any:
    """Draws its time-outs from the upper half of the range."""

    def be_patient(server: Any) -> None:
        least, most = server.config.election
        timer = m.raft_state.Election()
        server.set_timer(timer, server.random.randint((least + most) // 2, most))

    return be_patient


def refuses_without_a_hint(base: Any, m: Modules) -> Any:
    """Asks for everything from the beginning: wasteful, and soon done."""
    return lambda log, index: log.base_index


def halves(base: Any, m: Modules) -> Any:
    """Looks for the place where two logs part by halving."""

    def earlier(log: Any, index: int) -> int:
        return max(log.base_index, min(log.last_index, index // 2))

    return earlier


def cuts_what_it_refuses(base: Any, m: Modules) -> Any:
    """An entry that conflicts with the leader's is cut at once, not when the leader's comes."""

    def on_append_entries(server: Any, request: Any, sender: Any) -> None:
        log, prev = server.raft_log, request.prev_index
        is_other = log.base_index < prev <= log.last_index
        is_other = is_other and log.term_at(prev) != request.prev_term
        base(server, request, sender)
        if is_other and prev <= log.last_index:
            log.cut(prev)

    return on_append_entries


def saves_first(base: Any, m: Modules) -> Any:
    """Has an entry on its own disk before it sends it to others."""

    def propose(server: Any, entry: Any) -> None:
        first = server.raft_log.last_index + 1
        server.raft_log.append([entry])
        m.persistence.save_entries(server, first)
        m.replication.broadcast(server)
        m.replication.advance_commit(server)

    return propose


def tells_of_every_commit(base: Any, m: Modules) -> Any:
    """Tells its followers at once when something is committed."""

    def advance_commit(server: Any) -> None:
        before = server.commit
        base(server)
        if server.commit > before and server.role == "leader":
            m.replication.broadcast(server)

    return advance_commit


def sends_all_that_is_not_acknowledged(base: Any, m: Modules) -> Any:
    """Sends no entry ahead: each message begins behind what certainly matches."""

    def send_entries(server: Any, peer: Any) -> None:
        base(server, peer)
        progress = server.progress[peer]
        if progress.match:
            progress.next = progress.match + 1

    return send_entries


def proposes_copies(base: Any, m: Modules) -> Any:
    """Puts a command into the log as often as it is asked for it: the state machine knows it."""

    def on_request(server: Any, request: Any, client: Any) -> None:
        waiting, server.waiting = server.waiting, {}
        try:
            base(server, request, client)
        finally:
            server.waiting = {**waiting, **server.waiting} if server.role == "leader" else {}

    return on_request


def keeps_some_entries(base: Any, m: Modules) -> Any:
    """Leaves as many executed entries in the log as a snapshot may wait for: slow followers need no snapshot."""

    def compact(server: Any) -> None:
        limit, log = server.config.snapshot_after, server.raft_log
        if limit is not None and server.applied - log.base_index > 2 * limit:
            base(server)

    return compact


def snapshots_always(base: Any, m: Modules) -> Any:
    """Takes a snapshot of every entry."""

    def compact(server: Any) -> None:
        log = server.raft_log
        if server.config.snapshot_after is not None and server.applied > log.base_index:
            server.snapshot = m.persistence.copied(server.kv)
            log.forget(server.applied, log.term_at(server.applied))
            m.persistence.save_snapshot(server)

    return compact


def no_news_of_old_leaders(base: Any, m: Modules) -> Any:
    """A leader checks its quorum with every second time-out only."""

    def on_quorum_check(server: Any) -> None:
        base(server)
        if server.role == "leader":
            timer = m.raft_state.QuorumCheck()
            server.set_timer(timer, 2 * server.config.election[1])

    return on_quorum_check


def two_rounds(base: Any, m: Modules) -> Any:
    """A read waits for one round more than it must."""

    def on_read(server: Any, command: Any, client: Any) -> None:
        base(server, command, client)
        for reading in server.readings[-1:]:
            reading.round += 1
        server.round += 1
        m.replication.broadcast(server)

    return on_read


def always_a_new_file(base: Any, m: Modules) -> Any:
    """Writes its file anew with every vote."""
    return m.persistence.save_snapshot


RIGHT: dict[str, tuple[tuple[str, ...], str, Variant]] = {
    "keeps its vote from strangers": (
        ("D1", "D3"),
        "election:on_request_vote",
        keeps_its_vote_from_strangers,
    ),
    "refuses in silence": (("D1", "D3"), "election:on_request_vote", refuses_in_silence),
    "waits for long": (("D1",), "election:be_patient", waits_for_longest),
    "checks seldom": (("D1", "D4"), "election:on_quorum_check", no_news_of_old_leaders),
    "refuses without a hint": (("D2", "D4"), "replication:earlier", refuses_without_a_hint),
    "cuts what it refuses": (("D2", "D3"), "replication:on_append_entries", cuts_what_it_refuses),
    "halves": (("D2", "D4"), "replication:earlier", halves),
    "saves first": (("D2", "D3"), "replication:propose", saves_first),
    "tells of every commit": (("D2", "D4"), "replication:advance_commit", tells_of_every_commit),
    "sends nothing ahead": (
        ("D2", "D4"),
        "replication:send_entries",
        sends_all_that_is_not_acknowledged,
    ),
    "proposes copies": (("D2", "D3"), "replication:on_request", proposes_copies),
    "keeps some entries": (("D4",), "snapshots:compact", keeps_some_entries),
    "snapshots always": (("D4",), "snapshots:compact", snapshots_always),
    "two rounds": (("D4",), "reads:on_read", two_rounds),
    "always a new file": (("D1", "D3"), "persistence:save_ballot", always_a_new_file),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_and_right_passes(lab: Lab, name: str) -> None:
    codes, replaces, variant = RIGHT[name]
    for code in codes:
        part = lab.part(code)
        solution = load_solution(lab, part, "reference")
        modules = Modules(solution)
        module, _, attribute = replaces.partition(":")
        by = variant(getattr(solution.module(module), attribute), modules)
        bug = {"code": "", "part": code, "story": "", "source": "", "breaks": ""}
        patch(lab, Mutant(name=name, replaces=replaces, by=by, **bug))
        result = Grading(lab, part, solution, runs=30, keep=False).grade()
        broken = {p.code: p.broken for p in result.promises if p.broken is not None}
        assert broken == {}, code


# -- a part alone -----------------------------------------------------------------------------------------------------

MODULES = {
    "d1": ("election",),
    "d2": ("replication", "machine"),
    "d3": ("persistence",),
    "d4": ("snapshots", "reads"),
    "d5": ("members",),
}


@pytest.mark.parametrize("part", MODULES)
def test_a_part_can_be_done_though_nothing_else_is(tmp_path: Path, part: str) -> None:
    assert_done_alone(tmp_path, "2", part, MODULES[part])


# -- the judges -------------------------------------------------------------------------------------------------------


def test_points_are_those_of_the_curriculum(lab: Lab) -> None:
    assert [lab.part(code).points for code in PARTS] == [30, 30, 20, 12, 8]


@pytest.mark.parametrize("name", ["reference", "alternative"])
def test_every_play_is_played_to_its_end(lab: Lab, name: str) -> None:
    for code in PARTS:
        part = lab.part(code)
        solution = load_solution(lab, part, name)
        for directed in part.directed:
            if "play" in directed.scenario.shape:
                run = perform(part, solution, directed.scenario).run
                assert run is not None
                assert run.notes["play"].is_over, directed.name


def test_plays_end_when_they_should(lab: Lab) -> None:
    """What a play waits for comes, but where it waits for something that must not come."""
    from grading.lab2_log.quorum.troupe import Hear, Play

    waited: list[str] = []

    class Watched(Play):
        def _go_on(self, value: Any) -> None:
            if isinstance(self._waits, Hear) and value is None:
                waited.append(name)
            super()._go_on(value)

    from grading.lab2_log.quorum import scenarios

    original, scenarios.Play = scenarios.Play, Watched  # type: ignore[misc]
    try:
        for code in PARTS:
            part = lab.part(code)
            solution = load_solution(lab, part, "reference")
            for directed in part.directed:
                if "play" in directed.scenario.shape:
                    name = directed.name
                    perform(part, solution, directed.scenario)
    finally:
        scenarios.Play = original  # type: ignore[misc]
    in_vain = {
        "pre-votes of long ago",
        "a leader of the past",
        "patience",
        "a sync fails",
        "a leader that goes is gone",
        "no member",
    }
    assert set(waited) == in_vain


def test_directed_schedules_have_names_of_their_own(lab: Lab) -> None:
    for part in lab.parts:
        names = [directed.name for directed in part.directed]
        assert len(set(names)) == len(names)


def test_drawn_scenarios_are_the_same_for_the_same_numbers(lab: Lab) -> None:
    for code in PARTS:
        draw = lab.part(code).draw
        assert draw is not None
        assert draw(Random(5)) == draw(Random(5))
        assert draw(Random(5)) != draw(Random(6))


def test_every_promise_has_three_hints_and_a_place_in_the_handout(lab: Lab) -> None:
    from distlab.grade.hints import load
    from distlab.grade.solution import root

    hints = load(root() / "grading" / lab.name / "hints.toml")
    handout = (root() / "docs" / "labs" / "lab2-quorum.md").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in handout.splitlines()
        if line.startswith("##")
    }
    for code in PARTS:
        for promise in lab.part(code).promises:
            assert len(hints[promise.code]) == 3
            assert promise.page.partition("#")[2] in headings
            assert promise.code in handout
            assert f"): {promise.title}" in handout.replace("\n", " "), promise.title
