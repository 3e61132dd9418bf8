"""Session guarantees by definition, trying everything: what each read saw, and every order of the writes."""

from itertools import combinations, permutations, product

from distlab.check import History
from distlab.check.sessions import Guarantee
from distlab.check.transactions import Read, Write, steps_of
from distlab.core.values import Fail, Ok

RYW, MR, MW, WFR, ONE = list(Guarantee)[:5]
SETS = [
    frozenset(some) for size in range(6) for some in combinations((RYW, MR, MW, WFR, ONE), size)
]


def possible(history: History) -> set[frozenset[Guarantee]]:
    """The sets of guarantees that can all have held."""
    ops = [(e, steps_of(e)[0]) for e in history if not isinstance(e.outcome, Fail)]
    reads = [(e, s) for e, s in ops if isinstance(s, Read) and isinstance(e.outcome, Ok)]
    writes = [(e, s) for e, s in ops if isinstance(s, Write)]
    wanted = {(s.key, s.value) for _, s in reads if s.value is not None}
    if not wanted <= {(s.key, s.value) for _, s in writes}:
        return set()
    writes = [w for w in writes if isinstance(w[0].outcome, Ok) or (w[1].key, w[1].value) in wanted]
    acknowledged = [isinstance(e.outcome, Ok) for e, _ in writes]

    def precedes(one, two) -> bool:
        return one.client == two.client and one.began < two.began

    every = range(len(writes))
    orders = list(permutations(every))
    place = [{w: at for at, w in enumerate(order)} for order in orders]
    found: set[frozenset[Guarantee]] = set()
    subsets = [frozenset(s) for n in range(len(writes) + 1) for s in combinations(every, n)]
    so = [
        (a, b)
        for a in every
        for b in every
        if acknowledged[a] and precedes(writes[a][0], writes[b][0])
    ]
    keeps_so = {i for i in range(len(orders)) if all(place[i][a] < place[i][b] for a, b in so)}
    for saw in product(subsets, repeat=len(reads)):
        explained: dict[str, set[int]] = {}
        for (entry, step), seen in zip(reads, saw, strict=True):
            good = set()
            for i, at in enumerate(place):
                last = max(
                    (w for w in seen if writes[w][1].key == step.key), key=at.get, default=None
                )
                if (None if last is None else writes[last][1].value) == step.value:
                    good.add(i)
            explained[entry.client] = explained.get(entry.client, set(range(len(orders)))) & good
        if not all(explained.values()):
            continue
        pairs = list(zip(reads, saw, strict=True))
        followed = [
            (a, c)
            for (entry, _), seen in pairs
            for c in every
            if precedes(entry, writes[c][0])
            for a in seen
        ]
        holds = {
            RYW: all(
                w in seen
                for (entry, _), seen in pairs
                for w in every
                if acknowledged[w] and precedes(writes[w][0], entry)
            ),
            MR: all(
                one <= two
                for (first, _), one in pairs
                for (second, _), two in pairs
                if precedes(first, second)
            ),
            MW: all(a in seen for seen in saw for a, b in so if b in seen),
            WFR: all(a in seen for seen in saw for a, c in followed if c in seen),
        }
        keeps_followed = {
            i for i in range(len(orders)) if all(place[i][a] < place[i][c] for a, c in followed)
        }
        for chosen in SETS:
            if chosen in found or not all(holds[one] for one in chosen if one is not ONE):
                continue
            allowed = set(range(len(orders)))
            if MW in chosen:
                allowed &= keeps_so
            if WFR in chosen:
                allowed &= keeps_followed
            each = [allowed & good for good in explained.values()]
            if set.intersection(allowed, *each) if ONE in chosen else allowed and all(each):
                found.add(chosen)
    return found


def sequential(history: History) -> bool:
    """Some interleaving explains every read."""
    done = [e for e in history if isinstance(e.outcome, Ok)]
    doubt = [
        e
        for e in history
        if not isinstance(e.outcome, Ok | Fail) and isinstance(steps_of(e)[0], Write)
    ]
    for size in range(len(doubt) + 1):
        for some in combinations(doubt, size):
            if _interleaved([*done, *some]):
                return True
    return False


def _interleaved(entries) -> bool:
    def go(left, state) -> bool:
        if not left:
            return True
        for entry in left:
            if any(
                other.client == entry.client and other.began < entry.began
                for other in left
                if isinstance(other.outcome, Ok)
            ):
                continue
            step = steps_of(entry)[0]
            rest = [other for other in left if other is not entry]
            if isinstance(step, Write):
                if go(rest, state | {step.key: step.value}):
                    return True
            elif state.get(step.key) == step.value:
                return go(rest, state)
        return False

    return go(entries, {})
