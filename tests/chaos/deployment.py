"""The service under test: database, broker, API and workers as processes of their own."""

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import redis
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from migrations import migrate
from models import DEFAULT_PROJECT, Database
from tests.chaos import contract, history
from tests.chaos.contract import Backend
from tests.chaos.disk import Disk
from tests.chaos.programs import Command, Program, Watch, send
from tests.chaos.proxy import Proxy
from tests.chaos.servers import PostgreSQL, broker

MOST_WORKERS = 4
START_SECONDS = 90.0
DRAIN_SECONDS = 45.0
LOOK_SECONDS = 0.1

# Searched for in everything that the service leaves behind.
CANARIES = {
    "the database's password": "canary-database-4d1f",
    "the broker's password": "canary-broker-9e2a",
    "the storage's key": "canary-storage-71bc",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How many workers there are, at most MOST_WORKERS, how many jobs each trains at once, and how many are asked for.

    With fewer in flight than there are slots, a lost job finds a free one; with more, the queue is under test.
    """

    workers: int = 2
    slots: int = 1
    in_flight: int = 4
    quota: int | None = None  # the project's max_running_jobs


class Deployment:
    """A running service, its logs in `folder / "logs"`; `running` makes one."""

    def __init__(self, folder: Path, backend: Backend, size: Size, fence: str | None, stack: ExitStack) -> None:
        self.backend, self.size = backend, size
        self.away: set[str] = set()  # of "database", "broker" and "disk", what a fault keeps from everybody
        self.damaged: set[str] = set()  # checkpoints that a fault has damaged, by their names in the storage
        self.data, self.logs = folder / "data", folder / "logs"
        self.logs.mkdir()
        self.data.mkdir()
        self.disk = Disk(self.data / contract.STORAGE_FOLDER)
        stack.callback(self.disk.close)
        self.database_disk = Disk(self.data / "database")  # SQLite's files lie there
        stack.callback(self.database_disk.close)
        # The path of a socket may have 107 characters.
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="epochal-", ignore_cleanup_errors=True)))
        self._start_servers(sockets, stack)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = self._environment()
        self.api = Program(Command("api", _module("api", fence), environment, self.logs / "api.log"))
        cores = sorted(os.sched_getaffinity(0))
        # A worker computes with as many threads as it may use cores, and the weights depend on how many.
        self.workers = [
            Program(
                Command(
                    f"worker-{number}",
                    _module("worker", fence),
                    environment,
                    self.logs / f"worker-{number}.log",
                    core=cores[number % len(cores)],
                )
            )
            for number in range(size.workers)
        ]

    @property
    def database_file(self) -> Path:
        """Of SQLite."""
        return self.data / "database" / "epochal.db"

    @property
    def programs(self) -> list[Program]:
        """All of them, in the order in which they start."""
        return [*self._servers, self.api, *self.workers]

    def start(self) -> None:
        """Returns when the API answers and each worker is there."""
        for program in [self.api, *self.workers]:
            program.start()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx2.HTTPError):
                ready = httpx2.get(f"{self.url}/readyz", trust_env=False)
                if ready.status_code == 200 and ready.json()["workers"] >= self.size.workers:
                    return
            for program in self.programs:
                if program.pid is None:
                    raise ChildProcessError(f"{program.name} ended as soon as it was started: {self.logs} says why")
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"the service did not start within {START_SECONDS:.0f} s: {self.logs} says why")

    def drain(self) -> list[str]:
        """End the service in good order; the programs that had to be killed."""
        programs = [*self.workers, self.api]
        for program in programs:
            program.hold_down()
            program.kill(signal.SIGTERM)
        return [program.name for program in programs if not program.end(DRAIN_SECONDS)]

    def trainers(self, worker: Program) -> list[int]:
        """Process ids of the worker's trainers: each leads a session."""
        return [pid for pid in worker.family() if pid != worker.pid and _leads_a_session(pid)]

    def fork_server(self, worker: Program) -> int | None:
        """Process id of the process that the worker's trainers are forked from."""
        found = (pid for pid, name in worker.family().items() if "forkserver" in name and not _leads_a_session(pid))
        return next(found, None)

    def broker_client(self) -> redis.Redis:
        """Past the proxy."""
        return redis.Redis(unix_socket_path=str(self._broker_socket), password=self._broker_password)

    def dumps(self) -> dict[str, bytes]:
        """What broker and database have stored, as files of theirs hold it."""
        dumps = {f"broker: {path.name}": path.read_bytes() for path in self._broker_folder.rglob("*") if path.is_file()}
        if self._postgresql:
            return dumps | {"database": self._postgresql.dump("epochal")}
        return dumps | {f"database: {path.name}": path.read_bytes() for path in self.data.glob("epochal.db*")}

    def _start_servers(self, sockets: Path, stack: ExitStack) -> None:
        with_password = self.backend == "postgresql"
        self._broker_password = CANARIES["the broker's password"] if with_password else None
        self._broker_socket = sockets / "broker.sock"
        self._broker_folder = self.data / "broker"
        log = self.logs / "broker.log"
        self.broker = broker(self._broker_folder, self._broker_socket, log, self._broker_password)
        self._postgresql = PostgreSQL(sockets, self.logs / "postgresql.log") if with_password else None
        self.database_program = self._postgresql.program if self._postgresql else None
        self._servers = [self.database_program, self.broker] if self.database_program else [self.broker]
        for program in self._servers:
            stack.callback(program.end, 15.0, signal.SIGINT)  # PostgreSQL's fast shutdown
            program.start()
        if self._postgresql:
            _make_database(self._postgresql.url())
        self._sqlite = f"sqlite:///{self.database_file}"
        url = self._postgresql.url(database="epochal") if self._postgresql else self._sqlite
        self.database = Database(url, connections=4)
        stack.callback(self.database.dispose)
        self._migrate()
        self.database_proxy = Proxy(self._postgresql.socket) if self._postgresql else None
        self.broker_proxy = Proxy(self._broker_socket) if self._postgresql else None
        for proxy in (self.database_proxy, self.broker_proxy):
            if proxy:
                stack.callback(proxy.close)

    def _migrate(self) -> None:
        migrate(self.database)
        with self.database.session() as session:
            if self._postgresql:
                session.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO epochal"))
                session.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO epochal"))
            quota = {"quota": self.size.quota, "project": DEFAULT_PROJECT}
            session.execute(text("UPDATE projects SET max_running_jobs = :quota WHERE id = :project"), quota)
        history.install(self.database)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
        if self.database_proxy and self.broker_proxy:
            password = CANARIES["the database's password"]
            database = f"postgresql://epochal:{password}@127.0.0.1:{self.database_proxy.port}/epochal"
            redis_url = f"redis://:{self._broker_password}@127.0.0.1:{self.broker_proxy.port}/0"
        else:
            database = self._sqlite
            redis_url = f"redis+socket://{self._broker_socket}"
        return {
            **inherited,
            **contract.SETTINGS,
            "EPOCHAL_WORKER_SLOTS": str(self.size.slots),
            "AWS_SECRET_ACCESS_KEY": CANARIES["the storage's key"],
            "EPOCHAL_DATA_DIR": str(self.data),
            "EPOCHAL_DATABASE_URL": database,
            "EPOCHAL_REDIS_URL": redis_url,
            "EPOCHAL_PORT": str(self.port),
        }


@contextmanager
def running(folder: Path, backend: Backend, size: Size, fence: str | None = None) -> Iterator[Deployment]:
    """The service, ready for jobs, whose programs start again when they die; in the end nothing of it runs."""
    with ExitStack() as stack:
        deployment = Deployment(folder, backend, size, fence, stack)
        stack.callback(_end, deployment)
        deployment.start()
        watch = Watch(deployment.programs)
        stack.callback(watch.stop)
        yield deployment


def _end(deployment: Deployment) -> None:
    for program in [*deployment.workers, deployment.api]:
        send(program.family(), signal.SIGCONT)
        program.end(0.0, signal.SIGKILL)


def _module(name: str, fence: str | None) -> list[str]:
    missing = [] if fence is None else ["--without", fence]
    return [sys.executable, "-m", "tests.chaos.signed", *missing, name]


def _leads_a_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _make_database(url: str) -> None:
    """As soon as the server answers."""
    server = Database(url, connections=1)
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    password = CANARIES["the database's password"]
                    connection.execute(text(f"CREATE ROLE epochal LOGIN PASSWORD '{password}'"))
                    connection.execute(text("CREATE DATABASE epochal"))
                return
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
    finally:
        server.dispose()
