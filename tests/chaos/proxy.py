"""A network that can be cut or frozen: a TCP proxy in front of a server's socket."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

BLOCK = 65_536


class Proxy:
    """Forwards connections to `port` on this machine to the socket at `target`, until `close`."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = self._start_accepting()

    def cut(self) -> None:
        """Close every connection and refuse new ones, until `restore`."""
        _shut(self._listener)
        self._accepting.join()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._flowing.set()

    def freeze(self) -> None:
        """Accept connections and what they send, but forward nothing, until `restore`."""
        self._flowing.clear()

    def restore(self) -> None:
        """Forward again; what was frozen arrives now."""
        self._flowing.set()
        if not self._accepting.is_alive():
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._accepting = self._start_accepting()

    def close(self) -> None:
        """Cut for good, and wait for every thread."""
        self.cut()
        for thread in threading.enumerate():
            if thread.name == self._thread_name:
                thread.join()

    @property
    def _thread_name(self) -> str:
        return f"proxy {self.port}"

    def _start_accepting(self) -> threading.Thread:
        thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        with listener, suppress(OSError):  # cut
            while True:
                client, _ = listener.accept()
                with self._lock:
                    self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), name=self._thread_name, daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            with self._lock:
                self._open.add(server)
            with suppress(OSError):  # the server is down: so is the connection
                server.connect(str(self._target))
                answers = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                answers.start()
                self._pump(client, server)
                answers.join()
            with self._lock:
                self._open -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # either end is gone
            while block := source.recv(BLOCK):
                self._flowing.wait()
                sink.sendall(block)
        _shut(source)
        _shut(sink)


def _shut(connection: socket.socket) -> None:
    """Wake whoever waits on it; it is closed by the thread that serves it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
