"""Sessions that see one project, and the INSERT of a session's database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from models.audits import Audit
from models.base import DEFAULT_PROJECT, Base
from models.datasets import Dataset, DatasetVersion, Task, Upload
from models.sweeps import Sweep
from models.tables import Job
from models.trained import ModelAlias, ModelAliasMove, ModelName, ModelTask, ModelVersion, TrainedModel


class ProjectSession(Session):
    """A session that sees the jobs and data sets of one project, once `project` is set.

    Every query on `Job` gets the condition, so none can forget it: the job must be of this project and not deleted. So
    does every query on the tables of data sets and of trained models. Epochs, events, checkpoints and parts of uploads
    have no such condition: a caller must find their job or upload first.
    """

    project: str | None = None  # None: sees every project's jobs, as workers and the reconciler need

    @property
    def own_project(self) -> str:
        """For what belongs to one project: its own; the default one where it sees all."""
        return self.project or DEFAULT_PROJECT

    @contextmanager
    def all_projects(self) -> Iterator[None]:
        """While the context lasts, every project is seen: for an operator who asks about another than the own."""
        before, self.project = self.project, None
        try:
            yield
        finally:
            self.project = before


# An execution option of a query that must count the jobs of other projects, too.
EVERY_PROJECT = {"every_project": True}


@event.listens_for(ProjectSession, "do_orm_execute")
def _see_one_project(state: ORMExecuteState) -> None:
    assert isinstance(state.session, ProjectSession)
    project = state.session.project
    if project is None or state.is_column_load or state.execution_options.get("every_project", False):
        return
    state.statement = state.statement.options(
        with_loader_criteria(
            Job, lambda job: (job.project == project) & job.deleted_at.is_(None), include_aliases=True
        ),
        with_loader_criteria(
            DatasetVersion,
            lambda version: (version.project == project) & version.deleted_at.is_(None),
            include_aliases=True,
        ),
        with_loader_criteria(Dataset, lambda dataset: dataset.project == project, include_aliases=True),
        with_loader_criteria(Upload, lambda upload: upload.project == project, include_aliases=True),
        with_loader_criteria(Task, lambda task: task.project == project, include_aliases=True),
        with_loader_criteria(Sweep, lambda sweep: sweep.project == project, include_aliases=True),
        with_loader_criteria(Audit, lambda audit: audit.project == project, include_aliases=True),
        with_loader_criteria(
            TrainedModel,
            lambda model: (model.project == project) & model.deleted_at.is_(None),
            include_aliases=True,
        ),
        with_loader_criteria(ModelTask, lambda task: task.project == project, include_aliases=True),
        with_loader_criteria(ModelName, lambda name: name.project == project, include_aliases=True),
        with_loader_criteria(ModelVersion, lambda version: version.project == project, include_aliases=True),
        with_loader_criteria(ModelAlias, lambda alias: alias.project == project, include_aliases=True),
        with_loader_criteria(ModelAliasMove, lambda move: move.project == project, include_aliases=True),
    )


def insert_for(session: Session) -> Callable[[type[Base]], postgresql.Insert | sqlite.Insert]:
    """The `insert` of the session's database. Both know ON CONFLICT, which SQLAlchemy's common `insert` does not."""
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
