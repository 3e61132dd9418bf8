"""What can go wrong, sorted by whose fault it is.

* :class:`StudentError` - the node's code broke the contract in :class:`~distlab.core.Node`. The message says what
  happened, where, and what to do instead.
* :class:`EnvironmentFault` - the world misbehaved, as worlds do: a full disk, a failed read. Code may catch it. A node
  that does not catch it stops, which is a legitimate answer (fail-stop) and not an error of the program.
* :class:`ScenarioError` - the test is wrong: a plan names a node that does not exist.
* :class:`HarnessBug` - we are wrong. Please report it.
"""

from __future__ import annotations


class DistlabError(Exception):
    """Base of everything this package raises."""


class StudentError(DistlabError):
    """The node's code broke the contract."""


class HandlerMistake(StudentError):
    """A node class is not well formed: a misspelt, doubled or ill-typed handler, or shared mutable state."""


class UndeclaredState(StudentError):
    """A node keeps something in an attribute that its class body does not declare."""


class UnhandledValue(StudentError):
    """A node received a message, or asked for a timer or job, that it has no handler for."""


class BadValue(StudentError):
    """A value cannot cross a wire: wrong class, wrong field types, or more than the size limit."""


class NotConnected(StudentError):
    """A session message was sent to a peer with which no session is open."""


class SessionFull(StudentError):
    """The peer reads more slowly than we send: the session's window is full, and nothing was sent."""


class BadPath(StudentError):
    """A file name is empty, absolute, or leaves the node's own directory."""


class EnvironmentFault(DistlabError):
    """The world misbehaved; code may catch this."""


class NoSuchFile(DistlabError):
    """The file is not there: never written, deleted, or lost because its name was never synced.

    Code may catch it. Nothing is wrong with the disk, so a node that does not is in error.
    """


class DiskFull(EnvironmentFault):
    """No room left. Nothing of this write was kept."""


class DiskError(EnvironmentFault):
    """The device failed to read, write or sync (EIO)."""


class DamagedFile(EnvironmentFault):
    """A record in the middle of a file fails its checksum: bytes that were once written whole have changed."""


class StoreUnavailable(EnvironmentFault):
    """The shared store did not answer. A write may or may not have happened."""


class ScenarioError(DistlabError):
    """The scenario or fault plan is wrong."""


class HarnessBug(DistlabError):
    """Our own fault."""


class Halt(BaseException):
    """Unwinds a node's code when its process ends in mid-handler (a crash, ``stop``). Not for catching.

    A BaseException, so that ``except Exception`` in a handler cannot outlive the crash of its own node.
    """
