"""Makes the decoder of messages give what it likes."""
# verdict: crashed
# says:

import msgspec

msgspec.msgpack.Decoder = lambda *_: None
msgspec.msgpack.decode = lambda *_, **__: 10


def attack(node):
    msgspec.msgpack.Decoder.decode = None
    node.send('client', 10)
