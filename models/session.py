"""Sessions that see one project."""

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from models.tables import Job


class ProjectSession(Session):
    """A session in which, once it has a project, there are no jobs but that project's, without those that were deleted:
    whatever is asked of `Job`, and however, no query can forget it.

    What hangs on a job (epochs, events, checkpoints) is asked for once its job was found.
    """

    project: str | None = None  # None: every project's, as workers and chores need


# An execution option for what needs the jobs of others, to count them.
EVERY_PROJECT = {"every_project": True}


@event.listens_for(ProjectSession, "do_orm_execute")
def _see_one_project(state: ORMExecuteState) -> None:
    assert isinstance(state.session, ProjectSession)
    project = state.session.project
    if project is None or state.is_column_load or state.execution_options.get("every_project", False):
        return
    of_project = with_loader_criteria(
        Job, lambda job: (job.project == project) & job.deleted_at.is_(None), include_aliases=True
    )
    state.statement = state.statement.options(of_project)
