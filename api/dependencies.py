"""What a route asks for in its signature."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from access.keys import ANYBODY, Caller, Scope
from api.bodies import brings_body
from api.costs import DEAR
from api.errors import OperatorOnly, ScopeMissing
from api.gate import Gate
from api.job_texts import JobTexts
from api.lanes import Lanes, Turn, Who
from api.pictures import Pictures
from api.readiness import Readiness
from api.remembered import Made, Remembered
from api.tailer import Tailer
from catalog.datasets import Catalogue
from jobs.delivery import TrainingQueue
from jobs.errors import CheckpointNotFound, JobNotFound
from jobs.ids import is_id
from models import DEFAULT_PROJECT, Database, ProjectSession
from settings import Settings
from storage import Storage

_CHECKPOINT = re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}")


# Of the forty threads that answer requests. Of one project two are at work at once while others ask, too: one thread
# computes at a time in any case, and every other that wants to makes all of them wait for longer.
AT_ONCE, OF_ONE_PROJECT = 16, 2
DEAR_AT_ONCE, DEAR_OF_ONE_PROJECT = 2, 1
# Keys are looked up in threads of their own, which are there however many requests are under way.
CHECKS_AT_ONCE, CHECKS_OF_ONE_PROJECT = 8, 1
MOST_IN_LINE = 2_000  # of one key: as many as may wait for news, who all come back at once when the API is restarted


@dataclass(frozen=True, slots=True)
class Shares:
    """What requests wait for, each project in its own line."""

    ordinary: Lanes = field(default_factory=lambda: Lanes(AT_ONCE, OF_ONE_PROJECT, MOST_IN_LINE))
    dear: Lanes = field(default_factory=lambda: Lanes(DEAR_AT_ONCE, DEAR_OF_ONE_PROJECT, MOST_IN_LINE))
    checks: Lanes = field(default_factory=lambda: Lanes(CHECKS_AT_ONCE, CHECKS_OF_ONE_PROJECT, MOST_IN_LINE))
    threads_of_checks: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CHECKS_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Service:
    """What lives as long as the API does."""

    settings: Settings
    database: Database
    storage: Storage
    queue: TrainingQueue
    gate: Gate
    tailer: Tailer
    remembered: Remembered[Made]  # by address: 304s that need nothing read
    job_texts: JobTexts
    pictures: Pictures
    shares: Shares
    catalogue: Catalogue
    readiness: Readiness


# Those that only pick something are async, so that FastAPI sends them to no thread.
async def _service(request: Request) -> Service:
    service: Service = request.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]

# Declares in the contract what `_caller` reads by itself.
KEY = HTTPBearer(
    scheme_name="apiKey", description="`epochal_<id>.<secret>`, as POST /v1/keys gave it.", auto_error=False
)


async def admit(request: Request, cost: int) -> Turn:
    """Find out who asks, charge the `cost`, and wait for a turn, which is to be given back. Before anything else is
    looked at: what a request brings is nobody's business whose key is none. Raises what `Gate.admit` raises."""
    service: Service = request.state.service
    shares, address = service.shares, request.client.host if request.client else ""
    key = service.gate.presented(request.headers.get("authorization"))
    if key is None:
        caller = ANYBODY
    else:
        async with shares.checks.turn(service.gate.line_of(key, address)):
            caller = await to_thread.run_sync(
                _look_up, request, service, key, address, cost, limiter=shares.threads_of_checks
            )
    request.state.caller = caller
    if brings_body(request):
        await request.body()  # which comes as slowly as the client likes: nobody's turn is to last as long
    who = Who(caller.project, caller.key_id or f"address {address}")
    turn = Turn(shares.ordinary if cost < DEAR else shares.dear, who)
    waited = await turn.take()
    try:
        if waited and request.method == "GET" and await request.is_disconnected():
            raise ClientDisconnect
    except BaseException:
        turn.give_back()
        raise
    request.state.turn = turn
    return turn


def _look_up(request: Request, service: Service, key: str, address: str, cost: int) -> Caller:
    with service.database.glance() as session:
        caller, allowance = service.gate.admit(session, key, address, cost)
    request.state.headers = allowance.headers
    return caller


