"""Files of a job: checkpoints, weights and predictions."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api import schemas
from api.dependencies import CheckpointName, DatabaseDep, JobId, SlotDep, SnapshotDep, StorageDep
from api.http.errors import RangeNotSatisfiable, StorageUnavailable
from api.http.problem_kinds import fails_with
from api.reading.downloads import FILE_RESPONSES, DownloadRequestDep, download
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import queries
from jobs.errors import CheckpointNotFound, PredictionsNotFound, WeightsNotFound

router = APIRouter(prefix="/jobs/{job_id}", tags=["files"], route_class=AdmittedRoute)


CURSOR = "^[0-9]{1,9}-[0-9]{1,9}-[0-9]{1,9}$"


@router.get("/checkpoints", operation_id="list_checkpoints", summary="What a job can go on from")
def list_checkpoints(
    job_id: JobId,
    session: SnapshotDep,
    after: Annotated[str | None, Query(pattern=CURSOR, description="Where the page begins; taken from `next`.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.Page[schemas.Checkpoint]:
    """Files that the job can resume from, the latest step first. The spec's `checkpoints` says how many are kept: the
    last ones, and the best."""
    epoch, step, attempt = map(int, after.split("-")) if after else (0, 0, 0)
    page = queries.checkpoints(session, job_id, (epoch, step, attempt) if after else None, limit)
    return translate.checkpoints(page, job_id, limit)


@router.get(
    "/checkpoints/{attempt}/{file}",
    operation_id="download_checkpoint",
    summary="Download a checkpoint",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES | fails_with(CheckpointNotFound, RangeNotSatisfiable, StorageUnavailable),
)
def download_checkpoint(
    job_id: JobId,
    name: CheckpointName,
    database: DatabaseDep,
    storage: StorageDep,
    wanted: DownloadRequestDep,
    slot: SlotDep,
) -> Response:
    """Network, optimizer and everything else that a run resumes from, in one safetensors file."""
    with database.snapshot() as session:
        file = queries.checkpoint_file(session, job_id, name)
    return download(storage, file, wanted, slot)


@router.get(
    "/weights",
    operation_id="download_weights",
    summary="Download the trained weights",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES | fails_with(WeightsNotFound, RangeNotSatisfiable, StorageUnavailable),
)
def download_weights(
    job_id: JobId, database: DatabaseDep, storage: StorageDep, wanted: DownloadRequestDep, slot: SlotDep
) -> Response:
    """The weights of a job that has succeeded or stopped, as a safetensors file."""
    with database.snapshot() as session:
        file = queries.weights_file(session, job_id)
    return download(storage, file, wanted, slot)


@router.get(
    "/predictions",
    operation_id="download_predictions",
    summary="Download what the network takes the held-out images for",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES | fails_with(PredictionsNotFound, RangeNotSatisfiable, StorageUnavailable),
)
def download_predictions(
    job_id: JobId, database: DatabaseDep, storage: StorageDep, wanted: DownloadRequestDep, slot: SlotDep
) -> Response:
    """Of a job that has succeeded: a safetensors file with a row for each image that was held out, and then for each of
    the test split. `probabilities`, float32 [images, classes]; `labels`, `splits` (0: train, 1: test), and `digests`,
    whose first 16 hexadecimal digits are the image's id in every version of an uploaded data set that has it."""
    with database.snapshot() as session:
        file = queries.predictions_file(session, job_id)
    return download(storage, file, wanted, slot)
