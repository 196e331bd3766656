"""Projects and their quotas."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from access.errors import ProjectExists, ProjectNotFound
from models import Project


def make(session: Session, project_id: str, quotas: Mapping[str, Any]) -> Project:
    """A project without keys. Raises ProjectExists."""
    if session.get(Project, project_id) is not None:
        raise ProjectExists(project_id)
    project = Project(id=project_id, **quotas)
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError as error:  # somebody else was as quick
        raise ProjectExists(project_id) from error
    return project


def find(session: Session, project_id: str) -> Project:
    """Raises ProjectNotFound."""
    project = session.get(Project, project_id)
    if project is None:
        raise ProjectNotFound(project_id)
    return project


def list_projects(session: Session, after: str, limit: int) -> Sequence[Project]:
    """By id, behind `after`."""
    return session.scalars(select(Project).where(Project.id > after).order_by(Project.id).limit(limit)).all()


def change(session: Session, project_id: str, quotas: Mapping[str, Any]) -> Project:
    """Set those quotas that are given; None lifts one. Raises ProjectNotFound."""
    project = find(session, project_id)
    for name, value in quotas.items():
        setattr(project, name, value)
    session.flush()
    return project
