"""The pictures of docs/concepts/isolation.md: ``python -m tests.check.pictures`` writes them."""

from pathlib import Path

from distlab.check import History
from distlab.check.isolation import isolation, to_svg
from distlab.check.transactions import Append, Read, aborted, committed

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "isolation"


def _together(*transactions: tuple[Append | Read, ...]) -> History:
    return History(
        committed(i, client, 0, 100, *steps)
        for i, (client, steps) in enumerate(zip("abcd", transactions, strict=False), 1)
    )


HISTORIES = {
    "dirty-write": _together(
        (Append("x", 1), Append("y", 1)),
        (Append("x", 2), Append("y", 2)),
        (Read("x", (1, 2)), Read("y", (2, 1))),
    ),
    "aborted-read": History(
        [aborted(1, "a", 0, 100, Append("x", 1)), committed(2, "b", 0, 100, Read("x", (1,)))]
    ),
    "intermediate-read": _together(
        (Append("x", 1), Append("x", 2)), (Read("x", (1,)),), (Read("x", (1, 2)),)
    ),
    "circular-information": _together(
        (Append("x", 1), Read("y", (2,))), (Append("y", 2), Read("x", (1,)))
    ),
    "read-skew": _together(
        (Append("x", 1), Append("y", 1)), (Read("x", ()), Read("y", (1,))), (Read("x", (1,)),)
    ),
    "lost-update": _together(
        (Read("x", ()), Append("x", 1)), (Read("x", ()), Append("x", 2)), (Read("x", (1, 2)),)
    ),
    "long-fork": _together(
        (Read("x", ()), Read("y", (1,))),
        (Append("x", 1),),
        (Read("x", (1,)), Read("y", ())),
        (Append("y", 1),),
    ),
    "write-skew": _together((Read("x", ()), Append("y", 1)), (Read("y", ()), Append("x", 2))),
    "stale-read": History(
        [committed(1, "a", 0, 10, Append("x", 1)), committed(2, "b", 20, 30, Read("x", ()))]
    ),
}


def pictures() -> dict[str, str]:
    """File name -> SVG."""
    return {
        f"{name}.svg": to_svg(isolation(history).anomalies[0]) + "\n"
        for name, history in HISTORIES.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (FOLDER / name).write_text(picture)


if __name__ == "__main__":
    main()
