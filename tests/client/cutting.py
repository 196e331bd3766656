"""A network that breaks every connection, sooner or later."""

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock, Thread

RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: closing sends a reset, and what is on its way is lost


class _Budget:
    """How many bytes a connection still carries, in both directions together."""

    def __init__(self, count: int) -> None:
        self._left, self._lock = count, Lock()

    def take(self, content: bytes) -> tuple[bytes, bool]:
        """What of `content` is still carried, and whether that is all of it."""
        with self._lock:
            carried = content[: self._left]
            self._left -= len(carried)
            return carried, len(carried) == len(content)


@dataclass
class Cutting:
    """A proxy at `url`, which has broken so many connections."""

    url: str
    broken: int = 0


@contextmanager
def cutting(host: str, port: int, seed: int, most_bytes: int) -> Iterator[Cutting]:
    """A proxy before a service: each connection breaks after some bytes, up to `most_bytes`."""
    chance, server = random.Random(seed), socket.create_server(("127.0.0.1", 0))

    proxy = Cutting(f"http://127.0.0.1:{server.getsockname()[1]}")

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection((host, port))
                budget = _Budget(chance.randrange(most_bytes))
                for source, target in ((near, far), (far, near)):
                    Thread(target=_carry, args=(source, target, budget, proxy), daemon=True).start()

    Thread(target=serve, daemon=True).start()
    try:
        yield proxy
    finally:
        server.close()


def _carry(source: socket.socket, target: socket.socket, budget: _Budget, proxy: Cutting) -> None:
    is_whole = True
    with suppress(OSError):
        while is_whole and (content := source.recv(2**14)):
            carried, is_whole = budget.take(content)
            target.sendall(carried)
    proxy.broken += not is_whole
    for each in (source, target):
        with suppress(OSError):
            if not is_whole:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.shutdown(socket.SHUT_RDWR)
            each.close()
