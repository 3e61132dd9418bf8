"""Directed schedules of lab 0: one for each known danger, milliseconds each; the first of each part is free of faults.

One long table per part, and nothing else: that is why this file is long.

Times. A message takes 1 ms, the front gathers for 1 ms, a sync takes 2 ms. So a call of part 0B that is made at 10 ms
reaches the front at 11, the server at 13, is durable at 15, and its answer is back at the client at 17.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, SECOND, Level
from distlab.faults import (
    Action,
    At,
    Crash,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Fault,
    Flip,
    JumpClock,
    Nth,
    Partition,
    Plan,
    Survival,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario

# -- part 0A ----------------------------------------------------------------------------------------------------------

TEXT = "account=100;amt=900"
SWAP = {"type": "SwapWords", "first": 12, "second": 16}
"""Of the body's words, "10" and "90": the text becomes account=900;amt=100."""
LOSE = {"type": "Lose"}


def _asking(
    *texts: str, gap: int = 5 * MS, queries: Any = None, responses: Any = None, faults: Any = ()
) -> Scenario:
    calls = tuple(Call(n * gap, "asker", "Ask", {"text": text}) for n, text in enumerate(texts))
    shape = {"queries": queries or {}, "responses": responses or {}}
    return Scenario(calls, Plan(tuple(faults)), shape=shape)


def _flip_bits(*bits: int) -> dict[str, Any]:
    return {"type": "FlipBits", "bits": list(bits)}


def _nth(source: str, to: str, n: int, message: str, do: Any) -> Fault:
    return Fault(Nth(source, to, n, message), do)


ID_BIT = 64
"""The lowest bit of the correlation id: with it changed, question 2 is question 3."""

DIRECTED_A = (
    Directed(
        "no trouble", "Three short questions, one after the other.", _asking("one", "two", "three")
    ),
    Directed(
        "two words change places",
        "The text arrives as account=900;amt=100, and every sum of its words is what it was.",
        _asking(TEXT, queries={"0": [SWAP]}),
    ),
    Directed(
        "two words of an answer change places",
        "The same on the way back.",
        _asking(TEXT, responses={"0": [SWAP]}),
    ),
    Directed(
        "the id of an answer is damaged",
        "A good answer comes under the id of another question that is open.",
        _asking("one", "two", "three", gap=0, responses={"1": [_flip_bits(ID_BIT)], "2": [LOSE]}),
    ),
    Directed(
        "the id of a question is damaged",
        "A good question comes under the id of another one, whose own query is lost.",
        _asking("one", "two", "three", gap=0, queries={"1": [_flip_bits(ID_BIT)], "2": [LOSE]}),
    ),
    Directed(
        "the end of a long question is damaged",
        "The last byte of a hundred.",
        _asking("a long question " * 6 + "end?", queries={"0": [_flip_bits(8 * 115 + 1)]}),
    ),
    Directed(
        "a checksum of zeros",
        "The checksum was never filled in, and the body is not what was sent.",
        _asking(TEXT, queries={"0": [{"type": "Zero", "start": 0, "count": 4}, SWAP]}),
    ),
    Directed(
        "half of the checksum still fits",
        "Its other half is damaged.",
        _asking(TEXT, queries={"0": [_flip_bits(17)]}),
    ),
    Directed(
        "cut short",
        "Three bytes arrive, then fifteen, then all but one.",
        _asking(
            "one",
            "two",
            "three",
            queries={"0": [{"type": "Cut", "keep": 3}], "1": [{"type": "Cut", "keep": 15}]},
            responses={"0": [{"type": "Cut", "keep": 20}]},
        ),
    ),
    Directed(
        "something is added at the end",
        "Eight zeros follow the frame.",
        _asking(TEXT, queries={"0": [{"type": "Pad", "count": 8}]}),
    ),
    Directed(
        "an answer comes again, late",
        "When the next questions are open.",
        _asking(
            "one",
            "two",
            "three",
            "four",
            gap=2 * MS,
            responses={"0": [{"type": "Repeat", "after": 3 * MS}]},
        ),
    ),
    Directed(
        "the first answer is lost",
        "Later ones are not.",
        _asking("one", "two", "three", responses={"0": [LOSE]}),
    ),
    Directed(
        "the first answer is damaged",
        "Later ones are not.",
        _asking("one", "two", "three", gap=0, responses={"0": [_flip_bits(200)]}),
    ),
    Directed(
        "a question comes again",
        "It was answered; the answer was lost.",
        _asking(
            "one",
            "two",
            queries={"0": [{"type": "Repeat", "after": 20 * MS}]},
            responses={"0": [LOSE]},
        ),
    ),
    Directed(
        "answers overtake each other",
        "The first question's answer takes longest.",
        _asking(
            "one",
            "two",
            "three",
            gap=0,
            faults=[_nth("echo", "switch", 1, "Response", Delay(20 * MS))],
        ),
    ),
    Directed(
        "three hundred questions at once",
        "Their ids must be as many.",
        _asking(*(f"question {n}" for n in range(300)), gap=0),
    ),
    Directed(
        "old answers come again to hundreds of later questions",
        "Copies arrive 2, 4, 8 ... 256, and 10 and 100, questions later, each when a question is open.",
        _asking(
            *(f"question {n}" for n in range(300)),
            gap=2 * MS,
            responses={
                str(n): [{"type": "Repeat", "after": 2 * MS * later - 2 * MS}]
                for n, later in enumerate((2, 4, 8, 10, 16, 32, 64, 100, 128, 255, 256))
            },
        ),
    ),
    Directed(
        "long questions",
        "Of 19, 20, 200 and 2,000 bytes.",
        _asking("x" * 19, "y" * 20, "z" * 200, "0123456789" * 200),
    ),
    Directed(
        "the same question twice",
        "Each of the two wants an answer of its own.",
        _asking("ping", "ping", gap=10 * MS),
    ),
    Directed(
        "a bit flips on the last wire",
        "After the switch, in the body.",
        _asking(TEXT, faults=[_nth("switch", "echo", 1, "Query", Flip(8 * 40))]),
    ),
)

