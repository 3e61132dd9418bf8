"""A toy lab's protocol: a client puts, a server keeps."""

from distlab.core import Config, Message, Operation


class Put(Message, frozen=True):
    id: int


class Stored(Message, frozen=True):
    id: int


class Keep(Operation, frozen=True):
    id: int


class ClientConfig(Config, frozen=True):
    server: str
