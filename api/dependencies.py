"""Dependencies that routes declare in their signatures."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from access.keys import Caller, Scope
from api.http.errors import OperatorOnly, ScopeMissing
from api.http.path_ids import path_id
from api.service.curve_cache import CurveCache
from api.service.event_hub import EventHub
from api.service.fair_limiter import Slot
from api.service.service import Core, Service
from api.service.tailer import Tailer
from api.views.job_json import JobJsonCache
from api.views.job_summaries import JobSummaries
from api.views.short_curves import ShortCurves
from catalog.datasets.listing import Catalogue
from jobs.delivery import TrainingQueue
from jobs.errors import CheckpointNotFound, JobNotFound
from jobs.ids import is_id
from models import DEFAULT_PROJECT, Database, ProjectSession
from settings import Settings
from storage import Storage

_CHECKPOINT = re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}")


# Dependencies that only return an object are async: FastAPI would run a sync one in a thread.
async def _service(request: Request) -> Service:
    service: Service = request.state.service
    return service


async def _core(request: Request) -> Core:
    core: Core = request.state.service
    return core


ServiceDep = Annotated[Service, Depends(_service)]
CoreDep = Annotated[Core, Depends(_core)]

# Declares the API key in the OpenAPI document. `AdmittedRoute` reads the header itself.
KEY = HTTPBearer(
    scheme_name="apiKey", description="`epochal_<id>.<secret>`, as POST /v1/keys gave it.", auto_error=False
)


async def _caller(request: Request, _declared: Annotated[HTTPAuthorizationCredentials | None, Security(KEY)]) -> Caller:
    caller: Caller = request.state.caller  # `AdmittedRoute` has authenticated it
    return caller


async def _slot(request: Request) -> Slot:
    slot: Slot = request.state.slot
    return slot


CallerDep = Annotated[Caller, Depends(_caller)]
SlotDep = Annotated[Slot, Depends(_slot)]


async def may_use(request: Request, caller: CallerDep) -> None:
    """A GET needs the scope `read`, every other method `train`."""
    _require(caller, "read" if request.method == "GET" else "train")


async def may_predict(caller: CallerDep) -> None:
    """A prediction changes nothing: the scope `read` is enough, so that a program which predicts can do nothing
    else."""
    _require(caller, "read")


async def may_read(caller: CallerDep) -> None:
    """What changes nothing needs the scope `read`, whatever its method."""
    _require(caller, "read")


async def may_administer(caller: CallerDep) -> None:
    """Keys and webhooks need the scope `admin`."""
    _require(caller, "admin")


async def may_observe(caller: CallerDep) -> None:
    """Figures of all projects need a key of the default project. The scope `read` is enough, so that a scraper can do
    nothing else."""
    if caller.project != DEFAULT_PROJECT:
        raise OperatorOnly("read")


async def may_operate(caller: CallerDep) -> None:
    """What concerns all projects needs the scope `admin` of the default project."""
    if not caller.is_operator:
        raise OperatorOnly("admin")


def _require(caller: Caller, scope: Scope) -> None:
    if not caller.may(scope):
        raise ScopeMissing(scope)


def _session(service: ServiceDep, caller: CallerDep) -> Iterator[ProjectSession]:
    with service.database.session(caller.project) as session:
        yield session


def _snapshot(service: ServiceDep, caller: CallerDep) -> Iterator[ProjectSession]:
    with service.database.snapshot(caller.project) as session:
        yield session


# The scope "function" commits before the answer is sent. By default FastAPI would commit after it, and a client could
# ask for a job that it has just submitted before that job is committed.
SessionDep = Annotated[ProjectSession, Depends(_session, scope="function")]
SnapshotDep = Annotated[ProjectSession, Depends(_snapshot, scope="function")]


@dataclass(frozen=True, slots=True)
class ProjectDatabase:
    """The database, limited to the caller's project. For a route that reads in several transactions, or while it
    answers."""

    database: Database
    caller: Caller

    def snapshot(self) -> AbstractContextManager[ProjectSession]:
        """See `Database.snapshot`."""
        return self.database.snapshot(self.caller.project)

    def autocommit_read(self) -> AbstractContextManager[ProjectSession]:
        """See `Database.autocommit_read`."""
        return self.database.autocommit_read(self.caller.project)


async def _database(service: ServiceDep, caller: CallerDep) -> ProjectDatabase:
    return ProjectDatabase(service.database, caller)


async def _tailer(service: ServiceDep) -> Tailer:
    return service.tailer


async def _event_hub(service: ServiceDep) -> EventHub:
    return service.event_hub


async def _queue(service: ServiceDep) -> TrainingQueue:
    return service.queue


async def _settings(service: ServiceDep) -> Settings:
    return service.settings


async def _storage(service: ServiceDep) -> Storage:
    return service.storage


async def _catalogue(service: ServiceDep) -> Catalogue:
    return service.catalogue


async def _job_json(service: ServiceDep) -> JobJsonCache:
    return service.job_json


async def _job_summaries(service: ServiceDep) -> JobSummaries:
    return service.job_summaries


async def _short_curves(service: ServiceDep) -> ShortCurves:
    return service.short_curves


async def _curve_cache(service: ServiceDep) -> CurveCache:
    return service.curve_cache


DatabaseDep = Annotated[ProjectDatabase, Depends(_database)]
TailerDep = Annotated[Tailer, Depends(_tailer)]
EventHubDep = Annotated[EventHub, Depends(_event_hub)]
QueueDep = Annotated[TrainingQueue, Depends(_queue)]
SettingsDep = Annotated[Settings, Depends(_settings)]
StorageDep = Annotated[Storage, Depends(_storage)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
JobJsonDep = Annotated[JobJsonCache, Depends(_job_json)]
JobSummariesDep = Annotated[JobSummaries, Depends(_job_summaries)]
ShortCurvesDep = Annotated[ShortCurves, Depends(_short_curves)]
CurveCacheDep = Annotated[CurveCache, Depends(_curve_cache)]


JobId = Annotated[
    str,
    path_id(
        "job_id",
        "As `POST /v1/jobs` returned it.",
        "job_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_id,
        lambda path: JobNotFound(path["job_id"]),
    ),
]


async def _checkpoint_name(
    job_id: JobId,
    attempt: Annotated[str, Path(description="As `GET /v1/jobs/{job_id}/checkpoints` has it.")],
    file: Annotated[str, Path(description="The rest of the name.")],
) -> str:
    """`attempt/file`. A string that no checkpoint can be called raises CheckpointNotFound, not a validation error."""
    name = f"{attempt}/{file}"
    if not _CHECKPOINT.fullmatch(name):
        raise CheckpointNotFound(job_id, name)
    return name


CheckpointName = Annotated[str, Depends(_checkpoint_name)]
