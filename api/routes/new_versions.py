"""Versions that are made of what is there already: imports, and edits of earlier versions."""

from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, BackgroundTasks, Response

from api import schemas
from api.dependencies import CallerDep, DatabaseDep, ServiceDep, SessionDep
from api.http.accepted import ACCEPTED, accepted
from api.http.errors import InvalidRequest, StorageUnavailable
from api.http.problem_kinds import fails_with
from api.making import editing
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading import version_pictures
from api.routes.datasets import DatasetName, NewName, Number, version_of
from api.service.admitted_route import AdmittedRoute
from catalog.datasets.errors import ImportRefused, NameTaken, TooManyUploads, VersionNotFound, VersionNotReady
from catalog.datasets.naming import require_free
from catalog.datasets.uploads import SplitOptions
from environment.import_roots import is_below
from jobs import dataset_versions, new_versions
from jobs.errors import QuotaExceeded

router = APIRouter(prefix="/datasets/{name}", tags=["data sets"], route_class=AdmittedRoute)


@router.post(
    "/imports",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="import_dataset",
    summary="Import a data set, or its next version, from a folder or from S3",
    response_model=schemas.DatasetVersion,
    response_description="A worker reads and validates it.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=ACCEPTED | fails_with(NameTaken, ImportRefused, TooManyUploads, QuotaExceeded),
)
def import_dataset(
    name: NewName,
    body: schemas.DatasetImport,
    service: ServiceDep,
    session: SessionDep,
    background: BackgroundTasks,
) -> Response:
    """The images are copied: what changes there afterwards changes nothing here."""
    _require_allowed(body.source, service.settings.import_roots)
    require_free(session, session.own_project, name, service.catalogue.taken_as(name))
    options = asdict(SplitOptions(body.test_fraction, body.seed))
    made = new_versions.import_from(session, session.own_project, name, body.source, options)
    background.add_task(service.queue.send, dataset_versions.WAKE_UP)
    answer = version_of(session, name, made.number)
    return accepted(answer, answer.links.self, background)


@router.post(
    "/versions/{number}/edits",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="edit_dataset",
    summary="Mend a version: relabel images, leave some out, or move them to the other split",
    response_model=schemas.DatasetVersion,
    response_description="The next version, which a worker makes.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=ACCEPTED
    | fails_with(VersionNotFound, VersionNotReady, InvalidRequest, StorageUnavailable, TooManyUploads, QuotaExceeded),
)
def edit_version(
    name: DatasetName,
    number: Number,
    body: schemas.DatasetEdits,
    service: ServiceDep,
    caller: CallerDep,
    database: DatabaseDep,
    background: BackgroundTasks,
) -> Response:
    """The version itself stays as it is. Train on both with `rerun`, and `compare` says what the edits did. Edits that
    leave a class without images fail the new version."""
    pictured = version_pictures.find(database, name, number)
    table = service.indexes.get(pictured.index) if editing.names_images(body.edits) else None
    with service.database.session(caller.project) as session:
        parent = dataset_versions.find_ready(session, session.own_project, name, number)
        edits = editing.resolve(session, parent, body.edits, table)
        made = new_versions.edit(session, parent, edits)
        answer = version_of(session, name, made.number)
    background.add_task(service.queue.send, dataset_versions.WAKE_UP)
    return accepted(answer, answer.links.self, background)


def _require_allowed(source: str, roots: Sequence[str]) -> None:
    if not is_below(source, roots):
        raise ImportRefused
