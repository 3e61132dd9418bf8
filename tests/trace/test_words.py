"""Values as a person reads them."""

from dataclasses import dataclass

from msgspec import Struct

from distlab.trace.words import plain_state, text_of


class Id(Struct, frozen=True, tag=True):
    client: str
    number: int


@dataclass
class Session:
    answers: dict[int, str]


def test_a_nodes_state_is_written_as_python_would() -> None:
    state = {
        "asked": {1: "a", "1": "b"},
        "ids": [Id("c", 1)],
        "alive": {"s1", "s0"},
        "pair": (1, b"key"),
        "session": Session({2: "yes"}),
    }
    assert plain_state(state) == {
        "asked": "{1: 'a', '1': 'b'}",
        "ids": "[Id(client='c', number=1)]",
        "alive": "{'s0', 's1'}",
        "pair": "(1, key)",
        "session": "Session(answers={2: 'yes'})",
    }


def test_bytes_that_are_no_text_are_grouped_from_the_left() -> None:
    assert text_of(b"\xff\x00\x01\x02\x03") == "0xff000102_03"
