"""What crosses the boundary, as msgspec Structs: requests and answers go in; effects, questions and outcomes come out.

Data only. Arrays on the wire, so that decoding validates all of it in one go. A *ref* names a class or function,
``labs.lab0_rpc.protocol:Put``; an *on* names whoever a request acts as (a node's incarnation, a job), and a *handle*
something that lives inside (a generator, an object).
"""

from __future__ import annotations

from msgspec import Raw, Struct

FRAME_LIMIT = 64 * 1024 * 1024
"""Bytes of one frame: four of the largest messages."""

FLUSH_AT = 1024 * 1024
"""With so many bytes of effects waiting, the inside hands them over before it goes on."""


class Frame(Struct, frozen=True, array_like=True, gc=False):
    """One thing that crosses."""


# -- requests and answers: from outside -------------------------------------------------------------------------------


class Prepare(Frame, frozen=True, tag=0):
    """Load this solution: the first request."""

    package: str
    given: tuple[str, ...]
    """Full names of the modules whose classes are the same on both sides."""
    folders: tuple[str, ...]
    """The layers of the overlay, given files first."""
    students: tuple[str, ...]
    """Where the graded code stands: frames from there are told."""
    pins: dict[str, str]
    readable: tuple[str, ...] = ()
    """Folders that the submission may read, besides those that Python needs."""
    mutant: tuple[str, ...] = ()
    """(lab, part, solution) where a known bug is loaded instead: one of ours, so it reads the judgement, unconfined."""


class Begin(Frame, frozen=True, tag=1):
    """A new run: all nodes, jobs and handles of the last one are forgotten."""


class Import(Frame, frozen=True, tag=2):
    """Import a module; the value is a list of :data:`Member`."""

    module: str


class Start(Frame, frozen=True, tag=3):
    """Make a node, and call its ``on_start``."""

    on: int
    program: str
    address: str
    config: bytes
    level: int
    """Of its log."""


class Handle(Frame, frozen=True, tag=4):
    """Call a handler."""

    on: int
    handler: str
    value: bytes
    extra: str | int | None
    """Sender, ticket or peer."""
    outcome: bytes | None = None
    """Of a job: value in MessagePack, error, progress."""


class Probe(Frame, frozen=True, tag=5):
    """Call ``probe``."""

    on: int


class MakeJob(Frame, frozen=True, tag=6):
    """Call ``run`` of one of the student's own jobs."""

    on: int
    address: str
    ref: str
    job: bytes


class Call(Frame, frozen=True, tag=7):
    """Call a function or class, or a method of what a handle names."""

    on: int
    handle: int
    """0 where ``name`` is a ref."""
    name: str
    arguments: bytes
    """Packed: (positional, by name)."""


class Get(Frame, frozen=True, tag=8):
    """Read an attribute of what a handle names."""

    handle: int
    name: str


class Step(Frame, frozen=True, tag=9):
    """Advance a generator."""

    on: int
    handle: int


class Close(Frame, frozen=True, tag=10):
    """Close a generator."""

    on: int
    handle: int


class Where(Frame, frozen=True, tag=11):
    """In which line was this effect asked for?"""

    word: int
    """With which of the words it came, counted from the first."""
    index: int
    """Which of the effects; their number: the question itself."""


class Answer(Frame, frozen=True, tag=12):
    """To a question."""

    value: Raw


class Refuse(Frame, frozen=True, tag=13):
    """To a question: it raised this."""

    kind: str
    text: str


class Unwind(Frame, frozen=True, tag=14):
    """To a question: the process that asks has ended."""


Request = (
    Prepare | Begin | Import | Start | Handle | Probe | MakeJob | Call | Get | Step | Close | Where
)
ToInside = Request | Answer | Refuse | Unwind


# -- effects: from inside ---------------------------------------------------------------------------------------------


class Send(Frame, frozen=True, tag=0):
    to: str
    ref: str
    message: bytes


class SetTimer(Frame, frozen=True, tag=1):
    ref: str
    timer: bytes
    after: int


class CancelTimer(Frame, frozen=True, tag=2):
    ref: str
    timer: bytes


class RunJob(Frame, frozen=True, tag=3):
    ref: str
    job: bytes


