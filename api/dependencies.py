"""What a route asks for in its signature."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from sqlalchemy.orm import Session

from api.probe import Probe
from jobs.delivery import TrainingQueue
from jobs.errors import CheckpointNotFound, JobNotFound
from models import Database
from settings import Settings
from storage import Storage

_CHECKPOINT = re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,80}")
_JOB_ID = re.compile(r"job_[0-9a-hjkmnp-tv-z]{26}")


@dataclass(frozen=True, slots=True)
class Service:
    """What lives as long as the API does."""

    settings: Settings
    database: Database
    storage: Storage
    queue: TrainingQueue
    workers_probe: Probe[int]  # how many are connected, which only the database knows
    broker_probe: Probe[bool]


# Those that only pick something are async, so that FastAPI sends them to no thread.
async def _service(request: Request) -> Service:
    service: Service = request.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


def _session(service: ServiceDep) -> Iterator[Session]:
    with service.database.session() as session:
        yield session


def _snapshot(service: ServiceDep) -> Iterator[Session]:
    with service.database.snapshot() as session:
        yield session


# Of scope "function": over before the answer goes out. By default FastAPI ends a dependency after it, and a client
# could ask for the job that it has just been given before that job is committed.
SessionDep = Annotated[Session, Depends(_session, scope="function")]
SnapshotDep = Annotated[Session, Depends(_snapshot, scope="function")]


async def _database(service: ServiceDep) -> Database:
    return service.database


async def _queue(service: ServiceDep) -> TrainingQueue:
    return service.queue


async def _settings(service: ServiceDep) -> Settings:
    return service.settings


async def _storage(service: ServiceDep) -> Storage:
    return service.storage


DatabaseDep = Annotated[Database, Depends(_database)]
QueueDep = Annotated[TrainingQueue, Depends(_queue)]
SettingsDep = Annotated[Settings, Depends(_settings)]
StorageDep = Annotated[Storage, Depends(_storage)]


async def _job_id(
    job_id: Annotated[
        str, Path(description="As `POST /v1/jobs` returned it.", examples=["job_01kasm2pbk5s9d0w3g6vq8zrhf"])
    ],
) -> str:
    """What no id looks like names no job."""
    if not _JOB_ID.fullmatch(job_id):
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
