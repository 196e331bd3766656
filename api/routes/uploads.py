"""Resumable uploads of data sets. Clients of tus 1.0 work against them as they are."""

import re
from dataclasses import replace
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from api import schemas
from api.dependencies import CatalogueDep, ServiceDep, SessionDep, SettingsDep, SnapshotDep
from api.http import tus
from api.http.errors import InvalidRequest, StorageUnavailable, UnsupportedMediaType
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.http.root_path import public_path
from api.making import uploading
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.routes.datasets import LARGEST_SEED, NAME_RULE
from api.service.admitted_route import AdmittedRoute, UploadRoute
from api.service.service import Service
from api.views import dataset_views
from catalog.datasets import uploads as upload_rows
from catalog.datasets.errors import (
    LengthMismatch,
    NameTaken,
    OffsetMismatch,
    TooManyUploads,
    UploadComplete,
    UploadNotFound,
    UploadRefused,
    UploadTooLarge,
)
from catalog.datasets.naming import require_free
from catalog.datasets.uploads import SplitOptions
from jobs import dataset_queries, dataset_versions, uploads
from jobs.errors import QuotaExceeded
from jobs.ids import UPLOAD_PATTERN, is_upload_id
from jobs.uploads import UploadRequest
from models import Upload
from training.known.dataset_names import is_name

router = APIRouter(prefix="/uploads", tags=["data sets"], route_class=AdmittedRoute, dependencies=[tus.SPOKEN])
parts_router = APIRouter(prefix="/uploads", tags=["data sets"], route_class=UploadRoute, dependencies=[tus.SPOKEN])

UploadId = Annotated[
    str,
    path_id(
        "upload_id",
        "As `POST /v1/uploads` returned it.",
        "upl_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_upload_id,
        lambda path: UploadNotFound(path["upload_id"]),
    ),
]

_STANDS: dict[str, Any] = {
    name: {"schema": {"type": "string"}} for name in (tus.OFFSET, tus.LENGTH, tus.EXPIRES, tus.COMPLETE, tus.RESUMABLE)
}
CREATED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "headers": {**_STANDS, "Location": {"description": "Of the upload.", "schema": {"type": "string"}}}
    }
}
APPENDED: dict[int | str, dict[str, Any]] = {HTTPStatus.NO_CONTENT.value: {"headers": _STANDS}}
_PART: dict[str, Any] = {
    "required": True,
    "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in tus.PART_TYPES},
}


@router.options(
    "",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="get_upload_options",
    summary="What resumable uploads can do here",
    response_class=Response,
)
def get_options(settings: SettingsDep) -> Response:
    """As tus 1.0 has it: version, extensions and the largest size."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=tus.options(settings.max_upload_bytes))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_upload",
    summary="Begin a resumable upload",
    response_model=schemas.Upload,
    response_description="`Location` takes the parts.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=CREATED | fails_with(NameTaken, UploadTooLarge, TooManyUploads, QuotaExceeded),
)
def create_upload(
    request: Request,
    session: SessionDep,
    catalogue: CatalogueDep,
    settings: SettingsDep,
    body: Annotated[schemas.UploadCreate, Body()] = schemas.UploadCreate.model_construct(),
) -> Response:
    """With a JSON body; or as tus has it, without a body and with `Upload-Length` (or `Upload-Defer-Length`) and
    `Upload-Metadata`: its keys are `dataset` (without it, `name` or `filename` up to its suffix), and `sha256`,
    `test_fraction` and `seed`, which need not be there."""
    asked = _asked(body) if body.model_fields_set else _asked_by_headers(request)
    require_free(session, session.own_project, asked.dataset, catalogue.taken_as(asked.dataset))
    upload = uploads.begin(session, session.own_project, asked, settings.max_upload_bytes)
    answer = dataset_views.upload(upload)
    return Response(
        answer.model_dump_json(),
        HTTPStatus.CREATED,
        {
            **_stands(request, upload),
            tus.LIMIT: f"max-size={settings.max_upload_bytes}",
            "Location": answer.links.self,
        },
        media_type="application/json",
    )


@router.get("", operation_id="list_uploads", summary="List uploads, the newest first")
def list_uploads(
    session: SnapshotDep,
    after: Annotated[
        str | None, Query(description="Id of the last one of the page before.", pattern=UPLOAD_PATTERN)
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.Upload]:
    """Those that are complete are listed for a week."""
    rows = dataset_queries.list_uploads(session, after, limit + 1)
    data = [dataset_views.upload(row) for row in rows[:limit]]
    has_more = len(rows) > limit
    following = public_path(f"{dataset_views.UPLOADS}?after={data[-1].id}&limit={limit}") if has_more else None
    return schemas.Page(data=data, has_more=has_more, next=following)


@router.get(
    "/{upload_id}",
    operation_id="get_upload",
    summary="Where an upload stands",
    response_model=schemas.Upload,
    responses={HTTPStatus.OK.value: {"headers": _STANDS}},
)
def get_upload(upload_id: UploadId, request: Request, session: SnapshotDep) -> Response:
    """`Upload-Offset` is where to go on. HEAD has the same headers."""
    upload = upload_rows.find(session, upload_id)
    body = dataset_views.upload(upload).model_dump_json()
    return Response(body, headers=_stands(request, upload), media_type="application/json")


@parts_router.patch(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="append_upload",
    summary="Send the next bytes of an upload",
    response_class=Response,
    response_description="They have arrived. `Upload-Offset` is where to go on.",
    openapi_extra={
        "requestBody": _PART,
        "parameters": [
            {
                "name": tus.OFFSET,
                "in": "header",
                "required": True,
                "schema": {"type": "integer", "minimum": 0, "maximum": tus.LARGEST_NUMBER},
                "description": "Where the bytes begin.",
            },
            {
                "name": tus.LENGTH,
                "in": "header",
                "schema": {"type": "integer", "minimum": 1, "maximum": tus.LARGEST_NUMBER},
                "description": "Of the whole file, where it was not known when the upload began.",
            },
        ],
    },
    responses=APPENDED
    | fails_with(
        OffsetMismatch,
        LengthMismatch,
        UploadComplete,
        UploadTooLarge,
        UploadRefused,
        QuotaExceeded,
        StorageUnavailable,
        InvalidRequest,
        UnsupportedMediaType,
    ),
)
async def append_upload(
    upload_id: UploadId, request: Request, service: ServiceDep, background: BackgroundTasks
) -> Response:
    """Any number of bytes. What has arrived when the connection breaks is kept. With the last byte, the upload is
    complete, and the data set's version is validated."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in tus.PART_TYPES:
        told = media_type or "a body without a Content-Type"
        raise UnsupportedMediaType(f"Send {tus.PART_TYPES[0]}, not {told}.", tus.PART_TYPES[::-1])
    offset = tus.number(request, tus.OFFSET)
    total = _length(request) if tus.LENGTH in request.headers else None
    upload = await run_in_threadpool(_at, service, request.state.caller.project, upload_id, offset, total)
    upload = await uploading.receive(request, service, upload, resumable=True)
    if upload.version is None and upload.total_bytes is None and tus.is_complete(request):
        upload = await uploading.finish(service, upload_id)
    if upload.version is not None:
        background.add_task(service.queue.send, dataset_versions.WAKE_UP)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_stands(request, upload), background=background)