# -- part 0B ----------------------------------------------------------------------------------------------------------


def _add(at: int, client: str, account: str, amount: int) -> Call:
    return Call(at * MS, client, "Add", {"account": account, "amount": amount})


def _adding(*calls: Call, faults: Any = (), heal_ms: int | None = None, **shape: int) -> Scenario:
    plan = Plan(tuple(faults), None if heal_ms is None else heal_ms * MS)
    return Scenario(calls, plan, shape={"clients": 1, "servers": 1, **shape})


def _at(ms: int, do: Action) -> Fault:
    return Fault(At(ms * MS), do)  # type: ignore[arg-type]


def _crash(node: str, restart_ms: int = 10) -> Crash:
    return Crash(node, restart_ms * MS, Survival.NOTHING)


LOSE_FIRST_ANSWER = _nth("front", "c0", 1, "Answer", Drop())

DIRECTED_B = (
    Directed(
        "no trouble",
        "Three deposits, one after the other.",
        _adding(_add(10, "c0", "a", 1), _add(50, "c0", "a", 10), _add(90, "c0", "b", 100)),
    ),
    Directed(
        "the answer is lost",
        "The client asks again for what has already happened.",
        _adding(_add(10, "c0", "a", 1), faults=[LOSE_FIRST_ANSWER], heal_ms=40),
    ),
    Directed(
        "the call is lost",
        "The client asks again for what has not happened.",
        _adding(
            _add(10, "c0", "a", 1), faults=[_nth("c0", "front", 1, "Call", Drop())], heal_ms=40
        ),
    ),
    Directed(
        "a crash after the answer",
        "The server answered, crashed, and the answer was lost.",
        _adding(
            _add(10, "c0", "a", 1), faults=[LOSE_FIRST_ANSWER, _at(17, _crash("s0"))], heal_ms=100
        ),
    ),
    Directed(
        "a crash after an answer that arrived",
        "All the power goes: only what was durable is there.",
        _adding(_add(10, "c0", "a", 1), faults=[_at(20, _crash("s0"))], heal_ms=100),
    ),
    Directed(
        "a crash before the sync is done",
        "What has not reached the disk must not have been answered.",
        _adding(_add(10, "c0", "a", 1), faults=[_at(14, _crash("s0"))], heal_ms=100),
    ),
    Directed(
        "a crash after the first sync",
        "Where effect and table are two writes, one of them is there.",
        _adding(
            _add(10, "c0", "a", 1), faults=[_at(16, _crash("s0")), LOSE_FIRST_ANSWER], heal_ms=100
        ),
    ),
    Directed(
        "two equal wishes",
        "Five, and once more five: not the same one twice.",
        _adding(_add(10, "c0", "a", 5), _add(50, "c0", "a", 5)),
    ),
    Directed(
        "a refusal",
        "There is nothing to take away.",
        _adding(_add(10, "c0", "m", -5)),
    ),
    Directed(
        "a refused call comes again",
        "The client was told no; meanwhile the account could afford it.",
        _adding(
            _add(10, "c0", "m", -5),
            _add(30, "c1", "m", 100),
            faults=[_nth("front", "s0", 1, "Call", Duplicate(50 * MS))],
            clients=2,
        ),
    ),
    Directed(
        "a straggler from below the bound",
        "A copy of the first call arrives long after the client has gone on.",
        _adding(
            _add(10, "c0", "a", 1),
            *(_add(30 + 20 * n, "c0", "b", 10 ** (n % 4)) for n in range(11)),
            faults=[_nth("front", "s0", 1, "Call", Duplicate(400 * MS))],
            window=4,
        ),
    ),
    Directed(
        "a straggler after a crash of the server",
        "A copy of the first call, long settled, is the first thing that the next life of the server hears of.",
        _adding(
            *(_add(10 + 20 * n, "c0", "a", 10**n) for n in range(3)),
            faults=[
                _nth("front", "s0", 1, "Call", Duplicate(200 * MS)),
                _at(70, _crash("s0")),
            ],
        ),
    ),
    Directed(
        "a new life of the client",
        "It crashes, starts again, and asks for something else.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(100, "c0", "a", 10),
            _add(120, "c0", "a", 100),
            faults=[_at(50, _crash("c0"))],
            heal_ms=100,
        ),
    ),
    Directed(
        "a new life after much work",
        "The earlier life had settled many numbers that the new one uses again.",
        _adding(
            *(_add(10 + 20 * n, "c0", "a", 10**n) for n in range(6)),
            _add(300, "c0", "b", 1),
            faults=[_at(200, _crash("c0"))],
            heal_ms=250,
        ),
    ),
    Directed(
        "a straggler from an earlier life",
        "A copy of the earlier life's call arrives when the new life has calls of its own.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(100, "c0", "a", 10),
            faults=[
                _nth("front", "s0", 1, "Call", Duplicate(300 * MS)),
                _nth("front", "s0", 2, "Call", Duplicate(400 * MS)),
                _at(50, _crash("c0")),
            ],
        ),
    ),
    Directed(
        "a new life after the clock was set back",
        "By ten seconds, on the client's machine; what a clock shows is no order of lives.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(100, "c0", "a", 10),
            faults=[_at(20, JumpClock("c0", -10 * SECOND)), _at(30, _crash("c0"))],
            heal_ms=60,
        ),
    ),
    Directed(
        "a late word from an earlier life",
        "A copy of its sixth call, with all below settled, when the new life is at its first number.",
        _adding(
            *(_add(10 + 20 * n, "c0", "a", 10**n) for n in range(6)),
            _add(300, "c0", "b", 1),
            _add(330, "c0", "b", 10),
            faults=[
                _nth("front", "s0", 6, "Call", Duplicate(205 * MS)),
                _at(200, _crash("c0")),
            ],
        ),
    ),
    Directed(
        "a refusal and a crash",
        "The client was told no. The server crashes, the account fills, and a copy of the call arrives.",
        _adding(
            _add(10, "c0", "m", -5),
            _add(60, "c1", "m", 100),
            faults=[
                _nth("front", "s0", 1, "Call", Duplicate(100 * MS)),
                _at(30, _crash("s0")),
            ],
            clients=2,
        ),
    ),
    Directed(
        "an answer to an earlier life",
        "It has the number of a question that the new life has open.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(100, "c0", "a", 10),
            faults=[
                _nth("front", "c0", 1, "Answer", Delay(120 * MS)),
                _at(15, _crash("c0")),
                _at(90, Cut("c0", "front", 500 * MS)),
            ],
            heal_ms=600,
        ),
    ),
    Directed(
        "two calls overtake each other",
        "The second number arrives first.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(10, "c0", "a", 10),
            faults=[_nth("c0", "front", 1, "Call", Delay(15 * MS))],
            heal_ms=100,
        ),
    ),
    Directed(
        "the older of two calls is lost",
        "It must be tried again while the newer one is long answered.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(12, "c0", "a", 10),
            _add(14, "c0", "a", 100),
            faults=[_nth("c0", "front", 1, "Call", Drop())],
            heal_ms=20,
        ),
    ),
    Directed(
        "calls come again out of order",
        "Copies of several calls arrive when all are answered and the client has asked for "
        "nothing new.",
        _adding(
            *(_add(10 + n, "c0", "a", 10**n) for n in range(5)),
            faults=[_nth("front", "s0", n, "Call", Duplicate(100 * MS)) for n in (1, 2, 3)],
        ),
    ),
    Directed(
        "two clients with the same numbers",
        "Number 1 of one is not number 1 of the other.",
        _adding(_add(10, "c0", "a", 1), _add(30, "c1", "a", 10), clients=2),
    ),
    Directed(
        "an answer repeated after others have paid",
        "The first answer is lost; another client's deposit comes in between.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(20, "c1", "a", 10),
            faults=[LOSE_FIRST_ANSWER],
            heal_ms=40,
            clients=2,
        ),
    ),
    Directed(
        "no answer gets through",
        "The effect is there, and the client cannot know.",
        _adding(
            _add(10, "c0", "a", 1), faults=[_at(5, Cut("front", "c0", 3 * SECOND))], heal_ms=3000
        ),
    ),
    Directed(
        "away for most of a second",
        "The network comes back well before the deadline.",
        _adding(
            _add(10, "c0", "a", 1),
            faults=[_at(5, Partition((("c0",), ("front",)), 900 * MS))],
            heal_ms=950,
        ),
    ),
    Directed(
        "away for five seconds",
        "The operation must end by its deadline all the same.",
        _adding(
            _add(10, "c0", "a", 1),
            faults=[_at(5, Partition((("c0",), ("front",)), 5 * SECOND))],
            heal_ms=5000,
        ),
    ),
    Directed(
        "twenty-four clients find the front gone",
        "All asked in the same moment. They must not come back in the same moment.",
        _adding(
            *(_add(10, f"c{n}", "abc"[n % 3], 10 ** (n // 3)) for n in range(24)),
            faults=[_at(5, Crash("front", 700 * MS))],
            heal_ms=800,
            clients=24,
        ),
    ),
    Directed(
        "three lives",
        "Each asks for one thing; each must be heard.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(110, "c0", "a", 10),
            _add(210, "c0", "a", 100),
            _add(310, "c0", "a", 1000),
            faults=[_at(60, _crash("c0")), _at(160, _crash("c0")), _at(260, _crash("c0"))],
            heal_ms=300,
        ),
    ),
    Directed(
        "two crashes of the server",
        "After the second answer, and after the third.",
        _adding(
            *(_add(10 + 20 * n, "c0", "a", 10**n) for n in range(4)),
            faults=[_at(40, _crash("s0")), _at(60, _crash("s0"))],
            heal_ms=100,
        ),
    ),
    Directed(
        "a window full of the unknown",
        "What ended as unknown must not stand in the way of what comes later.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(20, "c0", "a", 10),
            _add(2100, "c0", "a", 100),
            _add(2110, "c0", "a", 1000),
            faults=[_at(5, Cut("c0", "front", 2 * SECOND))],
            heal_ms=2050,
            window=2,
        ),
    ),
    Directed(
        "many under way when nobody answers",
        "Each is tried again for itself.",
        _adding(
            *(_add(10, "c0", "a", 10**n) for n in range(8)),
            faults=[_at(5, Cut("front", "c0", 1500 * MS))],
            heal_ms=1500,
        ),
    ),
    Directed(
        "sixty deposits through a window of four",
        "What is settled need not be remembered.",
        _adding(*(_add(10 + 20 * n, "c0", "a", 10 ** (n % 6)) for n in range(60)), window=4),
    ),
    Directed(
        "one server is out of reach, the other is busy",
        "The oldest number stays open for as long as it may; the window ends eight numbers later.",
        _adding(
            _add(10, "c0", "m", 1),
            *(_add(20 + 20 * n, "c0", "a", 1) for n in range(80)),
            faults=[_at(5, Cut("front", "s0", 3 * SECOND))],
            heal_ms=3000,
            servers=2,
        ),
    ),
)

