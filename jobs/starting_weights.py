"""The weights that a job starts from: those of an earlier job, or of a trained model."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog.trained.errors import ModelNotFound
from catalog.trained.file_names import WEIGHTS
from catalog.trained.references import resolve
from jobs.errors import StartingWeightsMissing, StartingWeightsUnfit
from jobs.ids import is_id, is_model_id
from jobs.trained_models import files_of
from models import TERMINAL, DatasetVersion, Job, TrainedModel
from storage import StoredFile
from training.known.datasets import KNOWN_DATASETS
from training.spec import Architecture, ResolvedSpec
from training.spec.given_weights import misfit

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


def weights_of(session: Session, reference: str, project: str) -> StoredFile:
    """The weights of a finished job, or of a trained model by its id, of the same project. Raises
    StartingWeightsMissing."""
    if is_model_id(reference):
        model = session.scalar(_there(project).where(TrainedModel.id == reference))
        return _file_of(model, reference)
    theirs = (Job.id == reference) & (Job.project == project) & Job.deleted_at.is_(None)
    row = session.execute(select(Job.status, Job.weights).where(theirs)).first()
    if row is None:
        raise StartingWeightsMissing(f"there is no job {reference!r}")
    if row.weights is None:
        wait = "" if row.status in TERMINAL else ", so wait until it has succeeded"
        raise StartingWeightsMissing(f"job {reference} is {row.status}{wait}; it has no weights")
    return StoredFile(**row.weights)


def settled(session: Session, spec: ResolvedSpec, project: str, version: DatasetVersion | None) -> ResolvedSpec:
    """`spec` with the id of the trained model that its `starting_weights` name now: an alias that is moved later
    changes nothing. The id of a job stays. `version`: of the data set, where it is an uploaded one.

    The trained model is not deleted until the transaction ends, and then the job needs it. Raises
    StartingWeightsMissing, and StartingWeightsUnfit where they are of another network, as far as it is known.
    """
    reference = spec.starting_weights
    if reference is None:
        return spec
    if is_id(reference):
        weights_of(session, reference, project)
        model = session.scalar(_there(project).where(TrainedModel.job_id == reference).limit(1))
    else:
        model = _locked(session, reference, project)
        spec = spec.model_copy(update={"starting_weights": model.id})
    if model is not None:
        _require_fit(spec, reference, _Input.of(model), _channels(spec, version))
    return spec


def _locked(session: Session, reference: str, project: str) -> TrainedModel:
    try:
        found = resolve(session, project, reference)
    except ModelNotFound as error:
        raise StartingWeightsMissing(f"there is no job {reference!r}, and no trained model of that name") from error
    same = _there(project).where(TrainedModel.id == found.id).with_for_update(read=True)
    model = session.scalar(same.execution_options(populate_existing=True))
    _file_of(model, reference)
    assert model is not None
    return model


def _there(project: str) -> Select[TrainedModel]:
    return select(TrainedModel).where(TrainedModel.project == project, TrainedModel.deleted_at.is_(None))


def _file_of(model: TrainedModel | None, reference: str) -> StoredFile:
    found = files_of(model).get(WEIGHTS) if model else None
    if found is None:
        raise StartingWeightsMissing(f"there is no trained model {reference!r}")
    return found


@dataclass(frozen=True, slots=True)
class _Input:
    """What a trained model's network is, and takes in. `architecture`: None where a later release has made it."""

    architecture: Architecture | None
    size: int
    channels: int

    @classmethod
    def of(cls, model: TrainedModel) -> "_Input":
        taken = model.manifest["input"]
        try:
            architecture = _ARCHITECTURE.validate_python(model.manifest["architecture"])
        except ValidationError:
            architecture = None
        return cls(architecture, taken["size"], taken["channels"])


def _require_fit(spec: ResolvedSpec, reference: str, given: _Input, channels: int | None) -> None:
    reason = misfit(spec.architecture, given.architecture, given.size) if given.architecture else None
    if reason is None and channels is not None and channels != given.channels:
        reason = f"is for {_colour(given.channels)} images, and those of {spec.dataset} are {_colour(channels)}"
    if reason is not None:
        raise StartingWeightsUnfit(reference, reason)


def _channels(spec: ResolvedSpec, version: DatasetVersion | None) -> int | None:
    """Of the images that the job trains on; None where only a worker knows."""
    if version is not None:
        return version.channels
    known = KNOWN_DATASETS.get(spec.dataset)
    return known.channels if known else None


def _colour(channels: int) -> str:
    return "grey" if channels == 1 else "RGB"
