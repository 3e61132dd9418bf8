"""The ready models: register, compare-and-set register, append list, counter, FIFO queue, two sets, lock.

Each is written as a textbook would: one function from state, operation and answer to the next state. Their zones live
in modules of their own; the two must agree, and ``tests/check`` sees to it.
"""

from __future__ import annotations

from typing import Any

from distlab.check.linear import chains, elements, fifo, locks
from distlab.check.linear import operations as ops
from distlab.check.linear.model import IMPOSSIBLE, UNSAID, Model, States

# ---------------------------------------------------------------- register, compare-and-set


def _register(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Read():
            return (state,) if answer is UNSAID or answer == state else IMPOSSIBLE
        case ops.Write(value=value):
            return (value,)
        case ops.Cas(old=old, new=new):
            if answer is not UNSAID and answer != state:
                return IMPOSSIBLE
            return (new,) if state == old else (state,)
    return IMPOSSIBLE


def _register_observes(operation: Any, answer: Any) -> bool:
    match operation:
        case ops.Read():
            return True
        case ops.Cas(old=old):
            return answer is not UNSAID and bool(answer != old)
    return False


# ---------------------------------------------------------------- append list


def _list(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Append(element=element):
            return ((*state, element),)
        case ops.Read():
            if answer is UNSAID or (isinstance(answer, tuple | list) and tuple(answer) == state):
                return (state,)
    return IMPOSSIBLE


# ---------------------------------------------------------------- counter


def _counter(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.FetchAdd(amount=amount):
            said = answer is not UNSAID and answer is not None
            return IMPOSSIBLE if said and answer != state else (state + amount,)
        case ops.Read():
            return (state,) if answer is UNSAID or answer == state else IMPOSSIBLE
    return IMPOSSIBLE


# ---------------------------------------------------------------- FIFO queue


def _queue(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Enqueue(value=value):
            return ((*state, value),)
        case ops.Dequeue():
            head, rest = (state[0], state[1:]) if state else (None, state)
            return (rest,) if answer is UNSAID or answer == head else IMPOSSIBLE
    return IMPOSSIBLE


# ---------------------------------------------------------------- set: each element is an object of its own


def _element(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Insert():
            return (True,) if answer in (UNSAID, None, not state) else IMPOSSIBLE
        case ops.Remove():
            return (False,) if answer in (UNSAID, None, state) else IMPOSSIBLE
        case ops.Contains():
            return (state,) if answer in (UNSAID, state) else IMPOSSIBLE
    return IMPOSSIBLE


def _element_observes(operation: Any, answer: Any) -> bool:
    return isinstance(operation, ops.Contains) or answer is False


# ---------------------------------------------------------------- set that only grows, read as a whole


def _growing_set(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Insert(element=element):
            fits = answer in (UNSAID, None, element not in state)
            return (state | {element},) if fits else IMPOSSIBLE
        case ops.Members():
            return (state,) if answer is UNSAID or answer == state else IMPOSSIBLE
    return IMPOSSIBLE


def _growing_set_observes(operation: Any, answer: Any) -> bool:
    return isinstance(operation, ops.Members) or answer is False


# ---------------------------------------------------------------- lock


def _lock(state: Any, operation: Any, answer: Any) -> States:
    match operation:
        case ops.Acquire(holder=holder):
            if answer is False:
                return (state,) if state is not None else IMPOSSIBLE
            return ((holder,),) if state is None else IMPOSSIBLE
        case ops.Release(holder=holder):
            return (None,) if state == (holder,) else IMPOSSIBLE
    return IMPOSSIBLE


def _refused(operation: Any, answer: Any) -> bool:
    return isinstance(operation, ops.Acquire) and answer is False


def _reads(operation: Any, answer: Any) -> bool:
    return isinstance(operation, ops.Read)


# ---------------------------------------------------------------- the models

REGISTER = Model(
    name="register",
    operations=(ops.Read, ops.Write),
    initial=None,
    step=_register,
    observes=_register_observes,
    zones=chains.register,
)
CAS = Model(
    name="cas",
    operations=(ops.Read, ops.Write, ops.Cas),
    initial=None,
    step=_register,
    observes=_register_observes,
    zones=chains.register,
)
LIST = Model(
    name="list",
    operations=(ops.Read, ops.Append),
    initial=(),
    step=_list,
    observes=_reads,
    zones=chains.append_list,
)
COUNTER = Model(
    name="counter",
    operations=(ops.Read, ops.FetchAdd),
    initial=0,
    step=_counter,
    observes=_reads,
    zones=chains.counter,
)
QUEUE = Model(
    name="queue",
    operations=(ops.Enqueue, ops.Dequeue),
    initial=(),
    step=_queue,
    zones=fifo.queue,
)
SET = Model(
    name="set",
    operations=(ops.Insert, ops.Remove, ops.Contains),
    initial=False,
    step=_element,
    key=lambda operation: (operation.key, operation.element),
    observes=_element_observes,
    zones=elements.element,
)
GROWING_SET = Model(
    name="growing-set",
    operations=(ops.Insert, ops.Members),
    initial=frozenset(),
    step=_growing_set,
    observes=_growing_set_observes,
    zones=chains.growing_set,
)
LOCK = Model(
    name="lock",
    operations=(ops.Acquire, ops.Release),
    initial=None,
    step=_lock,
    observes=_refused,
    zones=locks.lock,
)

_ALL = (REGISTER, CAS, LIST, COUNTER, QUEUE, SET, GROWING_SET, LOCK)
MODELS = {model.name: model for model in _ALL}
"""By the name that ``distlab check --model`` knows."""
