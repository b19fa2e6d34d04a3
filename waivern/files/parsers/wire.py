"""What a scan and its parser process send each other: MessagePack values, each after its length in 4 bytes."""

import struct
from typing import Any

import msgspec

LENGTH = struct.Struct(">I")
"""The length before each frame."""

READY = b"\0"
"""What the process sends first, once it has started."""


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A file to parse; its content follows in a frame of its own.

    Args:
        module: The module whose `read` parses it.
        is_text: Whether nothing is extracted unless all of it can be parsed.
        has_one_encoding: Whether the whole file is in one encoding.
        name, limit, encoding: As in `Document`.
        time_limit: The processor time that it may take. Seconds.
        memory_limit: The memory that it may take. Bytes.
    """

    module: str
    is_text: bool
    has_one_encoding: bool
    name: str
    limit: int
    encoding: str | None
    time_limit: float
    memory_limit: int


class Text(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A text format could be parsed; the encoding of the file, if it has one encoding."""

    encoding: str | None = None
    guessed: bool = False
    replaced: int = 0


class Extracted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A part."""

    content: str
    metadata: dict[str, Any]


class Unpacked(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A file inside the file."""

    name: str
    content: bytes


class Unread(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something inside the file that cannot be read; `size` is for a member that is too large."""

    name: str
    reason: str
    code: str


class End(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The last reply: parsing has ended.

    Args:
        follows_format: False for a text that is to be read as plain text.
        code, reason: Why the rest cannot be read, for programs and in words; no code if all was read, no words if the
            parser did not say more.
        is_reusable: Whether the process takes another request.
    """

    follows_format: bool = True
    reason: str = ""
    code: str = ""
    is_reusable: bool = True


Reply = Text | Extracted | Unpacked | Unread | End

_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(Request)
_reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(value: Request | Reply) -> bytes:
    """Return a value with its length before it."""
    encoded = _encoder.encode(value)
    return LENGTH.pack(len(encoded)) + encoded


def decode_request(encoded: bytes) -> Request:
    return _request_decoder.decode(encoded)


def decode_reply(encoded: bytes | bytearray) -> Reply:
    return _reply_decoder.decode(encoded)
