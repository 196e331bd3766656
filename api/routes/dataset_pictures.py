"""What the images of an uploaded data set look like: contact sheets, and single images."""

from contextlib import ExitStack
from time import monotonic
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import CallerDep, DatabaseDep, ServiceDep, SlotDep
from api.http.errors import InvalidRequest, NotAcceptable, PictureNotDrawn, StorageUnavailable, TooManyWaiting
from api.http.etags import (
    NOT_MODIFIED_RESPONSE,
    REVALIDATE,
    IfNoneMatch,
    etag_of,
    if_none_match_of,
    matches,
    not_modified,
)
from api.http.negotiation import VARY, preferred
from api.http.preconditions import IfMatch, check_preconditions
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading import augmented_samples, version_pictures
from api.reading.augmented_samples import Drawing
from api.reading.version_pictures import PNG, Pictures
from api.reading.waiting import Wait
from api.routes.datasets import LARGEST_SEED, DatasetName, Number
from api.schemas.base import Page
from api.schemas.dataset_images import AugmentedSamples, DatasetImage
from api.schemas.datasets import ClassName
from api.service.admitted_route import AdmittedRoute
from api.views import dataset_image_views
from api.views.sample_sheets import Choice
from catalog.datasets.errors import ImageNotFound, VersionNotFound, VersionNotReady
from jobs.errors import CursorInvalid

router = APIRouter(prefix="/datasets/{name}/versions/{number}", tags=["data sets"], route_class=AdmittedRoute)

JSON = "application/json"
CHOOSING = ("class", "split", "seed", "count")  # query parameters that a finding leaves no choice of

Split = Literal["train", "test"]
OfClass = Annotated[ClassName | None, Query(alias="class", description="Of this class only. By default of all.")]
OfSplit = Annotated[Split | None, Query(description="Of this split only. By default of both.")]

_PNG_CONTENT = {PNG: {"schema": {"type": "string", "format": "binary"}}}
_AUGMENTED: dict[int | str, dict[str, Any]] = {
    200: {"content": _PNG_CONTENT, "description": "At most 1600 by 2400 pixels."}
}
_FAILURES = (VersionNotFound, VersionNotReady, StorageUnavailable)


def _picture_responses(content: dict[str, Any], description: str) -> dict[int | str, dict[str, Any]]:
    return NOT_MODIFIED_RESPONSE | {200: {"content": content, "description": description}}


@router.get(
    "/samples.png",
    operation_id="get_samples_png",
    summary="Images of a version on a contact sheet, as a PNG",
    response_class=Response,
    responses=_picture_responses(_PNG_CONTENT, "At most 1600 by 2400 pixels.")
    | fails_with(*_FAILURES, InvalidRequest, PictureNotDrawn),
)
def get_samples_png(
    name: DatasetName,
    number: Number,
    request: Request,
    service: ServiceDep,
    database: DatabaseDep,
    class_name: OfClass = None,
    split: OfSplit = None,
    seed: Annotated[int, Query(ge=0, le=LARGEST_SEED, description="Another one draws other images.")] = 0,
    count: Annotated[
        int | None,
        Query(ge=1, le=500, description="Images of each class, as far as they fit; by default 10, of one class 100."),
    ] = None,
    finding: Annotated[
        str | None,
        Query(max_length=100, description="In place of all others: the examples of this finding of the report."),
    ] = None,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """Rows of images by class, drawn at random: the same ones for the same version, class, split and seed. Small images
    are enlarged so that their pixels can be seen. With `finding`, its examples with split, class, id and what was
    measured; pairs stand side by side."""
    version = version_pictures.find(database, name, number, findings=finding is not None)
    pictures = Pictures(request, service, version)
    if finding is None:
        label = None if class_name is None else version.label_of(class_name)
        return pictures.samples(Choice(label, split, seed, count))
    errors = [
        {"parameter": each, "detail": "does not go with `finding`, which names its images"}
        for each in CHOOSING
        if each in request.query_params
    ]
    if errors:
        raise InvalidRequest(errors, len(errors))
    return pictures.examples(finding)


@router.post(
    "/samples.png",
    operation_id="draw_augmented_samples",
    summary="Training images as a network will see them, on a contact sheet, as a PNG",
    response_class=Response,
    responses=_AUGMENTED
    | fails_with(VersionNotFound, VersionNotReady, InvalidRequest, TooManyWaiting, PictureNotDrawn),
    dependencies=[NO_IDEMPOTENCY_KEY],
)
async def draw_augmented_samples(
    name: DatasetName,
    number: Number,
    body: AugmentedSamples,
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    slot: SlotDep,
) -> Response:
    """The first row has images as they are, each further one how they look in an epoch, to a job with this seed. A
    worker draws them: the answer comes after some seconds, or 503 after 20; then ask again."""
    seconds = augmented_samples.SECONDS
    with ExitStack() as counted:
        wait = Wait(request, service, caller, seconds, monotonic() + seconds, counted)
        return await Drawing(service, caller.project, name, number, body, wait).answer(slot)


@router.get(
    "/images",
    operation_id="list_dataset_images",
    summary="List the images of a version",
    responses=fails_with(*_FAILURES, InvalidRequest, CursorInvalid),
)
def list_dataset_images(
    name: DatasetName,
    number: Number,
    service: ServiceDep,
    database: DatabaseDep,
    class_name: OfClass = None,
    split: OfSplit = None,
    after: Annotated[
        str | None, Query(max_length=40, description="The id of the last image of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[DatasetImage]:
    """By split, class and content. Their ids are what an edit takes."""
    version = version_pictures.find(database, name, number)
    label = None if class_name is None else version.label_of(class_name)
    table = service.indexes.get(version.index)
    last = -1 if after is None else table.row_of(after)
    if last is None:
        raise CursorInvalid("id")
    rows = table.rows(label, split)
    page = rows[rows > last][: limit + 1].tolist()
    images = dataset_image_views.images(version.name, version.number, table, page[:limit])
    has_more = len(page) > limit
    query = {"class": class_name, "split": split, "after": images[-1].id if images else None, "limit": limit}
    told = {key: value for key, value in query.items() if value is not None}
    following = dataset_image_views.images_url(version.name, version.number, told) if has_more else None
    return Page(data=images, has_more=has_more, next=following)


@router.get(
    "/images/{image}",
    operation_id="get_dataset_image",
    summary="An image of a version: its picture as a PNG, or what is known of it as JSON",
    response_model=DatasetImage,
    responses=_picture_responses(_PNG_CONTENT, "At most 2048 pixels a side.")
    | fails_with(*_FAILURES, ImageNotFound, NotAcceptable, PictureNotDrawn),
)
def get_dataset_image(
    name: DatasetName,
    number: Number,
    image: str,
    request: Request,
    service: ServiceDep,
    database: DatabaseDep,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """The picture is upright and opaque, as the training sees it before it is resized. JSON comes with `Accept:
    application/json`."""
    media_type = preferred(request.headers.getlist("accept"), (PNG, JSON))
    version = version_pictures.find(database, name, number)
    if media_type == PNG:
        picture = Pictures(request, service, version).image(image)
        picture.headers.update(VARY)
        return picture
    table = service.indexes.get(version.index)
    row = version_pictures.row_of(version, table, image)
    body = dataset_image_views.image(version.name, version.number, table, row).model_dump_json()
    etag, etags = etag_of(body), if_none_match_of(request)
    check_preconditions(request, etag)
    if etags and matches(etags, etag):
        return not_modified(etag, VARY)
    return Response(body, headers={**REVALIDATE, **VARY, "ETag": etag}, media_type=JSON)
