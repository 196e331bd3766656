"""A project as an answer."""

from api import schemas
from jobs import quotas
from models import Project, ProjectSession


def project_answer(session: ProjectSession, row: Project) -> schemas.Project:
    """Its quotas, and what it uses of them."""
    usage = schemas.Usage.model_validate(quotas.usage(session, row.id))
    quota = {name: getattr(row, name) for name in schemas.Quotas.model_fields}
    return schemas.Project(id=row.id, created_at=row.created_at, usage=usage, **quota)
