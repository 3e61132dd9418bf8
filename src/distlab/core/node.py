"""The base class of everything that students write. Its docstring is the contract; the worlds implement it.

No clock, no socket, no thread and no randomness may live here or in a subclass: a node is a deterministic function of
its state and of the events that it is handed, and acts only through the methods below.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any, ClassVar

from distlab.core.context import Context
from distlab.core.disk import Disk
from distlab.core.errors import BadValue, HandlerMistake
from distlab.core.handlers import HandlerNamespace, Handlers, all_handlers
from distlab.core.log import Log
from distlab.core.state import (
    check_class_body,
    check_declared,
    config_class,
    declared_fields,
    state_of,
)
from distlab.core.store import Store
from distlab.core.values import Address, Job, Message, Operation, Outcome, Ticket, Timer


class _NodeMeta(type):
    """Only there to see a class body being written: a plain ``__init_subclass__`` comes too late for doubled names."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **kwargs: Any) -> HandlerNamespace:
        return HandlerNamespace()

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any
    ) -> _NodeMeta:
        return super().__new__(cls, name, bases, dict(body), **kwargs)


class Node(metaclass=_NodeMeta):
    """A process of a distributed program: state, handlers, and effects.

    **Handlers.** A world calls one handler at a time, to its end; a handler never blocks, sleeps or loops for long.

    ========================================  ==================================================================
    ``on_start(self)``                        at every start, also after a crash: state is empty, the disk is not
    ``on_<message>(self, message, sender)``   a message arrived
    ``on_<timer>(self, timer)``               a timer expired
    ``on_<job>(self, job, outcome)``          a job has ``Finished`` or ``Failed``
    ``on_<operation>(self, op, ticket)``      this client is asked to do something; answer with ``finish``
    ``on_connect(self, peer)``                a session with ``peer`` is open
    ``on_disconnect(self, peer)``             it is over: nothing sent in it arrives after this
    ``on_sync_failed(self, path, error)``     a sync failed; by default the node stops, as any sane database does
    ========================================  ==================================================================

    ``<message>`` is the class's name in snake case, and the annotation of the first parameter says which class is
    meant: ``def on_append_entries(self, request: AppendEntries, sender: Address)``. A value for which there is no
    handler is an error of the program.

    **State** is declared by annotations in the class body and assigned in ``on_start``; there is no ``__init__``. It
    consists of plain values: numbers, strings, bytes, lists, tuples, dicts, sets, Structs, dataclasses. A crash
    takes it.

    **Effects** are carried out in the order in which the program asks for them, over the node's whole life:
    whatever is sent, streamed or finished after a ``disk.sync``, in this handler or any later one, leaves only once
    that sync is done. A crash may come between any two effects, but not between the lines around them.

    ================================  ==========================================================================
    ``send(to, message)``             a datagram: may be lost, repeated, overtaken; a ``SessionMessage`` travels in
                                      its session: in order, none missing, until ``on_disconnect``
    ``connect(peer)``                 open a session; both sides get ``on_connect``, or this one ``on_disconnect``
    ``set_timer(timer, after)``       call ``on_<timer>`` once, ``after`` microseconds from now; an equal timer that
                                      is already set is moved, not doubled
    ``cancel_timer(timer)``           it will not fire; no error if it was not set
    ``run_job(job)``, ``cancel_job``  long work beside the node; an equal job that is running is left to run
    ``disk``                          this node's files: :class:`~distlab.core.Disk`
    ``store``                         the shared object store: :class:`~distlab.core.Store`
    ``begin(op)``, ``finish(t, o)``   for clients: what enters the history, with outcome ``Ok``, ``Fail`` or ``Info``
    ``stop(reason)``                  end this process, at once; does not return
    ``now()``                         this node's clock, microseconds; may be skewed, and may jump
    ``monotonic()``                   microseconds since some moment before the start; never goes back
    ``random``                        this node's own stream (a ``random.Random``)
    ``log``                           structured log with a level per subsystem: :class:`~distlab.core.Log`
    ================================  ==========================================================================

    **When things go wrong.** An exception that escapes a handler is an error of the program, but for an
    :class:`~distlab.core.EnvironmentFault` (a full disk, a failed read): that stops the node, as a crash would.
    """

    config: Any
    """What this node was told at its start. Annotate it with the lab's Config class."""

    handlers: ClassVar[Handlers] = {}
    """Value class -> (handler's name, number of arguments). Worked out when the class is made."""

    own_handlers: ClassVar[Handlers] = {}
    """Those of them that the class itself defines."""

    state_fields: ClassVar[tuple[str, ...]] = ()
    """Names of the declared state."""

    _context: Context

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            raise HandlerMistake(
                f"{cls.__name__}: a node has no __init__; assign its state in on_start"
            )
        scope = sys._getframe(
            2
        ).f_locals  # the frame of the class statement, for classes made inside functions
        check_class_body(cls)
        cls.own_handlers, cls.handlers = all_handlers(cls, scope)
        cls.state_fields = tuple(name for name in declared_fields(cls) if name not in _NOT_STATE)
        for name in cls.state_fields:
            if hasattr(Node, name):
                raise HandlerMistake(
                    f"{cls.__name__}.{name}: every node has '{name}' already; give this state another name"
                )

    # -- life -------------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Called at every start. Assign all state here; read the disk if there is anything to recover."""

    def on_connect(self, peer: Address) -> None:
        """A session with ``peer`` is open."""

    def on_disconnect(self, peer: Address) -> None:
        """The session with ``peer`` is over, or could not be opened."""

    def on_sync_failed(self, path: str, error: str) -> None:
        """A sync failed. What was not yet durable may be lost, and a second sync that succeeds proves nothing."""
        self.stop(f"sync of {path} failed: {error}")

    def probe(self) -> Any:
        """A small public view of the state, where a lab's protocol asks for one; a Struct that the lab defines."""
        return None

    # -- effects ----------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """This node's own name."""
        return self._context.address

    def send(self, to: Address, message: Message) -> None:
        self._context.send(to, message)

    def connect(self, peer: Address) -> None:
        self._context.connect(peer)

    def disconnect(self, peer: Address) -> None:
        self._context.disconnect(peer)

    def set_timer(self, timer: Timer, after: int) -> None:
        self._context.set_timer(timer, after)

    def cancel_timer(self, timer: Timer) -> None:
        self._context.cancel_timer(timer)

    def run_job(self, job: Job) -> None:
        self._context.run_job(job)

    def cancel_job(self, job: Job) -> None:
        self._context.cancel_job(job)

    def begin(self, operation: Operation) -> Ticket:
        return self._context.begin(operation)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        self._context.finish(ticket, outcome)

    def stop(self, reason: str) -> None:
        self._context.stop(reason)

    def now(self) -> int:
        return self._context.now()

    def monotonic(self) -> int:
        return self._context.monotonic()

    @property
    def random(self) -> Random:
        return self._context.random

    @property
    def disk(self) -> Disk:
        return self._context.disk

    @property
    def store(self) -> Store:
        return self._context.store

    @property
    def log(self) -> Log:
        return self._context.log

    # -- for worlds -------------------------------------------------------------------------------------------

    def attach(self, context: Context) -> None:
        """Give the node its world. Once, before ``on_start``; not for students."""
        wanted = config_class(type(self))
        if wanted is not None and not isinstance(context.config, wanted):
            got = "nothing" if context.config is None else f"a {type(context.config).__name__}"
            raise BadValue(
                f"{type(self).__name__} needs a {wanted.__name__} as its config, got {got}"
            )
        self._context = context
        self.config = context.config

    def state(self) -> dict[str, Any]:
        """Declared state, name -> live value. Raises ``UndeclaredState`` where the node keeps more than it declares."""
        check_declared(self, self.state_fields)
        return state_of(self, self.state_fields)

    def __repr__(self) -> str:
        fields = ", ".join(
            f"{name}={value!r}" for name, value in state_of(self, self.state_fields).items()
        )
        return f"{type(self).__name__}({fields})"


_NOT_STATE = frozenset(("config", "handlers", "state_fields", "_context"))
