"""A stand-in for the stream of events: a proxy before the API that answers `GET /v1/events/stream` itself, with a night
of events as fast as the page takes them in. Everything else goes to the API."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

ASKED = b"GET /v1/events/stream"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    b"retry: 1000\n\nid: 0\nevent: ready\ndata: {}\n\n"
)
EPOCHS_A_SECOND = 2


class Night:
    """Serves at `url`. Each number of seconds that is put into `wanted` is sent as so many simulated seconds."""

    def __init__(self, url: str, epochs: Sequence[dict[str, Any]], progress: Sequence[dict[str, Any]]) -> None:
        """One event of each kind for each job, as the API writes it: the others are made of these."""
        address = urlsplit(url)
        self._server = address.hostname or "", address.port or 0
        self._epochs, self._progress = epochs, progress
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listening.getsockname())
        self.wanted = SimpleQueue[float]()
        self.events = 0
        self._second = 0
        Thread(target=self._serve, daemon=True).start()

    def last_epoch(self) -> int:
        """The number of the last epoch that was sent of each job."""
        return self._second * EPOCHS_A_SECOND - 1

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                Thread(target=self._answer, args=(near,), daemon=True).start()

    def _answer(self, near: socket.socket) -> None:
        far = socket.create_connection(self._server)
        Thread(target=self._back, args=(far, near), daemon=True).start()
        with suppress(OSError):
            while content := near.recv(2**16):
                if content.startswith(ASKED):
                    near.sendall(HEAD)
                    while True:
                        for piece in self._seconds(int(self.wanted.get())):
                            near.sendall(piece)
                far.sendall(content)
        far.close()

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while content := far.recv(2**16):
                near.sendall(content)

    def _seconds(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            lines = []
            for half in range(EPOCHS_A_SECOND):
                epoch = self._second * EPOCHS_A_SECOND + half
                for each in self._epochs:
                    each["epoch"] = each["metrics"]["epoch"] = epoch
                    each["metrics"]["train_loss"] = 2.0 / (1 + epoch) + (epoch % 17) / 1000
                    lines.append(f"id: {self.events}\nevent: epoch\ndata: {json.dumps(each)}\n\n")
                    self.events += 1
            for each in self._progress:
                each["progress"] |= {"epoch": epoch + 1, "percent": min(99.9, epoch / 100)}
                lines.append(f"event: progress\ndata: {json.dumps(each)}\n\n")
                self.events += 1
            self._second += 1
            yield "".join(lines).encode()
