"""The API: `uvicorn --factory api.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TypedDict

from fastapi import FastAPI
from starlette.middleware import Middleware

from api.background import PromptQueue
from api.dependencies import Service
from api.middleware import BodyLimit, RequestContext
from api.openapi import describe
from api.probe import Probe
from api.problems import add_handlers
from api.routes import (
    architectures,
    datasets,
    events,
    files,
    health,
    jobs,
    metrics,
    problems,
    queue,
    recipes,
    requests,
    workers,
)
from jobs.delivery import CeleryQueue
from jobs.reconciler import doing, forgetting, settling
from jobs.workers import connected
from models import Database
from settings import Settings, service_version
from storage import Storage

DESCRIPTION = (
    "Training as a service: submit image-classification jobs, read every epoch's loss and accuracy back. "
    "Every error is `application/problem+json` (RFC 9457). Numbers that are not finite are the strings "
    '`"NaN"`, `"Infinity"` and `"-Infinity"`. Times are RFC 3339 in UTC.'
)


class State(TypedDict):
    """What the lifespan hands to every request."""

    service: Service


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Without `settings`, those of the environment. Opens nothing until it is started."""
    settings = settings or Settings()
    app = FastAPI(
        title="Epochal",
        version=service_version(),
        description=DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(RequestContext), Middleware(BodyLimit)],
        lifespan=partial(_lifespan, settings),
    )
    for resource in (jobs, requests, metrics, events, files, datasets, architectures, recipes, workers, queue):
        app.include_router(resource.router, prefix="/v1")
    for operation in (health, problems):
        app.include_router(operation.router)
    add_handlers(app)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


@asynccontextmanager
async def _lifespan(settings: Settings, _app: FastAPI) -> AsyncIterator[State]:
    if settings.redis_url is None:
        raise RuntimeError("EPOCHAL_REDIS_URL is not set. The API needs the broker that the workers listen to.")
    with ExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.callback(database.dispose)
        broker = CeleryQueue(settings.redis_url)
        prompt_queue = PromptQueue(broker)
        stack.enter_context(prompt_queue.sending())
        stack.enter_context(doing([settling(database), forgetting(database)]))
        storage, broker_probe = Storage(settings.storage_url), Probe(broker.reachable)
        workers_probe = Probe(partial(_count_workers, database))
        yield {"service": Service(settings, database, storage, prompt_queue, workers_probe, broker_probe)}


def _count_workers(database: Database) -> int:
    with database.snapshot() as session:
        return len(connected(session))
