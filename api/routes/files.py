"""What a job has written: checkpoints and weights."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api import schemas, translate
from api.dependencies import CheckpointName, DatabaseDep, JobId, SnapshotDep, StorageDep, TurnDep
from api.downloads import FILE, WantedDep, download
from api.strict_route import StrictRoute
from jobs import queries

router = APIRouter(prefix="/jobs/{job_id}", tags=["files"], route_class=StrictRoute)


PLACE = "^[0-9]{1,9}-[0-9]{1,9}-[0-9]{1,9}$"


@router.get("/checkpoints", operation_id="list_checkpoints", summary="What a job can go on from")
def list_checkpoints(
    job_id: JobId,
    session: SnapshotDep,
    after: Annotated[str | None, Query(pattern=PLACE, description="Where the page begins, as `next` has it.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.Page[schemas.Checkpoint]:
    """The furthest first. The last ones are kept, and the best, as the spec's `checkpoints` says."""
    epoch, step, attempt = map(int, after.split("-")) if after else (0, 0, 0)
    page = queries.checkpoints(session, job_id, (epoch, step, attempt) if after else None, limit)
    return translate.checkpoints(page, job_id, limit)


@router.get(
    "/checkpoints/{attempt}/{file}",
    operation_id="download_checkpoint",
    summary="Download a checkpoint",
    response_class=StreamingResponse,
    responses=FILE,
)
def download_checkpoint(
    job_id: JobId, name: CheckpointName, database: DatabaseDep, storage: StorageDep, wanted: WantedDep, turn: TurnDep
) -> Response:
    """Network, optimizer and all else that a run goes on from, in one safetensors file."""
    with database.snapshot() as session:
        file = queries.checkpoint_file(session, job_id, name)
    return download(storage, file, wanted, turn)


@router.get(
    "/weights",
    operation_id="download_weights",
    summary="Download the trained weights",
    response_class=StreamingResponse,
    responses=FILE,
)
def download_weights(
    job_id: JobId, database: DatabaseDep, storage: StorageDep, wanted: WantedDep, turn: TurnDep
) -> Response:
    """Of a job that has succeeded or stopped: as safetensors, which torch and others read."""
    with database.snapshot() as session:
        file = queries.weights_file(session, job_id)
    return download(storage, file, wanted, turn)
