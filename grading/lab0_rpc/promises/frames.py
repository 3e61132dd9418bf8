"""Part 0A: no damaged byte gets through, and each answer finds its question.

The judge keeps its own idea of what travelled whole: the frames that the asker and the echo server themselves sent.
Whatever else arrives has been changed on the way, whichever checksum it carries.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from distlab.check import Entry, Verdict, broken, kept
from distlab.grade.lab import Promise, Run, Situation
from distlab.trace import Event, Kind
from grading.lab0_rpc import vectors
from grading.lab0_rpc.promises import dropped, messages

PAGE = "labs/lab0.md#part-0a-frames"


def _text(entry: Entry) -> str:
    ask: Any = entry.operation
    return str(ask.text)


def _echo_of(text: str) -> str:
    return text[::-1]


def _sent_by(run: Run, node: str, name: str) -> dict[bytes, list[Event]]:
    """Frames that a node sent, each with its sends."""
    found: dict[bytes, list[Event]] = {}
    for event in messages(run, Kind.SEND, name):
        if event.node == node:
            found.setdefault(event.what.frame, []).append(event)
    return found


def no_damaged_byte(run: Run) -> Verdict:
    """Every answer of the echo server is to a frame that the asker sent; every Ok is the echo of some question."""
    asked = _sent_by(run, "asker", "Query")
    deliveries = {e.id: e for e in messages(run, Kind.DELIVER, "Query") if e.node == "echo"}
    for response in messages(run, Kind.SEND, "Response"):
        query = deliveries.get(response.cause)
        if response.node == "echo" and query is not None and query.what.frame not in asked:
            return broken(
                "the echo server answered a question that had been damaged on its way",
                query.id,
                response.id,
                expected="no answer: nobody had sent that frame",
                got=f"an answer to {query.what.frame[16:]!r}",
            )
    echoes = {_echo_of(_text(entry)) for entry in run.history}
    for entry in run.history:
        if entry.is_ok and entry.value not in echoes:
            return broken(
                f"the answer to {_text(entry)!r} was damaged, and was believed",
                entry.call,
                entry.ret,
                expected=_echo_of(_text(entry)),
                got=entry.value,
            )
    return kept()


def answers_find_their_questions(run: Run) -> Verdict:
    """No Ok is the echo of another question."""
    echoes = {_echo_of(_text(entry)) for entry in run.history}
    for entry in run.history:
        expected = _echo_of(_text(entry))
        if entry.is_ok and entry.value in echoes and entry.value != expected:
            return broken(
                f"the question {_text(entry)!r} got the answer to another one",
                entry.call,
                entry.ret,
                expected=expected,
                got=entry.value,
            )
    return kept()


def whole_packets_work(run: Run) -> Verdict:
    """A question is sent when it is asked; a whole query is answered; a whole answer ends its question."""
    queries: dict[int, Event] = {}
    for query in messages(run, Kind.SEND, "Query"):
        if query.node == "asker" and queries.setdefault(query.cause, query) is not query:
            return broken("a question was sent twice", queries[query.cause].id, query.id)
    asked = _sent_by(run, "asker", "Query")
    for entry in run.history:
        if entry.call not in queries:
            return broken(f"{_text(entry)!r} was asked for, and no query was sent", entry.call)
    answered: dict[int, Event] = {}
    for answer in messages(run, Kind.SEND, "Response"):
        if answer.node == "echo" and answered.setdefault(answer.cause, answer) is not answer:
            return broken("one query was answered twice", answered[answer.cause].id, answer.id)
    meant_for = {query.what.frame: call for call, query in queries.items()}
    answer_to: dict[bytes, int] = {}
    for query in messages(run, Kind.DELIVER, "Query"):
        if query.node != "echo" or query.what.frame not in asked:
            continue
        response = answered.get(query.id)
        if response is None:
            return broken("a query arrived whole, and was not answered", query.id)
        answer_to[response.what.frame] = meant_for[query.what.frame]
    returns = {entry.call: entry.ret for entry in run.history if entry.is_ok}
    handed = [e.id for e in run.trace.of(Kind.DELIVER, Kind.CALL) if e.node == "asker"]
    next_after = dict(pairwise([*handed, 1 << 62]))  # whatever a handler does has lower ids
    for response in messages(run, Kind.DELIVER, "Response"):
        call = answer_to.get(response.what.frame) if response.node == "asker" else None
        if call is not None and not 0 < returns.get(call, 0) < next_after[response.id]:
            return broken(
                "an answer arrived whole, and its question is still open", call, response.id
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def _damaged(run: Run, name: str, source: str, at: str) -> bool:
    whole = _sent_by(run, source, name)
    return any(
        e.node == at and e.what.frame not in whole for e in messages(run, Kind.DELIVER, name)
    )


def _words_swapped(run: Run) -> bool:
    """A frame arrived that has the same sum of words as one that was sent, and is not one."""

    def words(frame: bytes) -> list[bytes]:
        return sorted(frame[at : at + 2] for at in range(0, len(frame), 2))

    whole = _sent_by(run, "asker", "Query")
    sums = [words(frame) for frame in whole]
    return any(
        e.node == "echo" and e.what.frame not in whole and words(e.what.frame) in sums
        for e in messages(run, Kind.DELIVER, "Query")
    )


def _overtaken(run: Run) -> bool:
    returned = [entry.ret for entry in run.history if entry.is_ok]
    return returned != sorted(returned)


def _answered_twice(run: Run) -> bool:
    arrived = [e.what.frame for e in messages(run, Kind.DELIVER, "Response") if e.node == "asker"]
    return len(arrived) != len(set(arrived))


PROMISES = (
    Promise(
        code="RPC-S1",
        title="a frame is laid out as the protocol says, under a CRC-32C that every small damage shows",
        points=4,
        exams=(
            vectors.CRC_VECTORS,
            vectors.LAYOUT,
            vectors.ROUND_TRIP,
            vectors.DAMAGE,
            vectors.WRONG_LENGTH,
            vectors.HOSTILE_BYTES,
        ),
        page=PAGE,
    ),
    Promise(
        code="OP-S3",
        title="no damaged byte reaches the application",
        points=5,
        judge=no_damaged_byte,
        needs=(
            Situation(
                "a damaged query reached the echo server",
                lambda run: _damaged(run, "Query", "asker", "echo"),
            ),
            Situation(
                "a damaged response reached the asker",
                lambda run: _damaged(run, "Response", "echo", "asker"),
            ),
            Situation("two words of a query had changed places", _words_swapped),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S2",
        title="an answer belongs to its question",
        points=3,
        judge=answers_find_their_questions,
        needs=(
            Situation("an answer overtook that of an earlier question", _overtaken),
            Situation("an answer came twice", _answered_twice),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-L1",
        title="a question whose packets arrive whole is answered, at the price of one packet each way",
        points=3,
        judge=whole_packets_work,
        needs=(
            Situation("a packet was lost on its way", dropped),
            Situation(
                "a question stayed open while a later one was answered",
                lambda run: any(
                    entry.is_open and any(e.is_ok and e.began > entry.began for e in run.history)
                    for entry in run.history
                ),
            ),
        ),
        page=PAGE,
    ),
)
