"""Uploads of a whole data set in one request, as `curl -T` and browsers send them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import schemas
from api.dependencies import CallerDep, ServiceDep
from api.http.accepted import ACCEPTED, accepted
from api.http.errors import InvalidRequest, MalformedBody, StorageUnavailable
from api.http.problem_kinds import fails_with
from api.making import uploading
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.routes.datasets import LARGEST_SEED, NewName, version_of
from api.service.admitted_route import UploadRoute
from api.service.service import Service
from catalog.datasets.errors import NameTaken, TooManyUploads, UploadRefused, UploadTooLarge
from catalog.datasets.naming import require_free
from catalog.datasets.uploads import AT_ONCE_SECONDS, SplitOptions
from jobs import dataset_versions, uploads
from jobs.errors import QuotaExceeded
from jobs.uploads import UploadRequest
from models import Upload

router = APIRouter(prefix="/datasets", tags=["data sets"], route_class=UploadRoute)

TestFraction = Annotated[
    float,
    Query(gt=0, lt=1, description="Share of each class to test on, where the images come without a split."),
]
Seed = Annotated[int, Query(ge=0, le=LARGEST_SEED, description="Of that split.")]

_FILE = {"type": "string", "format": "binary", "minLength": 1}
_ARCHIVE = {
    "required": True,
    "content": {
        media_type: {"schema": _FILE}
        for media_type in ("application/octet-stream", "application/zip", "application/x-tar", "application/gzip")
    }
    | {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": _FILE},
                "required": ["file"],
                "additionalProperties": False,
            }
        }
    },
}


async def _upload(
    name: NewName,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    background: BackgroundTasks,
    test_fraction: TestFraction = 0.2,
    seed: Seed = 0,
) -> Response:
    options = SplitOptions(test_fraction, seed)
    upload = await run_in_threadpool(_begin, service, caller.project, name, _stated_size(request), options)
    try:
        complete = await uploading.receive(request, service, upload, resumable=False)
        if not complete.received_bytes:
            raise MalformedBody("It is empty: send an archive as the body, with curl -T pets.zip.")
        if complete.version is None:
            complete = await uploading.finish(service, upload.id)
    except BaseException:
        await uploading.discard(service, upload)
        raise
    background.add_task(service.queue.send, dataset_versions.WAKE_UP)
    body = await run_in_threadpool(_answer, service, complete)
    return accepted(body, body.links.self, background)


def _begin(service: Service, project: str, name: str, size: int | None, options: SplitOptions) -> Upload:
    taken = service.catalogue.taken_as(name)  # before the transaction, which must not wait for a disk
    with service.database.session(project) as session:
        require_free(session, project, name, taken)
        asked = UploadRequest(name, size, None, options, AT_ONCE_SECONDS)
        return uploads.begin(session, project, asked, service.settings.max_upload_bytes)


def _stated_size(request: Request) -> int | None:
    """By Content-Length; of a form, that is not its file's."""
    stated = request.headers.get("content-length", "")
    is_form = uploading.is_multipart(request.headers.get("content-type", ""))
    return int(stated) if stated.isdecimal() and not is_form else None


def _answer(service: Service, upload: Upload) -> schemas.DatasetVersion:
    assert upload.version is not None
    with service.database.snapshot(upload.project) as session:
        return version_of(session, upload.dataset, upload.version)


for _method in ("PUT", "POST"):
    router.add_api_route(
        "/{name}",
        _upload,
        methods=[_method],
        status_code=HTTPStatus.ACCEPTED,
        operation_id="upload_dataset" if _method == "PUT" else "upload_dataset_form",
        summary="Upload a data set, or its next version"
        if _method == "PUT"
        else "The same by POST, as the form of a browser sends it",
        description="The body is an archive: zip, tar, tar.gz or tar.zst with images at `train/<class>/` and "
        "`test/<class>/`, or at `<class>/`, or with images and a `labels.csv`; or a `.npz`; or idx files. What it is, "
        "is told from its bytes. With `multipart/form-data`, it is the one file of the form. A worker then validates "
        "it: the version is `ready`, or `failed` with the reason. The same images again are the same version.",
        response_model=schemas.DatasetVersion,
        response_description="All of it has arrived; it is being validated.",
        openapi_extra={"requestBody": _ARCHIVE},
        dependencies=[NO_IDEMPOTENCY_KEY],
        responses=ACCEPTED
        | fails_with(
            MalformedBody,
            NameTaken,
            UploadRefused,
            UploadTooLarge,
            TooManyUploads,
            QuotaExceeded,
            StorageUnavailable,
            InvalidRequest,
        ),
    )