# -- part 0C ----------------------------------------------------------------------------------------------------------


def _tune(at: int, node: str, subsystem: str, level: int) -> Call:
    return Call(
        at * MS, "console", "Tune", {"node": node, "subsystem": subsystem, "level": int(level)}
    )


DIRECTED_C = (
    # Bugs in tracing show without any fault; so the run that all of them pass is one in which nothing is asked.
    Directed("no trouble", "The nodes start, and nobody asks for anything.", _adding()),
    Directed("one request", "Client, front, server, and back.", _adding(_add(10, "c0", "a", 1))),
    Directed(
        "two requests try again",
        "Both calls are lost; the timers that try again belong to one each.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(12, "c0", "a", 10),
            faults=[_at(5, Cut("c0", "front", 150 * MS))],
            heal_ms=160,
        ),
    ),
    Directed(
        "two requests in one batch",
        "The front passes on both when one timer fires.",
        _adding(_add(10, "c0", "a", 1), _add(10, "c1", "a", 10), clients=2),
    ),
    Directed(
        "an answer is late",
        "It comes when its request has tried again; the timers that it cancels must not fire.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(80, "c0", "a", 10),
            faults=[_nth("front", "c0", 1, "Answer", Delay(60 * MS))],
            heal_ms=100,
        ),
    ),
    Directed(
        "the front crashes",
        "Its next life names spans as well, and the logs of both are read together.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(40, "c0", "a", 10),
            faults=[_at(25, Crash("front", 5 * MS))],
            heal_ms=60,
        ),
    ),
    Directed(
        "client and server crash",
        "Each in the midst of a request that is asked again.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(60, "c0", "a", 10),
            _add(60, "c1", "a", 100),
            faults=[_at(14, _crash("s0", 5)), _at(30, _crash("c0")), _at(64, _crash("s0", 5))],
            heal_ms=200,
            clients=2,
        ),
    ),
    Directed(
        "an operator turns to a client",
        "Between two of its requests; what it tells the operator is for neither.",
        _adding(
            _add(10, "c0", "a", 1),
            _tune(60, "c0", "timer", Level.DEBUG),
            _tune(70, "c0", "net", Level.ERROR),
            _add(100, "c0", "a", 10),
        ),
    ),
    Directed(
        "an operator looks closer",
        "At the messages of the server and the timers of a client, and turns both down again.",
        _adding(
            _tune(5, "s0", "net", Level.DEBUG),
            _tune(6, "c0", "timer", Level.ERROR),
            _add(10, "c0", "a", 1),
            _add(30, "c0", "a", 10),
            _tune(200, "s0", "net", Level.INFO),
            _tune(220, "c0", "timer", Level.DEBUG),
            _tune(230, "front", "net", Level.ERROR),
            _add(250, "c0", "a", 100),
            faults=[_at(28, Cut("front", "c0", 100 * MS)), _at(245, Cut("front", "c0", 100 * MS))],
            heal_ms=400,
        ),
    ),
)

