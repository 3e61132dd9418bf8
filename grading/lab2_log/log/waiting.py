"""Judges of waiting, LOG-L1: consumers that wait for records, producers that wait for a commit."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.log import codec
from grading.lab2_log.log.books import Books, Life, books, min_insync
from labs.lab2_log.brokers import ALL, NONE, Fetch, Fetched, Produce

PROMPT = 150 * MS
"""How long after it could be answered a waiting fetch is answered."""


def long_poll(run: Run) -> Verdict:
    """LOG-L1: a waiting consumer is answered when there is something, or its time is up; not before, and not later."""
    found = books(run)
    replies = {
        (a.life, a.event.peer, a.question.id): a
        for a in found.answers
        if isinstance(a.answer, Fetched)
    }
    acks = [(done, end) for done, end in found.acknowledged(ALL)]
    for event in run.trace.of(Kind.DELIVER):
        request = event.what
        if not isinstance(request, Fetch) or request.replica or not event.node.startswith("b"):
            continue
        life = (event.node, event.incarnation)
        reply = replies.get((life, event.peer, request.id))
        due = event.time + request.max_wait
        if reply is not None and reply.asked.id == event.id:
            answer = reply.answer
            waited = reply.event.time - event.time
            is_short = len(answer.records) < request.min_bytes
            if answer.error == NONE and is_short and waited < request.max_wait:
                return broken(
                    f"{event.node} answered a consumer after {waited // MS} ms with less than it waits for",
                    event.id,
                    reply.event.id,
                    expected=f"{request.min_bytes} bytes, or an answer after {request.max_wait // MS} ms",
                    got=f"{len(answer.records)} bytes",
                )
            ended = reply.event.time
        elif reply is None:
            ended = run.time
        else:
            continue  # a repeated question
        if _was_disturbed(found, event.node, event.time, ended):
            continue
        if ended > due + PROMPT:
            return broken(
                f"{event.node} let a consumer wait for {(ended - event.time) // MS} ms",
                event.id,
                *([reply.event.id] if reply else []),
                expected=f"an answer within {request.max_wait // MS} ms, and {PROMPT // MS} more",
                got="later" if reply else "none",
            )
        for done, end in acks:
            since = max(done.event.time, event.time)
            is_for_it = done.life == life and end > request.offset and request.min_bytes <= 1
            if is_for_it and since + PROMPT < ended and done.event.time < due:
                return broken(
                    f"{event.node} had offset {request.offset} committed, and let a consumer "
                    f"that had asked for it wait for {(ended - since) // MS} ms more",
                    event.id,
                    done.event.id,
                    *([reply.event.id] if reply else []),
                    expected=f"an answer within {PROMPT // MS} ms",
                    got="later" if reply else "none",
                )
    return kept()


def producers_wait(run: Run) -> Verdict:
    """LOG-L1, for producers: answered soon after all in-sync replicas have the batch; or when the time is up."""
    found = books(run)
    replies = {(a.life, a.event.peer, a.question.id): a for a in found.answers}
    for event in run.trace.of(Kind.DELIVER):
        request = event.what
        if not isinstance(request, Produce) or request.acks != ALL:
            continue
        life = (event.node, event.incarnation)
        reply = replies.get((life, event.peer, request.id))
        if reply is not None and reply.asked.id != event.id:
            continue  # a repeated question
        ended = reply.event.time if reply else run.time
        if _was_disturbed(found, event.node, event.time, ended):
            continue
        if ended > event.time + request.timeout + PROMPT:
            return broken(
                f"{event.node} let a producer wait for {(ended - event.time) // MS} ms",
                event.id,
                *([reply.event.id] if reply else []),
                expected=f"an answer within {request.timeout // MS} ms, and {PROMPT // MS} more",
                got="later" if reply else "none",
            )
        if reply is None or reply.answer.base_offset < 0:
            continue
        end = reply.answer.base_offset + codec.opened(request.records).last_delta + 1
        since = _could_be_committed(run, found, life, event.id, end)
        if since is not None and ended > since + PROMPT:
            return broken(
                f"all replicas in sync had the batch at {reply.answer.base_offset}, and its producer "
                f"waited for {(ended - since) // MS} ms more",
                event.id,
                reply.event.id,
                expected=f"an answer within {PROMPT // MS} ms",
                got=reply.answer.error or "later",
            )
    return kept()


def _could_be_committed(run: Run, found: Books, life: Life, since: int, end: int) -> int | None:
    """When all members of the ISR had fetched up to ``end``, and were enough; None if that never came."""
    for event in found.news[life]:
        state = found.known(life, event.id) if event.id > since else None
        if state is None or state.leader != life[0] or len(state.isr) < min_insync(run):
            continue
        if not found.lacking(life, state, end, event.id):
            return event.time
    return None


def nobody_waits_too_long(run: Run) -> Verdict:
    """LOG-L1: consumers and producers."""
    verdict = long_poll(run)
    return producers_wait(run) if verdict.is_kept else verdict


def _was_disturbed(found: Books, node: str, start: int, end: int) -> bool:
    """Whether the node was down or stood still at any time in between; or any fault that slows it struck."""
    for event in found.disturbances:
        if event.kind == Kind.FAULT:
            if getattr(event.what, "node", None) == node:
                length = getattr(event.what, "duration", 0) or 0
                if event.time <= end and event.time + length >= start:
                    return True
        elif event.node == node and start <= event.time <= end:
            return True
    return False


def somebody_waited(run: Run) -> bool:
    """A consumer waited for what was not there yet, and got it."""
    return any(
        not served.question.replica
        and served.answer.records
        and served.event.time > served.asked.time + 5 * MS
        for served in books(run).served()
    )
