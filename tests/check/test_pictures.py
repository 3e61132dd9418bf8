"""The pictures in the documentation are what is drawn today, of what the page says they show."""

from distlab.check.isolation import isolation
from tests.check.pictures import FOLDER, HISTORIES, pictures

NAMES = {
    "dirty-write": "G0",
    "aborted-read": "G1a aborted read",
    "intermediate-read": "G1b intermediate read",
    "circular-information": "G1c",
    "read-skew": "G-single",
    "lost-update": "G-single",
    "long-fork": "G-nonadjacent",
    "write-skew": "G2-item",
    "stale-read": "G-single-realtime",
}


def test_the_pictures_are_current() -> None:
    """If they are not: ``python -m tests.check.pictures``, and look at them."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.svg")} == pictures()


def test_each_picture_shows_its_anomaly() -> None:
    found = {name: isolation(history).anomalies[0].name for name, history in HISTORIES.items()}
    assert found == NAMES
