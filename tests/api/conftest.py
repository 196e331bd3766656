"""The API over a real database and a real broker, and jobs in any state without a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from threading import Event, Thread
from typing import Any, get_args

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute, _IncludedRouter
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from access import keys, projects
from access.keys import Scope
from api.app import create_app
from api.http.server import Server
from models import DEFAULT_PROJECT, Database
from settings import Settings
from storage import Storage
from tests.api.serving import served
from tests.stage import Stage

A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"  # of which there is none


class LocalClient(TestClient):
    """On the loopback, where an API that asks for no keys wants its clients."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        super().__init__(app, base_url="http://127.0.0.1:8000", **options)


@pytest.fixture(scope="session", autouse=True)
def _routes_built_once() -> Iterator[None]:
    """FastAPI builds every route anew for each application that includes its router, and its caches keep what it has
    built as long as the process lives: 0.15 s and 3 MB for each of the thousand applications that tests make. Here, the
    applications of a process share what does not depend on them: all but what is defined for one."""
    build, built = _IncludedRouter._build_effective_context, dict[tuple[Any, ...], Any]()

    def build_once(included: _IncludedRouter, route: BaseRoute) -> Any:
        if not isinstance(route, APIRoute) or "<locals>" in route.endpoint.__qualname__:
            return build(included, route)
        context = included.include_context
        key = (id(route), context.prefix, *(each.dependency for each in context.dependencies))
        if key not in built:
            built[key] = build(included, route)  # which keeps the route, and so its id
        return built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_IncludedRouter, "_build_effective_context", build_once)
        yield


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings.storage_url)


@pytest.fixture
def stage(database: Database, storage: Storage) -> Stage:
    return Stage(database, storage)


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.model_validate(
        {"database_url": database_url, "redis_url": redis_url, "data_dir": tmp_path_factory.mktemp("data")}
    )


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with LocalClient(app) as client:
        yield client


@pytest.fixture
def front_settings(redis_url: str, tmp_path: Path) -> Settings:
    """A broker, and a database that has no table."""
    return Settings.model_validate({"redis_url": redis_url, "data_dir": tmp_path})


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API without a database or a broker, for what it answers by itself."""
    folder = tmp_path_factory.mktemp("front")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    database = Database(settings.database_url.get_secret_value())
    with database.session():  # several threads that make one file at once would stand in each other's way
        pass
    database.dispose()
    with LocalClient(create_app(settings)) as client:
        yield client


class Live(Server):
    """The API on a socket: what streams, no TestClient can show."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=5))
        self.begun = Event()
        self.app = app

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.app.state.tailer = self.lifespan.state["service"].tailer
        self.begun.set()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a running API."""
    server = Live(app)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    assert server.begun.wait(30)
    try:
        yield server.url
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def live(app: FastAPI) -> Iterator[httpx2.Client]:
    with serving(app) as url, httpx2.Client(base_url=url, timeout=240) as client:
        yield client


@pytest.fixture
def address(app: FastAPI) -> Iterator[tuple[str, int]]:
    """Of a real server, for clients that do not behave."""
    with served(app) as address:
        yield address


class Tenants:
    """Two projects with a key for each scope."""

    def __init__(self, database: Database) -> None:
        self.keys: dict[str, dict[Scope, str]] = {}
        with database.session() as session:
            for project in ("first", "second"):
                projects.make(session, project, {})
                self.keys[project] = {
                    scope: keys.make(session, project, scope, [scope]).key.get_secret_value()
                    for scope in get_args(Scope)
                }
            made = keys.make(session, DEFAULT_PROJECT, "operator", ["admin"])
            self.operator = made.key.get_secret_value()

    def header(self, project: str, scope: Scope = "train") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[project][scope]}"}

    @property
    def as_operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.operator}"}


@pytest.fixture
def tenants(database: Database) -> Tenants:
    return Tenants(database)


@pytest.fixture
def guarded(settings: Settings, tenants: Tenants) -> Iterator[TestClient]:
    """An API that asks for keys."""
    with LocalClient(create_app(settings.model_copy(update={"require_keys": True}))) as client:
        yield client
