"""A network that breaks: a proxy that cuts connections at random, by a seed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random

PIECE_BYTES = 4096


class Cutter:
    """Passes bytes on. Each of the first `cuts` connections is cut: once a number of bytes have gone to the server,
    which is drawn anew each time, or when the answer begins to come back. Later ones hold, so that every client
    arrives.
    """

    def __init__(self, server: tuple[str, int], seed: int, cuts: int, most_bytes: int) -> None:
        self._server, self._random, self._most_bytes = server, Random(seed), most_bytes
        self.left = cuts
        self.connections = self.cut = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listening.getsockname())

    def serve(self) -> None:
        """Until `close`."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._pass_on, args=(client, *self._limits()), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _limits(self) -> tuple[float, float]:
        """How many bytes may go there, and come back."""
        if self.left <= 0:
            return float("inf"), float("inf")
        self.left -= 1
        if self._random.random() < 0.25:
            return float("inf"), 0
        return self._random.randrange(1, self._most_bytes), float("inf")

    def _pass_on(self, client: socket.socket, there: float, back: float) -> None:
        server = socket.create_connection(self._server)
        ended = [
            threading.Thread(target=self._pump, args=(*pair, limit, (client, server)), daemon=True)
            for pair, limit in (((client, server), there), ((server, client), back))
        ]
        for thread in ended:
            thread.start()
        for thread in ended:
            thread.join()
        client.close()
        server.close()

    def _pump(
        self, source: socket.socket, sink: socket.socket, limit: float, both: tuple[socket.socket, socket.socket]
    ) -> None:
        with suppress(OSError):
            while content := source.recv(PIECE_BYTES):
                sink.sendall(content[: int(min(limit, PIECE_BYTES))])
                limit -= len(content)
                if limit <= 0:
                    self.cut += 1
                    for end in both:
                        end.shutdown(socket.SHUT_RDWR)
                    return
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(server: tuple[str, int], seed: int, *, cuts: int, most_bytes: int) -> Iterator[Cutter]:
    """Cuts each of the first `cuts` connections to `server` within `most_bytes`."""
    proxy = Cutter(server, seed, cuts, most_bytes)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