# -- part 0D ----------------------------------------------------------------------------------------------------------

DIRECTED_D = (
    # As in part 0C: wrong clocks are wrong without any fault.
    Directed("no trouble", "The nodes start, and nobody asks for anything.", _adding()),
    Directed("one request", "Client, front, server, and back.", _adding(_add(10, "c0", "a", 1))),
    Directed(
        "two clients",
        "What they send first is concurrent; what they send next need not be.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(10, "c1", "a", 10),
            _add(40, "c0", "a", 100),
            _add(60, "c1", "b", 1000),
            clients=2,
        ),
    ),
    Directed(
        "two sends in a row",
        "A client asks twice before anything comes back.",
        _adding(_add(10, "c0", "a", 1), _add(10, "c0", "a", 10)),
    ),
    Directed(
        "clocks on walls are wrong",
        "The front's is set back a minute, the server's runs fast.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(40, "c0", "a", 10),
            _add(80, "c0", "a", 100),
            faults=[
                _at(5, JumpClock("s0", 10 * SECOND, 100_000)),
                _at(35, JumpClock("front", -60 * SECOND)),
                _at(60, JumpClock("c0", -5 * SECOND)),
            ],
            heal_ms=100,
        ),
    ),
    Directed(
        "a clock is set back between two messages",
        "The front's, after it has heard from somebody whose clock runs ahead.",
        _adding(
            _add(10, "c0", "a", 1),
            _add(40, "c1", "a", 10),
            _add(80, "c0", "a", 100),
            faults=[
                _at(5, JumpClock("c0", 10 * SECOND)),
                _at(5, JumpClock("front", 60 * SECOND)),
                _at(41, JumpClock("front", -120 * SECOND)),
            ],
            heal_ms=100,
            clients=2,
        ),
    ),
    Directed(
        "an old message arrives late",
        "Its stamp is far behind by then, and must not pull anybody back.",
        _adding(
            *(_add(10 + 15 * n, "c0", "a", 10**n) for n in range(4)),
            _add(12, "c1", "b", 1),
            faults=[_nth("c1", "front", 1, "Stamped", Delay(60 * MS))],
            heal_ms=200,
            clients=2,
        ),
    ),
)
