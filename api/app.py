"""Builds the API. `python -m api` serves it, and configures the log: structlog's default writes the local variables of
a traceback, which may contain API keys."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from fastapi import Depends, FastAPI

from access.keys import require_operator
from api.contract.documentation import documentation_router
from api.contract.openapi import openapi_document
from api.contract.page import answer_browsers, page_router
from api.dependencies import may_administer, may_observe, may_predict, may_read, may_use
from api.http.problems import add_handlers
from api.reading import job_reports
from api.routes import (
    architectures,
    audits,
    brought_models,
    caller,
    compare,
    curves,
    dataset_pictures,
    dataset_uploads,
    datasets,
    diagnosis,
    evaluations,
    event_stream,
    events,
    experiments,
    files,
    health,
    job_summaries,
    jobs,
    keys,
    links,
    metrics,
    mlflow,
    model_evaluations,
    model_exports,
    model_names,
    models,
    new_versions,
    open_inference,
    papers,
    predictions,
    problems,
    projects,
    prometheus,
    queue,
    recipes,
    repeats,
    requests,
    sweeps,
    uploads,
    webhooks,
    workers,
)
from api.service.admission import Admission
from api.service.curve_cache import CurveCache
from api.service.curve_renderer import CurveRenderer
from api.service.evaluations import Evaluations
from api.service.event_hub import EventHub
from api.service.forwarding import Forwarder
from api.service.index_cache import IndexCache
from api.service.meters import Exposition, Meters, ServiceFigures
from api.service.middleware_stack import middleware_stack
from api.service.non_blocking_queue import NonBlockingQueue
from api.service.picture_renderer import PictureRenderer
from api.service.prediction_meters import PredictionMeters
from api.service.probe import Probe
from api.service.readiness import DatabaseAnswers, Readiness
from api.service.service import FairLimits, Service, limits_of
from api.service.tailer import Tailer
from api.service.telemetry import OFF, tracing
from api.views.job_json import JobJsonCache
from api.views.job_summaries import JobSummaries
from api.views.revision_cache import MAX_ADDRESSES, NotModifiedHeaders, RevisionCache
from api.views.short_curves import ShortCurves
from catalog.datasets.listing import Catalogue
from jobs.delivery import CeleryQueue
from jobs.periodic import PeriodicTask, running_periodically
from jobs.reconciler import deleting_old_keys, folding_usage, sweeping
from jobs.service_stats import StatsCollector
from jobs.verified_storage import VerifiedStorage
from models import Database
from serving import Predictor
from settings import Settings, read_settings
from sweeps import changes
from training.release import release
from webhooks import sender

if TYPE_CHECKING:
    from api.service.spans import Tracing

DESCRIPTION = (
    "Training as a service: submit image-classification jobs, read every epoch's loss and accuracy back. "
    "Every error is `application/problem+json` (RFC 9457). Numbers that are not finite are the strings "
    '`"NaN"`, `"Infinity"` and `"-Infinity"`. Times are RFC 3339 in UTC.'
)


FORGET_SWEEPS_SECONDS = 3600.0
DIAGNOSES_BYTES = 16 * 2**20  # of those that are kept; one has a few KB


class State(TypedDict):
    """The state that every request gets from the lifespan."""

    service: Service
    exposition: Exposition


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. `settings` default to those of the environment. No connection is opened before it starts."""
    settings = settings or read_settings()
    meters, traces = Meters(), tracing()
    app = FastAPI(
        title="Epochal",
        version=release(),
        description=DESCRIPTION,
        openapi_url=None,  # api.contract.documentation serves it, made once
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": settings.root_path or "/"}],
        middleware=middleware_stack(settings, meters),
        lifespan=partial(_lifespan, settings, meters, traces),
        telemetry=OFF if traces is None else traces.config,
    )
    for resource in (jobs, requests, repeats, metrics, diagnosis, papers, events, files, mlflow):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_use)])
    for resource in (job_summaries, curves, compare, event_stream):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_use)])
    for resource in (sweeps, experiments, datasets, architectures, recipes, workers, queue):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_use)])
    for resource in (new_versions, audits, models, model_exports, model_names, evaluations, model_evaluations):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_use)])
    # Before the other routes of its path: a route class that reads no body.
    for streaming in (dataset_uploads.router, uploads.parts_router, uploads.router, brought_models.router):
        app.include_router(streaming, prefix="/v1", dependencies=[Depends(may_use)])
    app.include_router(dataset_pictures.router, prefix="/v1", dependencies=[Depends(may_use)])
    for resource in (keys, webhooks):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_administer)])
    app.include_router(predictions.router, prefix="/v1", dependencies=[Depends(may_predict)])
    for resource in (projects, caller):
        app.include_router(resource.router, prefix="/v1", dependencies=[Depends(may_use)])
    app.include_router(links.router, prefix="/v1", dependencies=[Depends(may_read)])
    app.include_router(prometheus.router, dependencies=[Depends(may_observe)])
    for router in (open_inference.keyless, open_inference.models, open_inference.inference):
        app.include_router(router)
    for operation in (
        health.liveness,
        health.router,
        problems.router,
        documentation_router(settings.root_path, partial(openapi_document, app)),
        page_router(settings.root_path),
    ):
        app.include_router(operation)
    add_handlers(app)
    answer_browsers(app, settings.root_path)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]  # as FastAPI documents it
    return app


