"""A proxy that cuts streams, as proxies in front of services do, and a network that says nothing any more."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread, Timer
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: closing sends a reset, and what is on its way is lost
STREAM = b"/stream"


class CuttingProxy:
    """Passes bytes on to `url`; each connection that asks for a stream is cut after `seconds`, by turns with an end of
    the connection and with a reset. While `silent` is set, nothing is passed on and nothing is closed."""

    def __init__(self, url: str, seconds: float) -> None:
        address = urlsplit(url)
        self._server, self._seconds = (address.hostname or "", address.port or 0), seconds
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listening.getsockname())
        self.cuts = 0
        self._speaks = Event()
        self._speaks.set()

    def fall_silent(self) -> None:
        self._speaks.clear()

    def speak(self) -> None:
        self._speaks.set()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(self._server)
                except OSError:
                    near.close()
                    continue
                for pair in ((near, far), (far, near)):
                    Thread(target=self._carry, args=pair, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(2**14):
                if content.startswith(b"GET ") and STREAM in content.partition(b"\r\n")[0]:
                    timer = Timer(self._seconds, self._cut, (source, target))
                    timer.daemon = True
                    timer.start()
                self._speaks.wait()
                target.sendall(content)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _cut(self, near: socket.socket, far: socket.socket) -> None:
        self.cuts += 1
        for each in (near, far):
            with suppress(OSError):
                if self.cuts % 2:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(url: str, seconds: float) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(url, seconds)
    thread = Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.speak()
        proxy.close()
        thread.join()
