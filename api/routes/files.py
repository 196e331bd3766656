"""What a job has written: checkpoints and weights."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api import schemas, translate
from api.dependencies import CheckpointName, DatabaseDep, JobId, SnapshotDep, StorageDep
from api.downloads import MEDIA_TYPE, download
from api.strict_route import StrictRoute
from jobs import queries

router = APIRouter(prefix="/jobs/{job_id}", tags=["files"], route_class=StrictRoute)

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        "description": "A safetensors file; `ETag` is its SHA-256.",
        "headers": {name: {"schema": {"type": "string"}} for name in ("Content-Disposition", "Content-Length", "ETag")},
    }
}


@router.get("/checkpoints", operation_id="list_checkpoints", summary="What a job can go on from")
def list_checkpoints(job_id: JobId, session: SnapshotDep) -> schemas.Page[schemas.Checkpoint]:
    """The furthest first. The last ones are kept, and the best, as the spec's `checkpoints` says."""
    return translate.whole([translate.checkpoint(record) for record in queries.checkpoints(session, job_id)])


@router.get(
    "/checkpoints/{attempt}/{file}",
    operation_id="download_checkpoint",
    summary="Download a checkpoint",
    response_class=StreamingResponse,
    responses=FILE,
)
def download_checkpoint(
    job_id: JobId, name: CheckpointName, database: DatabaseDep, storage: StorageDep
) -> StreamingResponse:
    """Network, optimizer and all else that a run goes on from, in one safetensors file."""
    with database.snapshot() as session:
        file = queries.checkpoint_file(session, job_id, name)
    return download(storage, file)


@router.get(
    "/weights",
    operation_id="download_weights",
    summary="Download the trained weights",
    response_class=StreamingResponse,
    responses=FILE,
)
def download_weights(job_id: JobId, database: DatabaseDep, storage: StorageDep) -> StreamingResponse:
    """Of a job that has succeeded or stopped: as safetensors, which torch and others read."""
    with database.snapshot() as session:
        file = queries.weights_file(session, job_id)
    return download(storage, file)
