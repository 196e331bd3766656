"""Projects: the tenants, their quotas and what they use."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query

from access import projects
from access.errors import ProjectExists, ProjectNotFound
from access.keys import Caller
from api import schemas
from api.dependencies import CallerDep, SessionDep, SnapshotDep, may_administer, may_operate
from api.http.errors import OperatorOnly
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.schemas.administration import PROJECT_ID
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from api.views.project_views import project_answer
from jobs import retention
from models import Project, ProjectSession

router = APIRouter(prefix="/projects", tags=["administration"], route_class=AdmittedRoute)


MOST_EXAMPLES = 20

ProjectId = Annotated[
    str,
    path_id(
        "project_id",
        "As `GET /v1/projects` has it.",
        "default",
        re.compile(PROJECT_ID).fullmatch,
        lambda path: ProjectNotFound(path["project_id"]),
    ),
]


@router.get("", operation_id="list_projects", summary="List the projects, and what they use")
def list_projects(
    session: SnapshotDep,
    caller: CallerDep,
    after: Annotated[
        str, Query(description="Id of the last project of the page before.", pattern=r"^[a-z0-9-]{1,40}$")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.Project]:
    """Ordered by id. The operator sees all projects; any other caller sees the project of its key."""
    rows = projects.list_projects(session, after, limit + 1) if caller.is_operator else _own(session, caller, after)
    return translate.page([project_answer(session, row) for row in rows], limit, "/v1/projects")


@router.get("/{project_id}", operation_id="get_project", summary="A project's quotas, and what it uses")
def get_project(project_id: ProjectId, session: SnapshotDep, caller: CallerDep) -> schemas.Project:
    """Only the operator can read a project other than that of its key."""
    return project_answer(session, _visible(session, caller, project_id))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_project",
    summary="Make a project",
    dependencies=[Depends(may_operate), NO_IDEMPOTENCY_KEY],
    responses=fails_with(OperatorOnly, ProjectExists),
)
def create_project(body: schemas.ProjectCreate, session: SessionDep) -> schemas.Project:
    """Make its keys with `POST /v1/keys` afterwards."""
    return project_answer(session, projects.make(session, body.id, body.model_dump(exclude={"id"})))


@router.patch(
    "/{project_id}",
    operation_id="change_project",
    summary="Change a project's quotas",
    dependencies=[Depends(may_operate)],
    responses=fails_with(OperatorOnly),
)
def change_project(project_id: ProjectId, body: schemas.Quotas, session: SessionDep) -> schemas.Project:
    """Fields that are not in the body keep their values; null removes a quota. Running jobs are not affected."""
    return project_answer(session, projects.change(session, project_id, body.model_dump(exclude_unset=True)))


@router.get(
    "/{project_id}/retention",
    operation_id="get_retention",
    summary="What a project keeps, and what its rules would remove now",
)
def get_retention(project_id: ProjectId, session: SnapshotDep, caller: CallerDep) -> schemas.ProjectRetention:
    """Nothing is removed by asking."""
    row = _visible(session, caller, project_id)
    return _retention(session, row.id, retention.RetentionRules.of(row.retention))


@router.put(
    "/{project_id}/retention",
    operation_id="set_retention",
    summary="Say what a project keeps, and for how long",
    dependencies=[Depends(may_administer)],
)
def set_retention(
    project_id: ProjectId,
    body: schemas.Retention,
    session: SessionDep,
    caller: CallerDep,
    *,
    dry_run: Annotated[bool, Query(description="Store nothing: only say what these rules would remove now.")] = False,
) -> schemas.ProjectRetention:
    """Fields that are not in the body get their defaults: nothing of that kind is removed."""
    row = _visible(session, caller, project_id)
    rules = retention.RetentionRules(**body.model_dump())
    answer = _retention(session, row.id, rules)
    if not dry_run:
        retention.set_rules(session, row, rules)
    return answer


def _visible(session: ProjectSession, caller: Caller, project_id: str) -> Project:
    if project_id != caller.project and not caller.is_operator:
        raise ProjectNotFound(project_id)
    return projects.find(session, project_id)


def _retention(session: ProjectSession, project_id: str, rules: retention.RetentionRules) -> schemas.ProjectRetention:
    removes: dict[str, list[retention.Removal]] = {kind: [] for kind in get_args(retention.RemovalKind)}
    with session.all_projects():
        for removal in retention.plan(session, project_id, rules):
            removes[removal.kind].append(removal)
    return schemas.ProjectRetention(
        rules=schemas.Retention(**asdict(rules)),
        removes={
            kind: schemas.Removals(
                count=len(found),
                size_bytes=sum(removal.size_bytes for removal in found),
                examples=[removal.name for removal in found[:MOST_EXAMPLES]],
            )
            for kind, found in removes.items()
        },
    )


def _own(session: ProjectSession, caller: Caller, after: str) -> Sequence[Project]:
    return [projects.find(session, caller.project)] if caller.project > after else []
