"""The handler table: every mistake in a class body shows when the class is made."""

import pytest

from distlab.core import Address, Job, JobOutcome, Message, Node, Operation, Ticket, Timer
from distlab.core.errors import HandlerMistake
from distlab.core.handlers import snake


class Put(Message, frozen=True):
    id: int


class AppendEntries(Message, frozen=True):
    pass


class Tick(Timer, frozen=True):
    pass


class Retry(Timer, frozen=True):
    id: int


class Count(Job, frozen=True):
    pass


class Deposit(Operation, frozen=True):
    pass


def test_a_handler_is_named_after_what_it_takes() -> None:
    class Store(Node):
        def on_put(self, put: Put, sender: Address) -> None: ...
        def on_append_entries(self, request: AppendEntries) -> None: ...
        def on_tick(self) -> None: ...
        def on_retry(self, retry: Retry) -> None: ...
        def on_count(self, count: Count, outcome: JobOutcome) -> None: ...
        def on_deposit(self, deposit: Deposit, ticket: Ticket) -> None: ...

    assert Store.handlers == {
        Put: ("on_put", 2),
        AppendEntries: ("on_append_entries", 1),
        Tick: ("on_tick", 0),
        Retry: ("on_retry", 1),
        Count: ("on_count", 2),
        Deposit: ("on_deposit", 2),
    }


def test_a_misspelt_handler_is_refused_with_a_suggestion() -> None:
    with pytest.raises(HandlerMistake, match="must be on_append_entries"):

        class Typed(Node):
            def on_apend_entries(self, request: AppendEntries) -> None: ...

    with pytest.raises(HandlerMistake, match="Did you mean on_append_entries"):

        class Untyped(Node):
            def on_apend_entries(self, request) -> None: ...

    with pytest.raises(HandlerMistake, match="Did you mean on_tick"):

        class WithoutArguments(Node):
            def on_tik(self) -> None: ...

    with pytest.raises(HandlerMistake, match="Did you mean on_start"):

        class Lifecycle(Node):
            def on_strat(self) -> None: ...


def test_a_doubled_handler_is_refused() -> None:
    with pytest.raises(HandlerMistake, match="on_put is defined twice"):

        class Doubled(Node):
            def on_put(self, put: Put) -> None: ...
            def on_put(self, put: Put, sender: Address) -> None: ...  # noqa: F811


def test_the_number_of_arguments_is_checked() -> None:
    with pytest.raises(HandlerMistake, match="2 argument"):

        class Three(Node):
            def on_put(self, put: Put, sender: Address, more: int) -> None: ...

    with pytest.raises(HandlerMistake, match="2 argument"):

        class One(Node):
            def on_deposit(self, deposit: Deposit) -> None: ...

    with pytest.raises(HandlerMistake, match="1 argument"):

        class Two(Node):
            def on_retry(self, retry: Retry, sender: Address) -> None: ...

    with pytest.raises(HandlerMistake, match="takes 0 argument"):

        class Start(Node):
            def on_start(self, config: object) -> None: ...

    with pytest.raises(HandlerMistake, match="plain positional"):

        class Starred(Node):
            def on_put(self, put: Put, *rest: object) -> None: ...


def test_a_handler_that_would_not_run_when_called_is_refused() -> None:
    with pytest.raises(HandlerMistake, match="async"):

        class Async(Node):
            async def on_put(self, put: Put) -> None: ...

    with pytest.raises(HandlerMistake, match="yield"):

        class Generator(Node):
            def on_start(self):
                yield

    with pytest.raises(HandlerMistake, match="ordinary method"):

        class Static(Node):
            @staticmethod
            def on_put(put: Put) -> None: ...


def test_a_handler_takes_one_class_of_value() -> None:
    with pytest.raises(HandlerMistake, match="annotate"):

        class Both(Node):
            def on_put(self, put: Put | AppendEntries) -> None: ...

    with pytest.raises(HandlerMistake, match="annotate"):

        class Number(Node):
            def on_put(self, put: int) -> None: ...

    with pytest.raises(HandlerMistake, match="Define or import"):

        class Unknown(Node):
            def on_put(self, put: "Nowhere") -> None: ...  # noqa: F821


def test_classes_made_inside_a_function_are_found() -> None:
    class Local(Message, frozen=True):
        pass

    class Alarm(Timer, frozen=True):
        pass

    class Uses(Node):
        def on_local(self, message: "Local") -> None: ...
        def on_alarm(self) -> None: ...

    assert Uses.handlers == {Local: ("on_local", 1), Alarm: ("on_alarm", 0)}


class Base(Node):
    def on_put(self, put: Put, sender: Address) -> None: ...
    def on_tick(self) -> None: ...


def test_a_subclass_overrides_at_one_point_and_keeps_the_rest() -> None:
    class Mutant(Base):
        def on_put(self, put: Put) -> None:  # type: ignore[override]
            """Forgets the sender."""

    assert Mutant.handlers == {Put: ("on_put", 1), Tick: ("on_tick", 0)}
    assert Base.handlers == {Put: ("on_put", 2), Tick: ("on_tick", 0)}


def test_an_override_counts_once_whatever_it_takes() -> None:
    ours = Put

    def other_module() -> type[Node]:
        class Put(Message, frozen=True):
            pass

        class Replaced(Base):
            def on_put(self, put: Put) -> None: ...  # type: ignore[override]

        assert Put in Replaced.handlers
        return Replaced

    assert ours not in other_module().handlers


def test_handlers_come_from_all_bases_in_the_order_of_python() -> None:
    class Mixin:
        def on_retry(self, retry: Retry) -> None: ...

    class Left(Base):
        def on_append_entries(self, request: AppendEntries) -> None: ...

    class Right(Base):
        def on_put(self, put: Put) -> None: ...  # type: ignore[override]

    class Diamond(Mixin, Left, Right):
        pass

    assert Diamond.handlers == {
        Put: ("on_put", 1),
        Tick: ("on_tick", 0),
        AppendEntries: ("on_append_entries", 1),
        Retry: ("on_retry", 1),
    }


def test_a_node_has_no_init() -> None:
    with pytest.raises(HandlerMistake, match="on_start"):

        class Init(Node):
            def __init__(self) -> None: ...


@pytest.mark.parametrize(
    ("name", "snaked"),
    [
        ("Put", "put"),
        ("AppendEntries", "append_entries"),
        ("HTTPGet", "http_get"),
        ("Phase2Done", "phase2_done"),
        ("ISR", "isr"),
    ],
)
def test_snake_case_keeps_runs_of_capitals_together(name: str, snaked: str) -> None:
    assert snake(name) == snaked
