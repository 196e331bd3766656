"""Trained models: what jobs leave."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import schemas
from api.dependencies import DatabaseDep, SessionDep, SlotDep, SnapshotDep, StorageDep
from api.http.errors import RangeNotSatisfiable, StorageUnavailable
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch, etag_of, if_none_match_of, matches, not_modified
from api.http.path_ids import path_id
from api.http.preconditions import IfMatch, check_preconditions
from api.http.problem_kinds import fails_with
from api.http.root_path import public_path
from api.reading.downloads import FILE_RESPONSES, DownloadRequestDep, download
from api.reading.model_archive import archive
from api.reading.streaming import piece_by_piece
from api.service.admitted_route import AdmittedRoute
from api.views import trained_model_views
from api.views.trained_model_views import MODELS, manifest_text
from catalog.trained.errors import ModelFileNotFound, ModelInUse, ModelNotFound
from catalog.trained.file_names import MANIFEST
from catalog.trained.references import NAME_PATTERN, is_reference, names_of, resolve
from jobs import trained_models
from jobs.ids import MODEL_PATTERN, PATTERN

router = APIRouter(prefix="/models", tags=["trained models"], route_class=AdmittedRoute)

ModelReference = Annotated[
    str,
    path_id(
        "model",
        "Its id; or a name: `cats` is the newest version of it, `cats@3` the third, `cats@production` the one that the "
        "alias stands for.",
        "mdl_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_reference,
        lambda path: ModelNotFound(path["model"]),
    ),
]

ZIP = "application/zip"
ARCHIVE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
        "description": "A zip; `ETag` is a hash of its manifest, which has the SHA-256 of every file.",
    },
    **NOT_MODIFIED_RESPONSE,
}


@router.get("", operation_id="list_models", summary="List trained models, the newest first")
def list_models(
    session: SnapshotDep,
    job: Annotated[str | None, Query(pattern=PATTERN, description="Those that this job has left.")] = None,
    name: Annotated[
        str | None, Query(pattern=NAME_PATTERN, max_length=64, description="Those that have this name.")
    ] = None,
    after: Annotated[str | None, Query(pattern=MODEL_PATTERN, description="The last one before the page.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.TrainedModelSummary]:
    """A job that has succeeded, or was stopped after its first step, leaves one."""
    page = trained_models.list_models(session, job=job, name=name, after=after, limit=limit)
    names = names_of(session, session.own_project, [row.id for row in page.rows])
    asked = "".join(f"{key}={value}&" for key, value in (("job", job), ("name", name)) if value)
    following = f"{MODELS}?{asked}after={page.rows[-1].id}&limit={limit}" if page.has_more else None
    return schemas.Page(
        data=[trained_model_views.summary(row, names[row.id]) for row in page.rows],
        has_more=page.has_more,
        next=public_path(following) if following else None,
    )


@router.get("/{model}", operation_id="get_model", summary="A trained model", responses=fails_with(ModelNotFound))
def get_model(model: ModelReference, session: SnapshotDep) -> schemas.TrainedModel:
    """Its classes, what it takes in, what it was measured to do, and its files."""
    row = resolve(session, session.own_project, model)
    names = names_of(session, session.own_project, [row.id])[row.id]
    return trained_model_views.whole(row, names, trained_models.manifest_of(row))


@router.get(
    "/{model}/files/{file}",
    operation_id="download_model_file",
    summary="Download a file of a trained model",
    response_class=StreamingResponse,
    responses=FILE_RESPONSES | fails_with(ModelNotFound, ModelFileNotFound, RangeNotSatisfiable, StorageUnavailable),
)
def download_model_file(
    model: ModelReference,
    file: Annotated[str, Path(description="As `files` of the model has it; or `manifest.json`.")],
    database: DatabaseDep,
    storage: StorageDep,
    wanted: DownloadRequestDep,
    slot: SlotDep,
) -> Response:
    """`manifest.json` says what using the model takes, where it comes from, and the SHA-256 of every other file."""
    with database.snapshot() as session:
        row = resolve(session, session.own_project, model)
        if file == MANIFEST:
            content = manifest_text(trained_models.manifest_of(row))
            return _unless_known(wanted.request, content) or _manifest(content)
        found = trained_models.file_of(row, file)
    return download(storage, found, wanted, slot, name=file)


@router.get(
    "/{model}/archive",
    operation_id="download_model_archive",
    summary="Download all files of a trained model as one zip",
    response_class=StreamingResponse,
    responses=ARCHIVE | fails_with(ModelNotFound, StorageUnavailable),
)
def download_model_archive(
    request: Request,
    model: ModelReference,
    database: DatabaseDep,
    storage: StorageDep,
    slot: SlotDep,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """The same to the byte each time, until a file is added. An answer that breaks off has no end that a program which
    unpacks it would take."""
    with database.snapshot() as session:
        row = resolve(session, session.own_project, model)
        content = manifest_text(trained_models.manifest_of(row))
        files = trained_models.files_of(row)
    if (known := _unless_known(request, content)) is not None:
        return known
    headers = {**_tagged(content), "Content-Disposition": f'attachment; filename="{row.id}.zip"'}
    pieces = piece_by_piece(archive(storage, content, files), slot)
    return StreamingResponse(pieces, headers=headers, media_type=ZIP)


@router.delete(
    "/{model}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_model",
    summary="Delete a trained model, with its files and versions",
    response_class=Response,
    response_description="Deleted. Its files are removed within seconds.",
    responses=fails_with(ModelNotFound, ModelInUse),
)
def delete_model(model: ModelReference, session: SessionDep) -> Response:
    """Refused while an alias stands for it, or a job that is not over starts from its weights. Its job stays, with its
    curves, and without weights."""
    trained_models.delete_model(session, session.own_project, model)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _unless_known(request: Request, manifest: bytes) -> Response | None:
    """The 304 for a client that has what belongs to this manifest. Raises PreconditionFailed."""
    etag = etag_of(manifest)
    check_preconditions(request, etag)
    etags = if_none_match_of(request)
    return not_modified(etag, {}) if etags and matches(etags, etag) else None


def _tagged(manifest: bytes) -> dict[str, str]:
    return {"ETag": etag_of(manifest), "Cache-Control": "private, no-cache"}


def _manifest(content: bytes) -> Response:
    return Response(content, headers=_tagged(content), media_type="application/json")
