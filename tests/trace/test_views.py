"""ShiViz, Perfetto, JSON lines, SVG: what is written is read back by the rules of each format."""

import json
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec import Struct

from distlab.core import Message
from distlab.core.errors import ScenarioError
from distlab.trace import Kind, Trace
from distlab.trace.causality import vector_clocks
from distlab.trace.files import Head, read, write
from distlab.trace.perfetto import to_perfetto
from distlab.trace.shiviz import PATTERN, to_shiviz
from distlab.trace.svg import to_svg
from distlab.trace.words import abbreviated, plain, short_address, text_of
from tests.cli.samples import stale_read, trace_of
from tests.trace.test_text import CRASHES, storm

# -- ShiViz -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [stale_read()[0], trace_of(CRASHES), storm(3, 5)])
def test_shiviz_reads_every_event_with_its_clock(trace: Trace) -> None:
    pattern = PATTERN.replace("(?<", "(?P<")  # JavaScript's spelling
    found = list(re.finditer(pattern, to_shiviz(trace)))
    clocks = vector_clocks(trace.events)
    assert len(found) == len(trace)
    counts: dict[str, int] = {}
    for match, event in zip(found, trace.events, strict=True):
        clock = json.loads(match["clock"])
        assert clock == clocks[event.id]
        # ShiViz refuses a log in which a host's own count does not go up by one.
        assert clock[match["host"]] == counts.get(match["host"], 0) + 1
        counts[match["host"]] = clock[match["host"]]
    assert "".join(m[0] + "\n" for m in found) == to_shiviz(trace)


# -- Perfetto ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [stale_read()[0], trace_of(CRASHES), storm(3, 5), storm(4, 2)])
def test_perfetto_slices_never_overlap_and_arrows_lie_in_slices(trace: Trace) -> None:
    entries = msgspec.json.decode(to_perfetto(trace))["traceEvents"]
    slices: dict[int, list[tuple[int, int]]] = {}
    for entry in entries:
        if entry["ph"] == "X":
            assert entry["dur"] >= 1
            slices.setdefault(entry["tid"], []).append((entry["ts"], entry["ts"] + entry["dur"]))
    for spans in slices.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    arrows = [entry for entry in entries if entry["ph"] in "sf"]
    for arrow in arrows:
        assert any(start <= arrow["ts"] < end for start, end in slices[arrow["tid"]])
    delivered = sum(1 for _ in trace.of(Kind.DELIVER))
    assert [a["id"] for a in arrows if a["ph"] == "s"] == list(range(1, delivered + 1))
    by_end = {
        phase: {a["id"]: (a["cat"], a["name"]) for a in arrows if a["ph"] == phase}
        for phase in "sf"
    }
    assert by_end["s"] == by_end["f"]
    assert all(a["bp"] == "e" for a in arrows if a["ph"] == "f")


def test_perfetto_names_threads_after_nodes_and_shows_faults() -> None:
    entries = msgspec.json.decode(to_perfetto(stale_read()[0]))["traceEvents"]
    names = {e["args"]["name"] for e in entries if e["name"] == "thread_name"}
    assert names == {"c1", "c2", "n1", "n2", "n3", "world"}
    assert any(e["ph"] == "i" and e["s"] == "t" and "dropped" in e["name"] for e in entries)


# -- JSON lines -------------------------------------------------------------------------------------


class Blob(Message, frozen=True):
    data: bytes
    inner: tuple[int, ...]


class Untagged(Struct):
    text: str


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    trace, nodes, evidence = stale_read()
    file = write(
        trace,
        tmp_path / "runs" / "a.jsonl",
        nodes=nodes,
        evidence=evidence,
        states={"1": [{}, {"x": 1}]},
    )
    again, head = read(file.read_bytes())
    assert [e._replace(what=plain(e.what)) for e in trace.events] == again.events
    assert head == Head(nodes=nodes, evidence=evidence, about={"states": {"1": [{}, {"x": 1}]}})
    assert [f.name for f in file.parent.iterdir()] == ["a.jsonl"]


def test_anything_a_program_can_send_becomes_plain() -> None:
    value = (Blob(b"hello", (1, 2)), {Untagged("a").text: {3, 1}}, b"\xff\x00", int)
    expected = [
        {"type": "Blob", "data": "hello", "inner": [1, 2]},
        {"a": [1, 3]},
        "0xff00",
        "int",
    ]
    assert plain(value) == expected
    assert plain(plain(value)) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"id": 1}\n', "line 1"),
        (b'{"trace": 1}\nnonsense\n', "line 2"),
        (b'{"trace": 99}\n', "format 99"),
    ],
)
def test_a_damaged_file_is_named_by_line(text: bytes, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        read(text, "x.jsonl")


# -- SVG --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [stale_read()[0], trace_of(CRASHES), storm(5, 4), Trace()])
def test_the_picture_is_xml_and_names_every_node(trace: Trace) -> None:
    picture = ElementTree.fromstring(to_svg(trace))
    texts = {"".join(t.itertext()) for t in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {e.node for e in trace.events if e.kind == Kind.DELIVER} <= texts


# -- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [
        ("AppendEntries", 6, "AppEnt"),
        ("AppendEntries", 13, "AppendEntries"),
        ("Val", 5, "Val"),
        ("HTTPGet", 4, "HTGe"),
    ],
)
def test_long_names_are_shortened_word_by_word(name: str, width: int, short: str) -> None:
    assert abbreviated(name, width) == short


def test_an_address_keeps_its_number() -> None:
    assert short_address("coordinator-12", 8) == "coord-12"
    assert short_address("n1", 8) == "n1"


def test_bytes_are_text_where_they_can_be() -> None:
    assert text_of(b"abc\n") == "abc\n"
    assert text_of("ä".encode()) == "ä"
    assert text_of(b"\x00\x01") == "0x0001"