async def _caller(request: Request, _declared: Annotated[HTTPAuthorizationCredentials | None, Security(KEY)]) -> Caller:
    caller: Caller = request.state.caller  # whom the route has admitted
    return caller


async def _turn(request: Request) -> Turn:
    turn: Turn = request.state.turn
    return turn


CallerDep = Annotated[Caller, Depends(_caller)]
TurnDep = Annotated[Turn, Depends(_turn)]


async def may_use(request: Request, caller: CallerDep) -> None:
    """Whoever only looks needs the scope `read`, anybody else `train`."""
    _require(caller, "read" if request.method == "GET" else "train")


async def may_administer(caller: CallerDep) -> None:
    """For keys, projects and webhooks."""
    _require(caller, "admin")


async def may_observe(caller: CallerDep) -> None:
    """For figures of every project: a scraper needs no key that could do more than read."""
    if caller.project != DEFAULT_PROJECT:
        raise OperatorOnly("read")


async def may_operate(caller: CallerDep) -> None:
    """For what is every project's."""
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


# Of scope "function": over before the answer goes out. By default FastAPI ends a dependency after it, and a client
# could ask for the job that it has just been given before that job is committed.
SessionDep = Annotated[ProjectSession, Depends(_session, scope="function")]
SnapshotDep = Annotated[ProjectSession, Depends(_snapshot, scope="function")]


@dataclass(frozen=True, slots=True)
class ProjectDatabase:
    """The database as the caller may see it, for a route that reads more than once, or behind its answer."""

    database: Database
    caller: Caller

    def snapshot(self) -> AbstractContextManager[ProjectSession]:
        """As `Database.snapshot`."""
        return self.database.snapshot(self.caller.project)

    def glance(self) -> AbstractContextManager[ProjectSession]:
        """As `Database.glance`."""
        return self.database.glance(self.caller.project)


async def _database(service: ServiceDep, caller: CallerDep) -> ProjectDatabase:
    return ProjectDatabase(service.database, caller)


async def _tailer(service: ServiceDep) -> Tailer:
    return service.tailer


async def _queue(service: ServiceDep) -> TrainingQueue:
    return service.queue


async def _settings(service: ServiceDep) -> Settings:
    return service.settings


async def _storage(service: ServiceDep) -> Storage:
    return service.storage


async def _catalogue(service: ServiceDep) -> Catalogue:
    return service.catalogue


async def _job_texts(service: ServiceDep) -> JobTexts:
    return service.job_texts


async def _pictures(service: ServiceDep) -> Pictures:
    return service.pictures


DatabaseDep = Annotated[ProjectDatabase, Depends(_database)]
TailerDep = Annotated[Tailer, Depends(_tailer)]
QueueDep = Annotated[TrainingQueue, Depends(_queue)]
SettingsDep = Annotated[Settings, Depends(_settings)]
StorageDep = Annotated[Storage, Depends(_storage)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
JobTextsDep = Annotated[JobTexts, Depends(_job_texts)]
PicturesDep = Annotated[Pictures, Depends(_pictures)]


async def _job_id(
    job_id: Annotated[
        str, Path(description="As `POST /v1/jobs` returned it.", examples=["job_01kasm2pbk5s9d0w3g6vq8zrhf"])
    ],
) -> str:
    """What no id looks like names no job."""
    if not is_id(job_id):
        raise JobNotFound(job_id)
    return job_id


JobId = Annotated[str, Depends(_job_id)]


async def _checkpoint_name(
    job_id: JobId,
    attempt: Annotated[str, Path(description="As `GET /v1/jobs/{job_id}/checkpoints` has it.")],
    file: Annotated[str, Path(description="The rest of the name.")],
) -> str:
    """What no name looks like names no checkpoint."""
    name = f"{attempt}/{file}"
    if not _CHECKPOINT.fullmatch(name):
        raise CheckpointNotFound(job_id, name)
    return name


CheckpointName = Annotated[str, Depends(_checkpoint_name)]
