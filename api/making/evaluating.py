"""Has a trained model evaluated on a data set."""

from collections.abc import Sequence

from api.http.errors import InvalidRequest
from api.schemas.evaluations import EvaluationCreate
from catalog.datasets.errors import DatasetError
from catalog.datasets.listing import Catalogue
from jobs import dataset_versions, model_tasks, trained_models
from models import DatasetVersion, ModelTask, ProjectSession, TrainedModel
from training.evaluation.same_classes import difference
from training.spec import TrainingSpec


def elsewhere(catalogue: Catalogue, body: EvaluationCreate) -> str | None:
    """Why there is no such data set for everybody, as far as the API can tell; None where there may be one. Ask before
    the transaction, which must not wait for a disk."""
    conflicts = catalogue.conflicts(TrainingSpec(dataset=body.dataset))
    return next((reason for place, _value, reason in conflicts if place == ("dataset",)), None)


def request(session: ProjectSession, model: TrainedModel, body: EvaluationCreate, refusal: str | None) -> ModelTask:
    """Raises InvalidRequest where there is no such data set, or it has other classes, and what
    `model_tasks.request_evaluation` raises. `refusal`: what `elsewhere` has said."""
    name = body.dataset if body.version is None else f"{body.dataset}@{body.version}"
    try:
        version = dataset_versions.resolve(session, session.own_project, name)
    except DatasetError as error:
        raise _refused("#/version" if body.version is not None else "#/dataset", str(error)) from error
    if version is None:
        if refusal is not None:
            raise _refused("#/dataset", refusal)
    elif reason := _differs(model, version):
        raise _refused("#/dataset", reason)
    return model_tasks.request_evaluation(session, model, body.dataset, version, body.split)


def _differs(model: TrainedModel, version: DatasetVersion) -> str | None:
    taken: Sequence[str] = trained_models.manifest_of(model)["classes"]
    return difference(taken, version.classes or ())


def _refused(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest([{"pointer": pointer, "detail": detail}], 1)
