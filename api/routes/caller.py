"""Who asks: the API key, what it may do, and its project."""

from fastapi import APIRouter

from access import keys, projects
from api import schemas
from api.dependencies import CallerDep, SettingsDep, SnapshotDep
from api.service.admitted_route import AdmittedRoute
from api.views.project_views import project_answer
from training.release import release

router = APIRouter(prefix="/caller", tags=["administration"], route_class=AdmittedRoute)


@router.get("", operation_id="get_caller", summary="Whose key this is, and what it may do")
def get_caller(session: SnapshotDep, caller: CallerDep, settings: SettingsDep) -> schemas.Caller:
    """Where the service requires no keys, every caller may do everything. Any key that is sent is still checked."""
    key = keys.find(session, caller.project, caller.key_id) if caller.key_id else None
    return schemas.Caller(
        keys_required=settings.keys_required,
        key=schemas.CallerKey.model_validate(key) if key else None,
        project=project_answer(session, projects.find(session, caller.project)),
        operator=caller.is_operator,
        release=release(),
    )
