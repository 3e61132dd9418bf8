"""The diagram in letters: a golden picture, and what holds of every picture."""

import random
from typing import Any

import pytest

from distlab.trace import Kind, Trace
from distlab.trace.files import lines, read
from distlab.trace.scene import compose
from distlab.trace.text import diagram
from tests.cli.samples import message, stale_read, trace_of

STALE_READ = """\
  ms  c1      n1      n2      n3      c2
   0  ●       │       │       │       │       Put key=x value=1
   0  ├───── Write ───┼─✗     │       │       dropped (fault 1); key=x value=1
   1  ├Write─▶│       │       │       │       key=x value=1
   1  ├─── Write ────▶│       │       │       key=x value=1
   2  │◀ Ack ─┤       │       │       │
   2  │◀──── Ack ─────┤       │       │
   2  ○       │       │       │       │       Put: Ok
   5  │       │       │       │       ●       Get key=x
   6  │       │       │       │◀─Read─┤       key=x
   7  │       │       │       ├ Val ─▶│       value=0
>  7  │       │       │       │       !       Get: Ok 0"""


def drawn(trace: Trace, **options: Any) -> list[str]:
    return [line.text for line in diagram(trace, **options)]


def test_the_stale_read_looks_as_it_should() -> None:
    trace, nodes, evidence = stale_read()
    assert "\n".join(drawn(trace, nodes=nodes, evidence=evidence)) == STALE_READ


