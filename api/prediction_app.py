"""The application of `python -m serving`: predictions alone. It asks for the same keys, and needs no broker."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TypedDict

from fastapi import Depends, FastAPI

from api.dependencies import may_observe, may_predict
from api.http.problems import add_handlers
from api.routes import health, open_inference, predictions, problems, prometheus
from api.service.admission import Admission
from api.service.meters import Exposition, Meters
from api.service.middleware_stack import middleware_stack
from api.service.prediction_meters import PredictionMeters
from api.service.readiness import DatabaseAnswers
from api.service.service import Core, FairLimits, limits_of
from jobs.periodic import running_periodically
from jobs.verified_storage import VerifiedStorage
from models import Database
from serving import Predictor
from settings import Settings
from training.release import release


class State(TypedDict):
    """The state that every request gets from the lifespan."""

    service: Core
    exposition: Exposition


def create_prediction_app(settings: Settings) -> FastAPI:
    """The application. No connection is opened before it starts."""
    meters = Meters()
    app = FastAPI(
        title="Epochal's predictions",
        version=release(),
        openapi_url=None,  # the API's contract has these operations
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middleware_stack(settings, meters),
        lifespan=partial(_lifespan, settings, meters),
    )
    app.include_router(predictions.router, prefix="/v1", dependencies=[Depends(may_predict)])
    app.include_router(prometheus.router, dependencies=[Depends(may_observe)])
    for router in (open_inference.keyless, open_inference.models, open_inference.inference):
        app.include_router(router)
    app.include_router(health.liveness)
    app.include_router(problems.router)
    add_handlers(app)
    return app


@asynccontextmanager
async def _lifespan(settings: Settings, meters: Meters, _app: FastAPI) -> AsyncIterator[State]:
    with ExitStack() as stack:
        database = Database(settings.database_url.get_secret_value(), pinned=True)
        stack.callback(database.dispose)
        admission = Admission(settings.keys_required, settings.rate_limit)
        stack.enter_context(running_periodically([admission.storing_key_uses(database)]))
        predictor = stack.enter_context(Predictor(limits_of(settings)))
        core = Core(
            settings=settings,
            database=database,
            database_answers=DatabaseAnswers(database),
            storage=VerifiedStorage(settings.storage_url),
            admission=admission,
            limits=FairLimits(),
            predictor=predictor,
        )
        yield {"service": core, "exposition": Exposition(meters, PredictionMeters(predictor))}
