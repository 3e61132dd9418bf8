"""Part 0C: the layer that knows on whose behalf things are done."""

from distlab.core import MS, Level
from distlab.core.solo import Pair, Solo
from tests.labs.lab0 import Modules, lab, sent

__all__ = ["lab"]


def traced_client(lab: Modules) -> Solo:
    return Solo(lab.traced.TracedClient, lab.protocol.ClientConfig("s"), "c")


def traced_server(lab: Modules) -> Solo:
    return Solo(lab.traced.TracedServer, lab.protocol.ServerConfig(), "s")


def spans(*nodes: Solo) -> list[tuple[str, str, str]]:
    """(request, span, parent) of every span in the logs."""
    return [
        (line.fields["request"], line.fields["span"], line.fields["parent"])
        for node in nodes
        for line in node.lines
        if "parent" in line.fields
    ]


def test_the_spans_of_a_request_form_a_tree_over_hops_and_retries(lab: Modules) -> None:
    client, server = traced_client(lab), traced_server(lab)
    client.call(lab.protocol.Add("a", 5))
    client.advance(200 * MS)
    Pair(client, server).settle()
    found = spans(client, server)
    names = {span for _, span, _ in found}
    assert len(found) == len(names) > 4
    assert {request for request, _, _ in found} == {found[0][0]}
    assert [parent for _, _, parent in found if parent not in names] == [""]


def test_a_timer_works_for_the_request_that_set_it(lab: Modules) -> None:
    client = traced_client(lab)
    client.call(lab.protocol.Add("a", 1))
    client.call(lab.protocol.Add("a", 2))
    client.advance(500 * MS)
    by_call = {(each.message.id, each.span.request) for each in sent(client.effects)}
    assert len(by_call) == 2


def test_the_front_keeps_requests_apart_that_share_a_timer(lab: Modules) -> None:
    front = Solo(lab.traced.TracedFront, lab.protocol.FrontConfig(("s",)), "f")
    for number in (1, 2):
        request = lab.protocol.RequestId("c", 1, number)
        call = lab.protocol.Call(request, 1, "a", 1)
        span = lab.protocol.Span(f"r{number}", f"c.{number}")
        front.deliver(lab.protocol.Traced(span, call), "c")
    passed = sent(front.advance(1 * MS))
    assert [each.span.request for each in passed] == ["r1", "r2"]


def test_an_operators_message_is_nobodys_request(lab: Modules) -> None:
    server = traced_server(lab)
    request = lab.protocol.RequestId("c", 1, 1)
    call = lab.protocol.Call(request, 1, "a", 1)
    server.deliver(lab.protocol.Traced(lab.protocol.Span("r", "c.1"), call), "c")
    done = server.deliver(lab.protocol.SetLevel("net", Level.ERROR), "console")
    assert sent(done) == [lab.protocol.LevelSet("net", Level.ERROR)]


def test_a_level_changes_one_subsystem_at_once(lab: Modules) -> None:
    client = traced_client(lab)
    client.deliver(lab.protocol.SetLevel("timer", Level.ERROR), "console")
    client.call(lab.protocol.Add("a", 5))
    client.advance(200 * MS)
    assert {line.subsystem for line in client.lines} == {"op"}
    client.deliver(lab.protocol.SetLevel("timer", Level.DEBUG), "console")
    client.advance(400 * MS)
    assert {line.text for line in client.lines} == {"begins", "fired", "set"}


def test_a_moved_timer_is_one_timer_and_a_cancelled_one_none(lab: Modules) -> None:
    client = traced_client(lab)
    _, effects = client.call(lab.protocol.Add("a", 5))
    call = sent(effects)[0]
    span = lab.protocol.Span(call.span.request, "s.1")
    client.deliver(lab.protocol.Traced(span, lab.protocol.Answer(call.message.id, 5)), "s")
    assert client.timers == {}


def test_a_new_life_gives_new_names(lab: Modules) -> None:
    client = traced_client(lab)
    client.call(lab.protocol.Add("a", 1))
    client.advance(200 * MS)
    client.crash()
    client.start()
    client.call(lab.protocol.Add("a", 2))
    client.advance(200 * MS)
    names = [span for _, span, _ in spans(client)]
    assert len(names) == len(set(names)) > 4
