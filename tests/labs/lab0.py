"""What the tests of lab 0 share: each solution's modules, by part."""

from typing import Any

from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.solutions import Modules as Modules
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent

lab, reference = fixtures("0")


def outcomes(effects: list[Any]) -> list[Any]:
    """How operations ended."""
    return [effect.outcome for effect in effects if isinstance(effect, fx.Done)]


def client(lab: Modules, **config: Any) -> Solo:
    return Solo(lab.client.Client, lab.protocol.ClientConfig("front", **config), "c")


def server(lab: Modules) -> Solo:
    return Solo(lab.server.Server, lab.protocol.ServerConfig(), "s")


def call(lab: Modules, number: int, amount: int = 1, **more: Any) -> Any:
    """A ``Call`` as a client would send it."""
    settled, incarnation = more.pop("settled", 1), more.pop("incarnation", 1)
    account, name = more.pop("account", "a"), more.pop("client", "c")
    request = lab.protocol.RequestId(name, incarnation, number)
    return lab.protocol.Call(request, settled, account, amount)