class CancelJob(Frame, frozen=True, tag=4):
    ref: str
    job: bytes


class Finish(Frame, frozen=True, tag=5):
    ticket: int
    outcome: bytes
    """Packed."""


class Sync(Frame, frozen=True, tag=6):
    paths: tuple[str, ...]


class Delete(Frame, frozen=True, tag=7):
    path: str


class Connect(Frame, frozen=True, tag=8):
    peer: str


class Disconnect(Frame, frozen=True, tag=9):
    peer: str


class Line(Frame, frozen=True, tag=10):
    """A line for the log."""

    subsystem: str
    level: int
    text: str
    fields: bytes
    """Packed."""


class SetLevel(Frame, frozen=True, tag=11):
    subsystem: str
    level: int


class Print(Frame, frozen=True, tag=12):
    text: str


class Introduce(Frame, frozen=True, tag=13):
    """A class of the student's own, before its first value crosses."""

    ref: str
    kind: str
    fields: tuple[Field, ...]
    tag: str | int | None
    tag_field: str | None
    is_array: bool
    omits_defaults: bool
    result: Raw
    """Sketch of what a job returns."""


class Field(Frame, frozen=True):
    """One field of such a class."""

    name: str
    encode_name: str
    sketch: Raw
    """Its type: see :mod:`distlab.grade.sealed.sketch`."""
    default: bytes | None
    """Packed."""
    factory: str = ""
    """``list``, ``dict`` or ``set``: what makes the default anew each time."""


Effect = (
    Send
    | SetTimer
    | CancelTimer
    | RunJob
    | CancelJob
    | Finish
    | Sync
    | Delete
    | Connect
    | Disconnect
    | Line
    | SetLevel
    | Print
    | Introduce
)


# -- outcomes and questions: from inside ------------------------------------------------------------------------------


class Place(Frame, frozen=True):
    """A line of the student's code."""

    file: str
    line: int
    function: str
    is_asked_by_others: bool = False
    """Whether a module that is not theirs, and that this line called, asked for the effect."""


class Value(Frame, frozen=True, tag=0):
    """It returned."""

    value: bytes


class Yielded(Frame, frozen=True, tag=1):
    """The generator goes on."""

    value: bytes


class Ended(Frame, frozen=True, tag=2):
    """The generator returned."""

    value: bytes


class Raised(Frame, frozen=True, tag=3):
    """It raised."""

    kind: str
    text: str
    places: tuple[Place, ...]


class Unwound(Frame, frozen=True, tag=4):
    """It ended because its process had ended."""


class Hung(Frame, frozen=True, tag=5):
    """Not the end of anything: where the program stands, said in its last moment."""

    places: tuple[Place, ...]


class Ask(Frame, frozen=True, tag=6):
    """A question, from the table in :mod:`distlab.grade.sealed.answers`."""

    verb: str
    arguments: Raw


Outcome = Value | Yielded | Ended | Raised | Unwound
Word = Outcome | Hung | Ask


class Said(Frame, frozen=True):
    """Everything that the inside says: effects, and then a question or an outcome."""

    effects: list[Effect]
    word: Word


# -- descriptions of modules ------------------------------------------------------------------------------------------


class NodeMember(Frame, frozen=True, tag="node"):
    """A node class."""

    name: str
    ref: str
    handlers: tuple[tuple[str, str, int], ...]
    """(ref of the class it takes, its name, how many arguments)."""
    config: str | None
    """Ref of its config's class, where that is a given one."""


class ValueMember(Frame, frozen=True, tag="value"):
    """A value, packed."""

    name: str
    value: bytes


class StructMember(Frame, frozen=True, tag="struct"):
    """A class that crosses: given, or introduced."""

    name: str
    ref: str


class FunctionMember(Frame, frozen=True, tag="function"):
    name: str
    ref: str


class ClassMember(Frame, frozen=True, tag="class"):
    """Any other class: its objects stay inside."""

    name: str
    ref: str
    base: str | None
    """Ref of the first given class that it inherits from."""
    methods: tuple[str, ...]
    statics: tuple[str, ...]
    """Methods that need no object."""
    values: bytes
    """Packed: other attributes of the class."""


Member = NodeMember | ValueMember | StructMember | FunctionMember | ClassMember