@router.delete(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_upload",
    summary="Give an upload up",
    response_class=Response,
    response_description="It is given up, and its bytes are removed at once. Of a complete upload, nothing is changed: "
    "the data set that it has become stays.",
)
def delete_upload(
    upload_id: UploadId, session: SessionDep, service: ServiceDep, background: BackgroundTasks
) -> Response:
    """Nothing more can be sent to it."""
    if uploads.discard(session, upload_id):
        background.add_task(uploading.delete_files, service, upload_id)  # after the commit
    return Response(status_code=HTTPStatus.NO_CONTENT, background=background)


def _at(service: Service, project: str, upload_id: str, offset: int, total: int | None) -> Upload:
    """The upload, which must stand at `offset`; and is to have `total` bytes, where the client says so."""
    with service.database.snapshot(project) as session:
        upload = upload_rows.find(session, upload_id)
    if total is not None and upload.total_bytes != total:
        with service.database.session(project) as session:
            upload = uploads.state_length(session, upload_id, total, service.settings.max_upload_bytes)
    if upload.version is not None and offset != upload.received_bytes:
        raise UploadComplete(upload_id)
    if offset != upload.received_bytes:
        raise OffsetMismatch(upload_id, upload.received_bytes)
    return upload


def _length(request: Request) -> int:
    length = tus.number(request, tus.LENGTH)
    if length < 1:
        raise InvalidRequest([{"header": tus.LENGTH, "detail": "should be 1 or more"}], 1)
    return length


def _stands(request: Request, upload: Upload) -> dict[str, str]:
    expires_at = upload.expires_at if upload.version is None else None
    return tus.headers(request, upload.received_bytes, upload.total_bytes, expires_at)


def _asked(body: schemas.UploadCreate) -> UploadRequest:
    return UploadRequest(body.dataset, body.bytes, body.sha256, SplitOptions(body.test_fraction, body.seed))


_FIELDS = {"sha256": str, "test_fraction": float, "seed": int}


def _asked_by_headers(request: Request) -> UploadRequest:
    """Raises InvalidRequest."""
    told = tus.metadata(request)
    name = told.get("dataset") or _name_of_file(told.get("name") or told.get("filename") or "")
    if not is_name(name):
        detail = f"its `dataset`, which the data set is called, {NAME_RULE}"
        if tus.METADATA not in request.headers:
            detail = (
                f"there is none, and no body of JSON either: send one of the two. The name of a data set {NAME_RULE}"
            )
        raise InvalidRequest([{"header": tus.METADATA, "detail": detail}], 1)
    length = None if tus.is_deferred(request) else _length(request)
    stated = {field: told[field] for field in _FIELDS if field in told}
    try:
        read = schemas.UploadCreate.model_validate_strings({"dataset": name, "bytes": str(length or 1), **stated})
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        bounds = {"sha256": "64 hexadecimal digits", "test_fraction": "above 0 and below 1"}
        detail = f"its `{field}` should be {bounds.get(field, f'a whole number from 0 to {LARGEST_SEED}')}"
        raise InvalidRequest([{"header": tus.METADATA, "detail": detail}], 1) from None
    return replace(_asked(read), total_bytes=length)


def _name_of_file(file: str) -> str:
    """What a data set is called whose client only tells the file's name: `my pets.tar.gz` is `my-pets`."""
    stem = PurePosixPath(file.replace("\\", "/")).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:64]
