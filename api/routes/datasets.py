"""Data sets: those that everybody can name, and the project's own, which it uploads, edits and deletes."""

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from access import keys
from api import schemas
from api.dependencies import (
    CallerDep,
    CatalogueDep,
    DatabaseDep,
    SessionDep,
    SlotDep,
    SnapshotDep,
    TailerDep,
)
from api.http.errors import InvalidRequest
from api.http.event_streams import EVENT_SCHEMA, EVENT_STREAM, STREAM_HEADERS
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.http.root_path import public_path
from api.reading import version_stream
from api.reading.waiting import WaitDep
from api.service.admitted_route import AdmittedRoute
from api.views import dataset_views, translate
from catalog.datasets.errors import (
    DatasetInUse,
    DatasetNotFound,
    VersionNotFound,
)
from jobs import dataset_deletion, dataset_queries
from models import ProjectSession, VersionStatus
from training.known.dataset_names import VERSION, is_name

router = APIRouter(prefix="/datasets", tags=["data sets"], route_class=AdmittedRoute)

NAME_RULE = "should be letters, digits, dots, underscores and hyphens, 64 at most, and a letter or digit first"
LARGEST_SEED = 2**53 - 1

DatasetName = Annotated[
    str,
    path_id("name", "As `GET /v1/datasets` has it.", "pets", is_name, lambda path: DatasetNotFound(path["name"])),
]
NewName = Annotated[
    str,
    path_id(
        "name",
        "What it is to be called.",
        "pets",
        is_name,
        lambda _path: InvalidRequest([{"parameter": "name", "detail": NAME_RULE}], 1),
    ),
]


async def _number(
    request: Request,
    number: Annotated[
        str,
        Path(description="From 1.", json_schema_extra={"type": "integer", "minimum": 1, "maximum": 999_999_999}),
    ],
) -> int:
    """Text that is no number of a version names none."""
    if not re.fullmatch(VERSION, number):
        raise VersionNotFound(request.path_params["name"], number)
    return int(number)


Number = Annotated[int, Depends(_number)]


STREAMED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": {EVENT_STREAM: {"schema": EVENT_SCHEMA}},
        "description": "Server-sent events. The last one is `end`, with the version's status: do not reconnect then.",
    }
}


@router.get("", operation_id="list_datasets", summary="List the data sets that a job can name")
def list_datasets(catalogue: CatalogueDep, database: DatabaseDep) -> schemas.Page[schemas.Dataset]:
    """The data sets that Epochal knows, the image folders of this deployment, and what the project has uploaded. Those
    that cannot be used are listed with the reason."""
    entries = [schemas.Dataset.model_validate(entry) for entry in catalogue.entries()]
    with database.snapshot() as session:
        own = [dataset_views.uploaded_dataset(*found) for found in dataset_queries.newest(session)]
    names = {dataset.name for dataset in own}
    listed = [*(entry for entry in entries if entry.name not in names), *own]
    return translate.single_page(sorted(listed, key=lambda dataset: dataset.name))


@router.get("/{name}", operation_id="get_dataset", summary="A data set that a job can name", responses=fails_with())
def get_dataset(name: DatasetName, catalogue: CatalogueDep, database: DatabaseDep) -> schemas.Dataset:
    """Of an uploaded data set, what the newest version that is ready has. `versions` lists all of them."""
    with database.snapshot() as session:
        own = dataset_queries.newest(session, name)
    if own:
        return dataset_views.uploaded_dataset(*own[0])
    found = next((entry for entry in catalogue.entries() if entry.name == name), None)
    if found is None:
        raise DatasetNotFound(name)
    return schemas.Dataset.model_validate(found)


@router.delete(
    "/{name}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_dataset",
    summary="Delete an uploaded data set, with all its versions",
    response_class=Response,
    response_description="Deleted. Its files are removed within seconds.",
    responses=fails_with(DatasetInUse),
)
def delete_dataset(name: DatasetName, session: SessionDep) -> Response:
    """Jobs that were trained on it still say its name, version and identity."""
    dataset_deletion.delete(session, session.own_project, name)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/{name}/versions",
    operation_id="list_dataset_versions",
    summary="List the versions of an uploaded data set, the newest first",
)
def list_versions(
    name: DatasetName,
    session: SnapshotDep,
    after: Annotated[
        int | None, Query(ge=1, le=999_999_999, description="The last version of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.DatasetVersionSummary]:
    """A version whose content an earlier one has is not listed: its number stands for that one."""
    rows = dataset_queries.versions(session, name, after, limit + 1)
    page = [dataset_views.version_summary(row) for row in rows[:limit]]
    following = f"{dataset_views.DATASETS}/{name}/versions?after={page[-1].version}&limit={limit}" if page else None
    has_more = len(rows) > limit
    return schemas.Page(data=page, has_more=has_more, next=public_path(following) if following and has_more else None)


@router.get(
    "/{name}/versions/{number}",
    operation_id="get_dataset_version",
    summary="A version: its validation's progress, and its report",
    response_model=schemas.DatasetVersion,
    responses=fails_with(VersionNotFound),
)
async def get_version(
    name: DatasetName, number: Number, database: DatabaseDep, slot: SlotDep, wait: WaitDep
) -> Response:
    """With `Prefer: wait=20`, the answer comes once it is `ready` or `failed`, or after 20 seconds."""

    def read() -> schemas.DatasetVersion:
        with database.snapshot() as session:
            return version_of(session, name, number)

    found = await wait.until_over(slot, read, lambda version: version.status is not VersionStatus.VALIDATING)
    return wait.answer(found.model_dump_json())


@router.get(
    "/{name}/versions/{number}/stream",
    operation_id="stream_dataset_version",
    summary="Follow a version's validation as server-sent events",
    response_class=StreamingResponse,
    responses=STREAMED | fails_with(VersionNotFound),
)
def stream_version(
    name: DatasetName, number: Number, database: DatabaseDep, slot: SlotDep, tailer: TailerDep, caller: CallerDep
) -> Response:
    """`progress` whenever that changes, then `ready` or `failed` with the version, then `end`."""

    def read() -> schemas.DatasetVersion:
        with database.snapshot() as session:
            keys.require_valid(session, caller)
            return version_of(session, name, number)

    tailer.require_capacity(caller.key_id)
    events = version_stream.events(read, read(), slot, tailer, caller.key_id)
    return StreamingResponse(events, headers=STREAM_HEADERS, media_type=EVENT_STREAM)


@router.delete(
    "/{name}/versions/{number}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_dataset_version",
    summary="Delete a version of an uploaded data set",
    response_class=Response,
    response_description="Deleted. Files that no other version has are removed within seconds.",
    responses=fails_with(VersionNotFound, DatasetInUse),
)
def delete_version(name: DatasetName, number: Number, session: SessionDep) -> Response:
    """Its number is never given again. Numbers that stand for it go with it; deleting one of those leaves the version
    as it is."""
    dataset_deletion.delete(session, session.own_project, name, number)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def version_of(session: ProjectSession, name: str, number: int) -> schemas.DatasetVersion:
    """A version, as an answer. Raises DatasetNotFound and VersionNotFound."""
    return dataset_views.version(dataset_queries.version(session, name, number))