@asynccontextmanager
async def _lifespan(
    settings: Settings, meters: Meters, traces: "Tracing | None", _app: FastAPI
) -> AsyncIterator[State]:
    if settings.redis_url is None:
        raise RuntimeError("EPOCHAL_REDIS_URL is not set. The API needs the broker that the workers listen to.")
    with ExitStack() as stack:
        if traces is not None:
            stack.enter_context(traces.exporting())
        database = Database(settings.database_url.get_secret_value(), pinned=True)
        stack.callback(database.dispose)
        admission = Admission(settings.keys_required, settings.rate_limit)
        if settings.keys_required:
            with database.session() as session:
                require_operator(session, settings.admin_key_file)
        broker = CeleryQueue(settings.redis_url)
        training_queue = NonBlockingQueue(broker)
        stack.enter_context(training_queue.sending())
        stack.enter_context(running_periodically([sweeping(database, training_queue.send)]))
        # In another thread: where there is much to do, it takes long, and no lost job is to wait for that.
        periodic_tasks = [
            folding_usage(database),
            deleting_old_keys(database),
            PeriodicTask(FORGET_SWEEPS_SECONDS, partial(changes.forget_empty, database)),
            sender.deleting_old_deliveries(database),
            admission.storing_key_uses(database),
        ]
        stack.enter_context(running_periodically(periodic_tasks))
        stack.enter_context(sender.sending(database, settings.webhook_networks))
        storage, broker_probe = VerifiedStorage(settings.storage_url), Probe(broker.state)
        renderer = CurveRenderer()
        stack.callback(renderer.close)
        pictures = PictureRenderer(storage)
        stack.callback(pictures.close)
        evaluation_process = Evaluations(storage)
        stack.callback(evaluation_process.close)
        catalogue = Catalogue(settings.datasets_dir, checked=settings.check_datasets)
        stack.callback(catalogue.close)
        tailer = Tailer(database)
        stack.enter_context(_running(tailer))
        event_hub = EventHub(database, tailer)
        stack.enter_context(_running(event_hub))
        figures = ServiceFigures(Probe(StatsCollector(database).collect), broker_probe, database)
        predictor = None if settings.serving_url else stack.enter_context(Predictor(limits_of(settings)))
        forwarder = Forwarder(settings.serving_url) if settings.serving_url else None
        yield {
            "service": Service(
                settings=settings,
                database=database,
                database_answers=DatabaseAnswers(database),
                storage=storage,
                queue=training_queue,
                admission=admission,
                tailer=tailer,
                event_hub=event_hub,
                not_modified=RevisionCache[NotModifiedHeaders](MAX_ADDRESSES),
                job_json=JobJsonCache(),
                job_summaries=JobSummaries(),
                short_curves=ShortCurves(),
                curve_cache=CurveCache(renderer),
                reports=RevisionCache[bytes](job_reports.MAX_BYTES, len),
                diagnoses=RevisionCache[bytes](DIAGNOSES_BYTES, len),
                indexes=IndexCache(storage),
                pictures=pictures,
                evaluations=evaluation_process,
                limits=FairLimits(),
                catalogue=catalogue,
                predictor=predictor,
                forwarder=forwarder,
                readiness=Readiness(database, settings.storage_url, broker_probe),
            ),
            "exposition": Exposition(meters, figures, *([PredictionMeters(predictor)] if predictor else [])),
        }
        if forwarder is not None:
            await forwarder.close()


@contextmanager
def _running(reader: Tailer | EventHub) -> Iterator[None]:
    """Run it in the event loop while the context lasts."""
    task = asyncio.get_running_loop().create_task(reader.run())
    try:
        yield
    finally:
        task.cancel()
