"""Recorded histories of other systems: read, translated, judged, written."""

import pytest
from msgspec.structs import replace

from distlab.check import Entry, History
from distlab.check.edn import BadHistory
from distlab.check.jepsen import read_recorded
from distlab.check.linear import MODELS, Cas, Dequeue, Read, Write, linearizable
from distlab.check.linear.recorded import guess_model, to_history, write_history
from distlab.core import Fail, Info, Ok
from distlab.core.errors import ScenarioError
from tests.check.histories import KINDS, right

EDN = """\
{:type :invoke, :process 0, :f :write, :value 1, :time 1000000, :index 0}
{:type :info, :process :nemesis, :f :partition, :value nil, :time 1500000}
{:type :invoke, :process 1, :f :cas, :value [1 2], :time 2000000}
{:type :ok, :process 0, :f :write, :value 1, :time 3000000}
{:type :fail, :process 1, :f :cas, :value [1 2], :error :mismatch, :time 4000000}
{:type :invoke, :process 0, :f :read, :value nil}
{:type :ok, :process 0, :f :read, :value 1}
{:type :invoke, :process 2, :f :write, :value 9}
{:type :info, :process 2, :f :write, :value 9, :error [:timeout 5]}
{:type :invoke, :process 3, :f :read, :value nil}
"""


def imported(text: str, model: str = "") -> History:
    recorded = read_recorded(text)
    return to_history(recorded, model or guess_model(recorded))


def test_a_file_in_edn_is_read() -> None:
    entries = imported(EDN).entries
    assert [e.operation for e in entries] == [Write(1), Cas(1, 2), Read(), Write(9), Read()]
    outcomes = [Ok(None), Fail("mismatch"), Ok(1), Info("('timeout', 5)"), None]
    assert [e.outcome for e in entries] == outcomes
    assert [e.client for e in entries] == ["0", "1", "0", "2", "3"]
    assert (entries[0].began, entries[0].ended) == (1000, 3000)
    assert (entries[0].call, entries[0].ret) == (1, 4)


def test_one_vector_of_maps_is_the_same_file() -> None:
    assert imported(f"[{EDN}]").entries == imported(EDN).entries


def test_the_order_of_lines_rules_where_times_run_backwards() -> None:
    late = EDN.replace(":time 3000000", ":time 1")
    assert imported(late).entries[0].ended == 2000


def test_json_lines_are_read_and_told_apart() -> None:
    text = """
{"type": "invoke", "process": "a", "f": "dequeue", "value": null}
{"type": "ok", "process": "a", "f": "dequeue", "value": [1, {"x": [2]}]}
"""
    (entry,) = imported(text, "queue").entries
    assert entry.operation == Dequeue()
    assert entry.outcome == Ok((1, (("x", (2,)),)))


