"""Length-prefixed messages between two processes over pipes."""

from struct import Struct
from typing import IO

LENGTH = Struct("!I")


def write(stream: IO[bytes], message: bytes) -> None:
    """Write the message's length, then the message."""
    stream.write(LENGTH.pack(len(message)) + message)
    stream.flush()


def read(stream: IO[bytes]) -> bytes:
    """The next message. Raises EOFError."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