def test_without_letters_beyond_ascii_it_says_the_same() -> None:
    trace, nodes, evidence = stale_read()
    lines = drawn(trace, nodes=nodes, evidence=evidence, ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert (
        lines[2] == "   0  +----- Write ---+-x     |       |       dropped (fault 1); key=x value=1"
    )


def test_a_trace_from_a_file_gives_the_same_picture() -> None:
    trace, nodes, evidence = stale_read()
    again, _ = read(b"\n".join(lines(trace.events)))
    assert drawn(again, nodes=nodes, evidence=evidence) == drawn(
        trace, nodes=nodes, evidence=evidence
    )


def test_the_decisive_row_is_marked_in_words_and_style() -> None:
    trace, nodes, evidence = stale_read()
    last = diagram(trace, nodes=nodes, evidence=evidence)[-1]
    assert last.text.startswith(">")
    assert last.style == "decisive"


def test_a_cut_picture_keeps_evidence_faults_and_operations_and_says_what_is_missing() -> None:
    trace, nodes, evidence = stale_read()
    lines = drawn(trace, nodes=nodes, evidence=evidence, rows=7)
    assert len(lines) == 9  # with the heading, and the line that names the columns left out
    text = "\n".join(lines)
    assert "Get: Ok 0" in text
    assert "fault 1" in text
    assert "more not shown)" in text
    hidden = sum(
        int(line.split("(")[1].split(" ")[0]) for line in lines if "more not shown" in line
    )
    shown = [line for line in lines[1:] if "not shown" not in line]
    assert hidden + len(shown) == 11


CRASHES: list[tuple[int, str, str, int, str, Any]] = [
    (0, "a", Kind.START, 0, "", "server"),
    (0, "b", Kind.START, 0, "", "server"),
    (1000, "a", Kind.TIMER, 1, "", message("ElectionTimeout", term=2)),
    (1000, "a", Kind.SYNC, 3, "", ("wal", "/")),
    (
        2500,
        "a",
        Kind.FAULT,
        0,
        "",
        message("Crash", node="a", restart_after=5000, unsynced="nothing"),
    ),
    (2500, "a", Kind.CRASH, 0, "", "fault: nothing of the unsynced writes kept"),
    (3000, "b", Kind.FAULT, 0, "", message("Pause", node="b", duration=2000)),
    (4000, "", Kind.FAULT, 0, "", message("Partition", groups=[["a"], ["b"]], duration=1000)),
    (7500, "a", Kind.START, 0, "", "server"),
    (9000, "", Kind.HEAL, 0, "", None),
]

FAULTS = """\
  ms  a            b
 1.0  ◔            │            timer ElectionTimeout term=2
 1.0  ▪            │            sync of wal / is never done
 2.5  ✗            │            a crashes, loses all it had not synced (fault 1)
 3.0               ‖            b stands still for 2 ms (fault 2)
 4.0  ══ partition a | b for 1 ms (fault 3) ══
 5.0               ▲            b wakes (fault 2)
 5.0  ══ the partition is over (fault 3) ══
 7.5  ▲            │            a starts again
 9.0  ══ everything is mended ══"""


def test_crashes_pauses_partitions_and_their_ends_are_drawn() -> None:
    assert "\n".join(drawn(trace_of(CRASHES))) == FAULTS


def test_a_dead_node_has_no_line_and_a_paused_one_a_thin_one() -> None:
    rows = [*CRASHES[:7], (4000, "c", Kind.TIMER, 0, "", message("Tick"))]
    last = drawn(trace_of(rows), nodes=("a", "b", "c"))[-1]
    assert "┊" in last
    assert last.count("│") == 0


def test_nothing_happened_is_said() -> None:
    assert drawn(Trace()) == ["  nothing happened"]


def storm(seed: int, nodes: int) -> Trace:
    """A run in which everybody talks to everybody, in words of every length."""
    chance = random.Random(seed)
    names = [f"{chance.choice(['n', 'worker-', 'coordinator-'])}{i}" for i in range(nodes)]
    words = ["Ping", "AppendEntries", "RequestVoteResponse", "X"]
    rows: list[tuple[int, str, str, int, str, Any]] = []
    time = 0
    for _ in range(40):
        time += 1000 + chance.randrange(5000)
        one, other = chance.sample(names, 2)
        what = message(
            chance.choice(words), term=chance.randrange(9), entry="z" * chance.randrange(40)
        )
        rows.append((time, one, Kind.SEND, 0, other, what))
        if chance.random() < 0.8:
            rows.append((time + 900, other, Kind.DELIVER, len(rows), one, what))
        else:
            rows.append(
                (
                    time + 900,
                    other,
                    Kind.DROP,
                    len(rows),
                    one,
                    (what, chance.choice(["loss", "down"])),
                )
            )
        if chance.random() < 0.2:
            rows.append((time + 950, one, Kind.CRASH, 0, "", "fault: x"))
    return trace_of(rows)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("nodes", [2, 6, 9])
def test_no_line_is_wider_than_allowed_and_every_row_keeps_its_columns(
    width: int, nodes: int
) -> None:
    for seed in range(20):
        trace = storm(seed, nodes)
        for rows in (0, 12):
            lines = drawn(trace, width=width, rows=rows, evidence=(trace.events[-1].id,))
            assert max(map(len, lines)) <= width
            if rows:
                assert len([line for line in lines if "not shown:" not in line]) <= 2 * rows + 1


def test_six_nodes_fit_eighty_columns_with_names_on_the_arrows() -> None:
    text = "\n".join(drawn(storm(1, 6), width=80))
    assert "AppEn" in text or "AppendEnt" in text
    assert "no room" not in text


def test_a_message_whose_sending_is_the_evidence_is_marked_where_it_arrives() -> None:
    trace, nodes, _ = stale_read()
    marked = [line for line in drawn(trace, nodes=nodes, evidence=(18,)) if line.startswith(">")]
    assert len(marked) == 1
    assert "Val" in marked[0]


def test_evidence_of_any_kind_has_a_row() -> None:
    rows = [*CRASHES[:3], (1500, "a", Kind.WRITE, 3, "", ("append", "wal", 12))]
    assert drawn(trace_of(rows), evidence=(4,))[-2].startswith(">1.5  !")


def test_evidence_has_rows_wherever_it_lies_and_however_little_room_there_is() -> None:
    for seed in range(20):
        trace = storm(seed, 4)
        arrivals = [e for e in trace.events if e.kind in (Kind.DELIVER, Kind.DROP)]
        evidence = random.Random(seed).sample(arrivals, 4)
        scene = compose(trace, evidence=[event.id for event in evidence], rows=9)
        assert {event.id for event in evidence} <= {mark.event for mark in scene.marks}


def test_a_gap_never_stands_for_a_single_mark() -> None:
    for seed in range(20):
        trace = storm(seed, 4)
        lines = drawn(trace, rows=10, evidence=(trace.events[-1].id,))
        gaps = [i for i, line in enumerate(lines) if "more not shown" in line]
        assert not any("(1 more" in lines[i] for i in gaps if 1 < i < len(lines) - 1)


def retried(attempts: int) -> tuple[Trace, tuple[int, int]]:
    """An operation whose effect was made at once, whose answers are cut off, and which is reported as failed."""
    call, answer = message("Call", number=1), message("Answer", number=1)
    rows: list[tuple[int, str, str, int, str, Any]] = [
        (0, "", Kind.FAULT, 0, "", message("Cut", source="s", to="c", duration=10**6)),
        (0, "c", Kind.CALL, 0, "", [1, message("Add", amount=1)]),
    ]
    cause = 2
    for attempt in range(attempts):
        at = 1000 + 10_000 * attempt
        if attempt:
            rows.append((at, "c", Kind.TIMER, cause, "", message("Retry", number=1)))
            cause = len(rows)
        rows.append((at, "c", Kind.SEND, cause, "s", call))
        rows.append((at + 1000, "s", Kind.DELIVER, len(rows), "c", call))
        handled = len(rows)
        if not attempt:
            rows.append((at + 1000, "s", Kind.SYNC, handled, "", ["ledger", "/"]))
            rows.append((at + 2000, "s", Kind.SYNCED, len(rows), "", ["ledger", "/"]))
        rows.append((at + 2000, "s", Kind.SEND, handled, "c", answer))
        rows.append((at + 3000, "c", Kind.DROP, len(rows), "s", [answer, "partition"]))
    rows.append((900_000, "c", Kind.TIMER, 2, "", message("Deadline", number=1)))
    rows.append((900_000, "c", Kind.RETURN, len(rows), "", [1, message("Fail", reason="late")]))
    return trace_of(rows), (2, len(rows))


def test_a_cut_picture_shows_the_effect_and_what_the_fault_hit_and_folds_retries() -> None:
    trace, evidence = retried(attempts=9)
    lines = drawn(trace, nodes=("c", "s"), evidence=evidence, rows=10)
    text = "\n".join(lines)
    for what in ("Add amount=1", "├── Call", "on disk: ledger", "Answer", "cut off", "Deadline"):
        assert what in text
    assert "Retry" not in text
    assert text.count("more not shown") == 1
    assert lines[-1].endswith("Add: Fail: late")


def test_a_file_on_disk_whose_name_is_not_is_said_to_have_none() -> None:
    def synced(*paths: str) -> str:
        rows: list[tuple[int, str, str, int, str, Any]] = [
            (0, "a", Kind.WRITE, 0, "", ["append", "wal", 8]),
            (0, "a", Kind.SYNC, 0, "", list(paths)),
            (1000, "a", Kind.SYNCED, 2, "", list(paths)),
            (1000, "a", Kind.SYNC, 0, "", ["/"]),
            (2000, "a", Kind.SYNCED, 4, "", ["/"]),
            (2000, "a", Kind.SYNC, 0, "", ["wal"]),
            (3000, "a", Kind.SYNCED, 6, "", ["wal"]),
        ]
        return "\n".join(drawn(trace_of(rows), width=100))

    first, _, last = synced("wal").splitlines()[1:]
    assert first.endswith("on disk: wal (its name is not)")
    assert last.endswith("on disk: wal")
    assert "is not" not in synced("wal", "/")
