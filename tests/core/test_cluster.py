"""Who takes part: addresses and roles."""

import pytest

from distlab.core import Node
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import ScenarioError


class Worker(Node):
    pass


def test_a_role_is_named_or_is_the_programs_name() -> None:
    cluster = Cluster({"b": Member(Worker), "a": Member(Worker, role="boss"), "c": Member(Worker)})
    assert cluster.with_role("worker") == ["b", "c"]
    assert cluster.role(cluster.with_role("boss")[0]) == "boss"
    assert list(cluster.addresses()) == ["b", "a", "c"]


@pytest.mark.parametrize("address", ["", "@leader", "*", "a/b"])
def test_an_address_is_not_something_else_in_a_plan(address: str) -> None:
    with pytest.raises(ScenarioError):
        Cluster({address: Member(Worker)})


def test_nobody_is_no_cluster() -> None:
    with pytest.raises(ScenarioError):
        Cluster({})