@pytest.mark.parametrize("form", ["edn", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_writing_and_reading_gives_the_same_history(kind: str, form: str) -> None:
    """The same operations, answers and times, and so the same verdict."""
    tried = 0
    for seed in range(120):
        entries = History(right(seed, kind))
        if not entries.entries[0].call or (kind == "lock" and not all(map(is_own, entries))):
            continue
        back = to_history(read_recorded(write_history(entries, form)), kind)
        assert sorted(map(essence, back)) == sorted(map(essence, entries))
        assert linearizable(back, MODELS[kind]).is_kept
        tried += 1
    assert tried > 20


def is_own(entry: Entry) -> bool:
    return getattr(entry.operation, "holder", "") == entry.client


def essence(entry: Entry) -> str:
    return str(replace(entry, call=0, ret=0, ticket=0))


def test_without_event_ids_operations_of_one_client_must_not_touch() -> None:
    touching = [
        Entry(1, "a", Write(1), 0, 0, Ok(), 5),
        Entry(2, "a", Write(2), 5, 0, Ok(), 9),
    ]
    with pytest.raises(ScenarioError, match="a begins one operation when another of its own ends"):
        write_history(touching)


def test_a_holder_that_is_not_the_client_cannot_be_written() -> None:
    from distlab.check.linear import Acquire

    with pytest.raises(ScenarioError, match="no place for a holder"):
        write_history([Entry(1, "a", Acquire("b"), 0, 1)])


INVOKE = "{:type :invoke, :process 0, :f :write, :value 1}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{:type :ok, :process 0, :f :read, :value 1}", "line 1: process 0 completes read, which it did not invoke"),
        (INVOKE + INVOKE, "line 2: process 0 invokes write while its write of line 1 is open"),
        (INVOKE + "{:type :ok, :process 0, :f :read, :value 1}", "line 2: process 0 completes read; it invoked write"),
        (INVOKE + "{:type :ok, :process 0, :f :write, :value 2}", "line 1: write was invoked with 1 and"),
        ("{:type :begin, :process 0, :f :read}", "line 1: an event's type is invoke, ok, fail or info, not 'begin'"),
        ("{:process 0, :f :read}", "line 1: an event's type"),
        ("{:type :invoke, :f :read}", "line 1: an event needs a process, not None"),
        ("{:type :invoke, :process 1.5, :f :read}", "line 1: an event needs a process, not 1.5"),
        ("{:type :invoke, :process 0, :f 7}", "line 1: an event's f is a name, not 7"),
        ("{:type :invoke, :process 0, :f :read, :time -1}", "line 1: a time is a whole number"),
        ('{:type :invoke, :process 0, :f :read, :time "now"}', "line 1: a time is a whole number"),
        ("{:type :invoke, :process 0, :f :cas, :value 3}", "line 1: the value of cas is a pair"),
        ("{:type :invoke, :process 0, :f :fetch-add, :value 1.5}", "line 1: a counter adds whole numbers"),
        ("[1 2]", "line 1: an event is a map, not 1"),
        ("7", "line 1: an event is a map, not 7"),
        ('{"type": "invoke"', "line 1: cannot read it as JSON"),
        ('{"type": "invoke", "process": 0, "f": "read"}\n[]', "line 2: an event is an object"),
        ('{"type": "invoke", "process": 0, "f": "read", "value": ' + "[" * 90 + "]" * 90 + "}",
         "line 1: nested more than 64 deep"),
        ('{"a": ' + "[" * 9000 + "]" * 9000 + "}", "line 1: cannot read it as JSON"),
    ],
)  # fmt: skip
def test_a_malformed_history_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(BadHistory) as error:
        imported(text, "counter" if "fetch-add" in text else "cas")
    assert str(error.value).startswith(why)


def test_pairs_of_independent_keys_are_understood() -> None:
    text = """
{:type :invoke, :process 0, :f :write, :value [3 1]}
{:type :ok, :process 0, :f :write, :value [3 1]}
{:type :invoke, :process 0, :f :read, :value [3 nil]}
{:type :ok, :process 0, :f :read, :value [3 1]}
{:type :invoke, :process 0, :f :cas, :value [4 [1 2]]}
{:type :fail, :process 0, :f :cas, :value [4 [1 2]]}
"""
    operations = [e.operation for e in imported(text)]
    assert operations == [Write(1, 3), Read(3), Cas(1, 2, 4)]
    with pytest.raises(BadHistory, match="line 4: invoked with key 3") as error:
        imported(
            text.replace(
                ":ok, :process 0, :f :read, :value [3 1]", ":ok, :process 0, :f :read, :value [5 1]"
            )
        )
    assert error.value.line == 4


@pytest.mark.parametrize(
    ("names", "model"),
    [
        (["read", "write"], "register"),
        (["read", "cas"], "cas"),
        (["append"], "list"),
        (["fetch-add", "read"], "counter"),
        (["enqueue"], "queue"),
        (["contains", "add"], "set"),
        (["release"], "lock"),
        (["read", "enqueue"], ""),
        (["txn"], ""),
        ([], ""),
    ],
)
def test_a_model_is_guessed_from_the_names(names: list[str], model: str) -> None:
    text = "".join(f"{{:type :invoke, :process {i}, :f :{f}}}\n" for i, f in enumerate(names))
    assert guess_model(read_recorded(text)) == model


@pytest.mark.parametrize(
    ("answer", "model"), [("3", "counter"), ("[1 2]", "growing-set"), ("#{}", "growing-set")]
)
def test_additions_and_reads_are_told_apart_by_what_was_read(answer: str, model: str) -> None:
    text = f"""
{{:type :invoke, :process 0, :f :add, :value 3}}
{{:type :invoke, :process 1, :f :read, :value nil}}
{{:type :ok, :process 1, :f :read, :value {answer}}}
"""
    assert guess_model(read_recorded(text)) == model
