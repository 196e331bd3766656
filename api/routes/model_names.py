"""Names of trained models: versions, and aliases that move from one to another."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import schemas
from api.dependencies import SessionDep, SnapshotDep
from api.http.errors import InvalidRequest
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.http.root_path import public_path
from api.service.admitted_route import AdmittedRoute
from api.views import trained_model_views, translate
from api.views.trained_model_views import MODELS
from catalog.trained.errors import AliasNotFound, ModelNameNotFound, ModelNotFound
from catalog.trained.references import LARGEST_VERSION, is_alias, is_name, require_alias
from jobs import model_names

router = APIRouter(prefix="/models/{model_name}", tags=["trained models"], route_class=AdmittedRoute)

NAME_RULE = (
    "should be letters, digits, dots, underscores and hyphens, 64 at most, a letter or digit first, and not begin with "
    "mdl_"
)
ALIAS_RULE = (
    "should be letters, digits, dots, underscores and hyphens, 64 at most, a letter or digit first, and no number"
)

ModelName = Annotated[
    str,
    path_id(
        "model_name",
        "As `names` of a model has it.",
        "cats",
        is_name,
        lambda path: ModelNameNotFound(path["model_name"]),
    ),
]
NewModelName = Annotated[
    str,
    path_id(
        "model_name",
        "What it is to be called.",
        "cats",
        is_name,
        lambda _path: InvalidRequest([{"parameter": "model_name", "detail": NAME_RULE}], 1),
    ),
]
Alias = Annotated[
    str,
    path_id(
        "alias",
        "As `aliases` has it.",
        "production",
        is_alias,
        lambda path: AliasNotFound(path["model_name"], path["alias"]),
    ),
]
NewAlias = Annotated[
    str,
    path_id(
        "alias",
        "The word.",
        "production",
        is_alias,
        lambda _path: InvalidRequest([{"parameter": "alias", "detail": ALIAS_RULE}], 1),
    ),
]
MADE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "model": schemas.ModelVersion,
        "description": "It is a new version.",
        "headers": {"Location": {"description": "The model by this version.", "schema": {"type": "string"}}},
    }
}


@router.put(
    "/versions",
    operation_id="add_model_version",
    summary="Give a trained model a name: it becomes its next version",
    response_model=schemas.ModelVersion,
    response_description="It is a version of this name already.",
    responses=MADE | fails_with(ModelNotFound, InvalidRequest),
)
def add_version(model_name: NewModelName, body: schemas.ModelVersionCreate, session: SessionDep) -> Response:
    """Repeating the request changes nothing: a trained model has one version of a name. The first one makes the
    name."""
    row, is_new = model_names.add_version(session, session.own_project, model_name, body.model)
    answer = trained_model_views.version(row)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return Response(
        answer.model_dump_json(), status, {"Location": answer.url} if is_new else {}, media_type="application/json"
    )


@router.get(
    "/versions",
    operation_id="list_model_versions",
    summary="List the versions of a name, the newest first",
    responses=fails_with(ModelNameNotFound),
)
def list_versions(
    model_name: ModelName,
    session: SnapshotDep,
    after: Annotated[int | None, Query(ge=1, le=LARGEST_VERSION, description="The last one before the page.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.ModelVersion]:
    """The numbers of deleted ones are not given again."""
    page = model_names.list_versions(session, session.own_project, model_name, after, limit)
    data = [trained_model_views.version(row) for row in page.rows]
    following = f"{MODELS}/{model_name}/versions?after={data[-1].version}&limit={limit}" if page.has_more else None
    return schemas.Page(data=data, has_more=page.has_more, next=public_path(following) if following else None)


@router.get(
    "/aliases",
    operation_id="list_model_aliases",
    summary="List the aliases of a name",
    responses=fails_with(ModelNameNotFound),
)
def list_aliases(model_name: ModelName, session: SnapshotDep) -> schemas.Page[schemas.ModelAlias]:
    """What each stands for now."""
    rows = model_names.aliases(session, session.own_project, model_name)
    return translate.single_page([trained_model_views.alias(row) for row in rows])


@router.get(
    "/aliases/{alias}",
    operation_id="get_model_alias",
    summary="What an alias stands for",
    responses=fails_with(ModelNameNotFound, AliasNotFound),
)
def get_alias(model_name: ModelName, alias: Alias, session: SnapshotDep) -> schemas.ModelAlias:
    """And since when."""
    return trained_model_views.alias(require_alias(session, session.own_project, model_name, alias))


@router.put(
    "/aliases/{alias}",
    operation_id="set_model_alias",
    summary="Make an alias stand for a version",
    responses=fails_with(ModelNameNotFound, ModelNotFound, InvalidRequest),
)
def set_alias(
    model_name: ModelName, alias: NewAlias, body: schemas.AliasMove, session: SessionDep
) -> schemas.ModelAlias:
    """From this answer on, whoever asks for `name@alias` gets this version. Nobody meets half a change. Repeating the
    request changes nothing."""
    row = model_names.set_alias(session, session.own_project, model_name, alias, body.version, body.reason)
    return trained_model_views.alias(row)


@router.delete(
    "/aliases/{alias}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="remove_model_alias",
    summary="Remove an alias",
    response_class=Response,
    response_description="It stands for nothing any more.",
    responses=fails_with(ModelNameNotFound, AliasNotFound),
)
def remove_alias(model_name: ModelName, alias: Alias, session: SessionDep) -> Response:
    """Its history stays."""
    model_names.remove_alias(session, session.own_project, model_name, alias, None)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/aliases/{alias}/history",
    operation_id="list_model_alias_moves",
    summary="What an alias stood for, the newest first",
    responses=fails_with(ModelNameNotFound, AliasNotFound),
)
def list_moves(
    model_name: ModelName,
    alias: Alias,
    session: SnapshotDep,
    after: Annotated[int, Query(ge=0, le=1_000_000, description="How many to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.ModelAliasMove]:
    """Each move with its reason."""
    page = model_names.moves(session, session.own_project, model_name, alias, after, limit)
    following = f"{MODELS}/{model_name}/aliases/{alias}/history?after={after + limit}&limit={limit}"
    return schemas.Page(
        data=[schemas.ModelAliasMove.model_validate(row) for row in page.rows],
        has_more=page.has_more,
        next=public_path(following) if page.has_more else None,
    )
