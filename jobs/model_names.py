"""Names of trained models: their versions, and aliases that move from one to another.

Each change locks the row of its name, so that changes of one name follow each other; a reader sees each one whole.
"""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog.trained.errors import AliasNotFound, ModelNotFound
from catalog.trained.references import require_alias, require_name, resolve
from jobs.paging import Page, fetch_page
from jobs.transitions import now
from models import ModelAlias, ModelAliasMove, ModelName, ModelVersion, TrainedModel, insert_for


def add_version(session: Session, project: str, name: str, reference: str) -> tuple[ModelVersion, bool]:
    """Make the trained model that `reference` names the next version of `name`; and whether it is new: a trained model
    that has the name already keeps its version. Raises ModelNotFound."""
    found = resolve(session, project, reference)
    locked = select(TrainedModel).where(TrainedModel.id == found.id, TrainedModel.deleted_at.is_(None))
    if session.scalar(locked.with_for_update().execution_options(populate_existing=True)) is None:
        raise ModelNotFound(reference)  # deleted meanwhile
    session.execute(
        insert_for(session)(ModelName).values(project=project, name=name, last_version=0).on_conflict_do_nothing()
    )
    row = _locked(session, project, name)
    has_it = _versions(project, name).where(ModelVersion.model_id == found.id)
    if (before := session.scalar(has_it.limit(1))) is not None:
        return before, False
    row.last_version += 1
    version = ModelVersion(project=project, name=name, number=row.last_version, model_id=found.id)
    session.add(version)
    session.flush()
    return version, True


def list_versions(session: Session, project: str, name: str, after: int | None, limit: int) -> Page[ModelVersion]:
    """The newest first. Raises ModelNameNotFound."""
    require_name(session, project, name)
    statement = _versions(project, name).order_by(ModelVersion.number.desc())
    if after is not None:
        statement = statement.where(ModelVersion.number < after)
    return fetch_page(session, statement, limit)


def aliases(session: Session, project: str, name: str) -> Sequence[ModelAlias]:
    """Those of a name. Raises ModelNameNotFound."""
    require_name(session, project, name)
    mine = select(ModelAlias).where(ModelAlias.project == project, ModelAlias.name == name)
    return session.scalars(mine.order_by(ModelAlias.alias)).all()


def set_alias(session: Session, project: str, name: str, alias: str, version: int, reason: str | None) -> ModelAlias:
    """Make `alias` stand for a version of `name` from the commit on. Raises ModelNameNotFound and ModelNotFound."""
    require_name(session, project, name)
    _locked(session, project, name)
    if session.scalar(_versions(project, name).where(ModelVersion.number == version)) is None:
        raise ModelNotFound(f"{name}@{version}")
    row = session.get(ModelAlias, (project, name, alias), populate_existing=True)
    if row is None:
        row = ModelAlias(project=project, name=name, alias=alias, version=version)
        session.add(row)
    elif row.version == version:
        return row
    else:
        row.version, row.moved_at = version, now()
    _note(session, row, version, reason)
    return row


def remove_alias(session: Session, project: str, name: str, alias: str, reason: str | None) -> None:
    """It stands for nothing any more. Its history stays. Raises AliasNotFound."""
    require_alias(session, project, name, alias)
    _locked(session, project, name)
    row = session.get(ModelAlias, (project, name, alias), populate_existing=True)
    if row is None:
        raise AliasNotFound(name, alias)  # removed meanwhile
    session.delete(row)
    _note(session, row, None, reason)


def moves(session: Session, project: str, name: str, alias: str, after: int | None, limit: int) -> Page[ModelAliasMove]:
    """What an alias stood for, the newest move first. Raises AliasNotFound where it never stood for anything."""
    mine = (ModelAliasMove.project == project) & (ModelAliasMove.name == name) & (ModelAliasMove.alias == alias)
    statement = select(ModelAliasMove).where(mine).order_by(ModelAliasMove.id.desc())
    page = fetch_page(session, statement.offset(after or 0), limit)
    if not page.rows and not after:
        raise AliasNotFound(name, alias)
    return page


def _versions(project: str, name: str) -> Select[ModelVersion]:
    return select(ModelVersion).where(ModelVersion.project == project, ModelVersion.name == name)


def _locked(session: Session, project: str, name: str) -> ModelName:
    mine = select(ModelName).where(ModelName.project == project, ModelName.name == name).with_for_update()
    return session.scalars(mine, execution_options={"populate_existing": True}).one()


def _note(session: Session, row: ModelAlias, version: int | None, reason: str | None) -> None:
    move = ModelAliasMove(project=row.project, name=row.name, alias=row.alias, version=version, reason=reason)
    session.add(move)
    session.flush()
