"""API keys."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from access import keys
from access.errors import KeyNotFound, ProjectNotFound, TooManyKeys
from access.keys import Caller
from api import schemas
from api.dependencies import CallerDep, SessionDep, SnapshotDep
from api.http.errors import OperatorOnly
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.service.admitted_route import AdmittedRoute
from api.views import translate

router = APIRouter(prefix="/keys", tags=["administration"], route_class=AdmittedRoute)

KEY_ID = r"^[a-z0-9]{1,32}$"


KeyId = Annotated[
    str,
    path_id(
        "key_id",
        "As `GET /v1/keys` has it.",
        "01kasm2pbk5s9d0w3g6vq8zrhf",
        re.compile(KEY_ID).fullmatch,
        lambda path: KeyNotFound(path["key_id"]),
    ),
]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_key",
    summary="Make an API key",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=fails_with(OperatorOnly, ProjectNotFound, TooManyKeys),
)
def create_key(body: schemas.KeyCreate, session: SessionDep, caller: CallerDep) -> schemas.NewKey:
    """Only this answer contains the whole key: the service stores a hash of it."""
    project = body.project or caller.project
    if project != caller.project and not caller.is_operator:
        raise OperatorOnly("admin")
    made = keys.make(session, project, body.name, body.scopes, body.expires_at)
    return schemas.NewKey(**dict(schemas.Key.model_validate(made.row)), key=made.key.get_secret_value())


@router.get("", operation_id="list_keys", summary="List the API keys, the newest first")
def list_keys(
    session: SnapshotDep,
    caller: CallerDep,
    after: Annotated[str | None, Query(description="Id of the last key of the page before.", pattern=KEY_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.Key]:
    """The keys of the caller's project; for the operator, of all projects. Revoked and expired keys are listed, too."""
    rows = keys.list_keys(session, _visible_project(caller), after, limit + 1)
    return translate.page([schemas.Key.model_validate(row) for row in rows], limit, "/v1/keys")


@router.get("/{key_id}", operation_id="get_key", summary="What an API key is for, and when it was last used")
def get_key(key_id: KeyId, session: SnapshotDep, caller: CallerDep) -> schemas.Key:
    """The answer never contains the key itself."""
    return schemas.Key.model_validate(keys.find(session, _visible_project(caller), key_id))


@router.delete("/{key_id}", operation_id="revoke_key", summary="Revoke an API key")
def revoke_key(key_id: KeyId, session: SessionDep, caller: CallerDep) -> schemas.Key:
    """From this answer on, requests with the key are refused. Revoking it again changes nothing."""
    return schemas.Key.model_validate(keys.revoke(session, _visible_project(caller), key_id))


def _visible_project(caller: Caller) -> str | None:
    """The project whose keys the caller may see; None for all projects."""
    return None if caller.is_operator else caller.project
