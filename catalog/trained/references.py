"""How a trained model is named: by its id, or by a name that the project has given it.

`cats` is the newest version of that name, `cats@3` its third, and `cats@production` the one that the alias stands for.
"""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.trained.errors import AliasNotFound, ModelNameNotFound, ModelNotFound
from models import ModelAlias, ModelName, ModelVersion, TrainedModel

WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
NAME_PATTERN = rf"^{WORD}$"
REFERENCE_PATTERN = rf"^{WORD}(@{WORD})?$"
LARGEST_VERSION = 999_999_999

_ID = re.compile(r"mdl_[0-9a-hjkmnp-tv-z]{26}")


def is_name(text: str) -> bool:
    """Whether a trained model may have this name, which must not look like an id."""
    return re.fullmatch(WORD, text) is not None and not text.startswith("mdl_")


def is_alias(text: str) -> bool:
    """Whether a word may stand for a version, whose number it must not look like."""
    return re.fullmatch(WORD, text) is not None and not text.isdigit()


def is_reference(text: str) -> bool:
    """Whether `text` can name a trained model."""
    return re.fullmatch(REFERENCE_PATTERN, text) is not None


@dataclass(frozen=True, slots=True)
class Named:
    """A version of a name, and the aliases that stand for it."""

    name: str
    version: int
    aliases: tuple[str, ...]


def resolve(session: Session, project: str, reference: str) -> TrainedModel:
    """The trained model that `reference` names now, in one query, so that an alias that is moved meanwhile stands for
    what it stood for before or for what it stands for then. Raises ModelNotFound."""
    mine = select(TrainedModel).where(TrainedModel.project == project, TrainedModel.deleted_at.is_(None))
    if _ID.fullmatch(reference):
        found = session.scalar(mine.where(TrainedModel.id == reference))
    else:
        name, _, which = reference.partition("@")
        version = ModelVersion.project == project, ModelVersion.name == name
        named = mine.join(ModelVersion, ModelVersion.model_id == TrainedModel.id).where(*version)
        if not which:
            named = named.order_by(ModelVersion.number.desc()).limit(1)
        elif which.isascii() and which.isdigit():
            named = named.where(ModelVersion.number == min(int(which), LARGEST_VERSION + 1))
        else:
            alias = select(ModelAlias.version).where(
                ModelAlias.project == project, ModelAlias.name == name, ModelAlias.alias == which
            )
            named = named.where(ModelVersion.number == alias.scalar_subquery())
        found = session.scalar(named)
    if found is None:
        raise ModelNotFound(reference)
    return found


def names_of(session: Session, project: str, model_ids: list[str]) -> dict[str, list[Named]]:
    """The names of each of these trained models, in one query for all."""
    alias_of = (
        (ModelAlias.project == ModelVersion.project)
        & (ModelAlias.name == ModelVersion.name)
        & (ModelAlias.version == ModelVersion.number)
    )
    rows = session.execute(
        select(ModelVersion.model_id, ModelVersion.name, ModelVersion.number, ModelAlias.alias)
        .outerjoin(ModelAlias, alias_of)
        .where(ModelVersion.project == project, ModelVersion.model_id.in_(model_ids))
        .order_by(ModelVersion.name, ModelVersion.number, ModelAlias.alias)
    )
    found: dict[str, dict[tuple[str, int], list[str]]] = {model_id: {} for model_id in model_ids}
    for model_id, name, number, alias in rows:
        aliases = found[model_id].setdefault((name, number), [])
        if alias is not None:
            aliases.append(alias)
    return {
        model_id: [Named(name, number, tuple(aliases)) for (name, number), aliases in named.items()]
        for model_id, named in found.items()
    }


def require_name(session: Session, project: str, name: str) -> ModelName:
    """Raises ModelNameNotFound where it has no version."""
    has_versions = (
        select(ModelVersion.number).where(ModelVersion.project == project, ModelVersion.name == name).exists()
    )
    row = session.scalar(select(ModelName).where(ModelName.project == project, ModelName.name == name, has_versions))
    if row is None:
        raise ModelNameNotFound(name)
    return row


def require_alias(session: Session, project: str, name: str, alias: str) -> ModelAlias:
    """Raises AliasNotFound."""
    mine = (ModelAlias.project == project) & (ModelAlias.name == name) & (ModelAlias.alias == alias)
    row = session.scalar(select(ModelAlias).where(mine))
    if row is None:
        raise AliasNotFound(name, alias)
    return row
