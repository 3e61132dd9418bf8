"""What can go wrong with a log, sentence by sentence: every pair and triple is looked at."""

from itertools import combinations, pairwise

from distlab.check import History
from distlab.check.logs import Assign, Commit, Poll, Send, records_of


def faults_of(history: History, drained: bool) -> set[tuple[str, int]]:
    """Each phenomenon with the ticket of its decisive operation; those that concern the whole log with ticket 0."""
    sends = [e for e in history if isinstance(e.operation, Send)]
    polls = [e for e in history if isinstance(e.operation, Poll)]
    records = [(p, r) for p in polls for r in records_of(p)]
    told = [(r.partition, r.offset, r.value) for _, r in records]
    told += [
        (s.operation.partition, s.value, s.operation.value)
        for s in sends
        if s.is_ok and s.value is not None
    ]
    found: set[tuple[str, int]] = set()
    for one, two in combinations(set(told), 2):
        if one[:2] == two[:2]:
            found.add(("inconsistent offset", 0))
        if one[2] == two[2]:
            found.add(("duplicate", 0))
    for poll, record in records:
        send = next((s for s in sends if s.operation.value == record.value), None)
        if send is None:
            found.add(("garbage read", poll.ticket))
        elif send.is_failed:
            found.add(("aborted read", poll.ticket))
        elif poll.ended < send.began or send.operation.partition != record.partition:
            found.add(("garbage read", poll.ticket))
    for send in sends:
        if send.is_ok and all(r.value != send.operation.value for _, r in records):
            beyond = send.value is not None and any(
                r.partition == send.operation.partition and r.offset > send.value
                for _, r in records
            )
            if beyond and (drained or not any(p.is_open for p in polls)):
                found.add(("lost write", 0))
            elif drained:
                found.add(("unobserved", send.ticket))
        for other in sends:
            if (
                other.client == send.client
                and other.operation.partition == send.operation.partition
                and other.is_ok
                and send.is_ok
                and None not in (other.value, send.value)
                and other is not send
                and other.ended <= send.began
                and other.value >= send.value
            ):
                found.add(("nonmonotonic send", send.ticket))

    def step(last, record, name, ticket):
        if record.offset <= last.offset:
            found.add((f"{name[0]}nonmonotonic poll", ticket))
        elif any(p == record.partition and last.offset < o < record.offset for p, o, _ in told):
            found.add((f"{name[0]}{name[1]}", ticket))

    for poll in polls:
        for partition in {r.partition for r in records_of(poll)}:
            for one, two in pairwise(r for r in records_of(poll) if r.partition == partition):
                step(one, two, ("internal ", "poll skip"), poll.ticket)
    for client in {p.client for p in polls}:
        mine = [e for e in history if e.client == client and isinstance(e.operation, Poll | Assign)]
        for at, poll in enumerate(mine):
            if isinstance(poll.operation, Assign):
                continue
            for partition in {r.partition for r in records_of(poll)}:
                first = next(r for r in records_of(poll) if r.partition == partition)
                for before in reversed(mine[:at]):
                    if isinstance(before.operation, Assign) or before.is_open:
                        break
                    past = [r for r in records_of(before) if r.partition == partition]
                    if past:
                        step(past[-1], first, ("", "poll skip"), poll.ticket)
                        break
    commits = [e for e in history if isinstance(e.operation, Commit) and not e.is_failed]
    for commit in commits:
        op = commit.operation
        if any(
            p.is_open
            and p.client == commit.client
            and p.began <= commit.began
            and p.operation.group == op.group
            for p in polls
        ):
            continue
        floor = max(
            (
                c.operation.offset
                for c in commits
                if (c.began, c.ticket) < (commit.began, commit.ticket)
                and (c.operation.group, c.operation.partition) == (op.group, op.partition)
            ),
            default=0,
        )
        had = {
            r.offset
            for p in polls
            if p.operation.group == op.group and not p.is_open and p.ended <= commit.began
            for r in records_of(p)
            if r.partition == op.partition
        }
        if any(p == op.partition and floor <= o < op.offset and o not in had for p, o, _ in told):
            found.add(("commit too high", commit.ticket))
    return found
