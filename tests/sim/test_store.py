"""The shared store in the simulator: atomic calls, in order with their caller's syncs."""

from distlab.core import MS, NoSuchFile
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault
from distlab.sim import Simulation
from tests.sim.puppets import Puppet, Strings, both, events, ignore, play


def test_of_two_who_race_one_wins() -> None:
    sim = play(
        (0, "a", lambda me: int(me.store.put_if_absent("k", b"a"))),
        (0, "b", lambda me: int(me.store.put_if_absent("k", b"b"))),
    )
    assert [e.what[1].value for e in events(sim, "return")] == [1, 0]
    assert sim.store == {"k": b"a"}
    assert [e.what for e in events(sim, "store")] == [
        ("put_if_absent", "k", True),
        ("put_if_absent", "k", False),
    ]


def test_it_grows_moves_and_forgets() -> None:
    def act(me: Puppet) -> None:
        me.store.append("t", b"1")
        me.store.append("t", b"2")
        assert me.store.get("t", 1) == b"2"
        assert me.store.size("t") == 2
        assert me.store.rename("t", "out/1")
        assert not me.store.exists("t")
        assert me.store.keys("out/") == ["out/1"]
        me.store.put_if_absent("x", b"")
        assert not me.store.rename("out/1", "x")
        me.store.delete("x")
        try:
            me.store.get("x")
        except NoSuchFile:
            me.store.append("done", b"")

    assert play((0, "a", act)).store == {"out/1": b"12", "done": b""}


def test_what_the_cluster_was_given_is_there() -> None:
    member = Member(Puppet, Strings([], ignore, ignore))
    sim = Simulation(Cluster({"a": member}, store={"in": b"text"}))
    sim.run(1 * MS)
    assert sim.store == {"in": b"text"}


def test_a_fault_can_wait_for_a_key_and_strike_before_it_is_made() -> None:
    sim = play(
        (
            0,
            "a",
            both(lambda me: me.store.append("tmp", b"x"), lambda me: me.store.rename("tmp", "out")),
        ),
        faults=[Fault(Doing("a", "store", "out"), Crash("a"))],
    )
    assert sim.store == {"tmp": b"x"}


def test_the_store_outlives_its_nodes() -> None:
    sim = play(
        (0, "a", both(lambda me: me.store.append("k", b"x"), lambda me: me.stop("bye"))),
    )
    assert sim.store == {"k": b"x"}
