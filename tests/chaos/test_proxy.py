import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.proxy import Proxy


def _answer(listener: socket.socket) -> None:
    """To every message, the same in capitals, until the listener is shut."""
    with listener:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # reset
                while block := connection.recv(1024):
                    connection.sendall(block.upper())


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """The socket of a server that takes one connection at a time."""
    path = tmp_path / "server.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    thread = threading.Thread(target=_answer, args=(listener,))
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def proxy(target: Path) -> Iterator[Proxy]:
    proxy = Proxy(target)
    yield proxy
    proxy.close()


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def _asked(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(message)
    return connection.recv(1024)


def _is_ended(connection: socket.socket) -> bool:
    """In good order, or reset because of what was still on its way."""
    try:
        return connection.recv(1024) == b""
    except ConnectionResetError:
        return True


def test_it_forwards_both_ways(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert _asked(connection, b"one") == b"ONE"
        assert _asked(connection, b"two") == b"TWO"


def test_a_cut_closes_what_is_open_and_refuses_what_is_new(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert _asked(connection, b"one") == b"ONE"
        proxy.cut()
        assert _is_ended(connection)
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)


def test_after_a_cut_it_is_restored_at_the_same_port(proxy: Proxy) -> None:
    proxy.cut()
    proxy.restore()
    with _connect(proxy) as connection:
        assert _asked(connection, b"one") == b"ONE"


def test_what_is_frozen_is_accepted_and_arrives_once_it_is_restored(proxy: Proxy) -> None:
    proxy.freeze()
    with _connect(proxy) as connection:
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            _asked(connection, b"one")
        connection.settimeout(5)
        proxy.restore()
        assert connection.recv(1024) == b"ONE"


def test_a_cut_ends_what_is_frozen(proxy: Proxy) -> None:
    proxy.freeze()
    with _connect(proxy) as connection:
        connection.sendall(b"one")
        proxy.cut()
        assert _is_ended(connection)


def test_a_server_that_is_down_closes_the_connection(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path / "nobody.sock")
    with _connect(proxy) as connection:
        assert _is_ended(connection)
    proxy.close()
