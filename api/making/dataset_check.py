"""Checks a submitted spec against its data set. Only submissions are checked: a stored job is never judged again."""

from collections.abc import Iterable

from api.http.errors import InvalidRequest
from catalog.datasets.errors import DatasetError
from catalog.datasets.listing import Catalogue
from jobs import dataset_queries, dataset_versions
from models import DatasetVersion, ProjectSession
from training.known.dataset_names import VersionName
from training.names import did_you_mean
from training.spec import TrainingSpec
from training.spec.conflicts import data_conflicts
from training.spec.part import Conflict


def refusal(datasets: Catalogue, spec: TrainingSpec) -> InvalidRequest | None:
    """Why `spec` does not fit its data set, as far as the API can tell without decoding images; None if it fits."""
    return _refused(datasets.conflicts(spec))


def require_fitting(
    session: ProjectSession, spec: TrainingSpec, elsewhere: InvalidRequest | None, trained_on: str | None = None
) -> None:
    """Raises InvalidRequest unless `spec` fits the data set that it names: the project's own, where it has uploaded one
    of this name; otherwise `elsewhere` is what `refusal` has said. `trained_on`: the identity of the data of a job that
    is submitted again, which may be there under another name or number."""
    try:
        version = dataset_versions.resolve(session, session.own_project, spec.dataset)
    except DatasetError as error:
        detail = f"{error}{_where_it_is(session, spec, trained_on)}"
        raise InvalidRequest([{"pointer": "#/spec/dataset", "detail": detail}], 1) from error
    if version is None:
        if elsewhere:
            raise _with_own_names(session, spec, elsewhere)
        return
    if refused := _refused(_conflicts(spec, version)):
        raise refused


def _where_it_is(session: ProjectSession, spec: TrainingSpec, trained_on: str | None) -> str:
    dataset = VersionName.of(spec.dataset).dataset
    same = trained_on and dataset_versions.with_content(session, session.own_project, trained_on, dataset)
    return f" The same images are {same.dataset}@{same.number}: change `spec.dataset` to that." if same else ""


def _conflicts(spec: TrainingSpec, version: DatasetVersion) -> Iterable[Conflict]:
    shape = dataset_versions.data_shape(version, spec.image_size)
    if shape is None:
        reason = "the images of this data set are of a size that no network takes: say to which they are brought"
        yield ("image_size",), spec.image_size, reason
        return
    if spec.unreadable_images == "drop":
        yield ("unreadable_images",), "drop", "a version has only images that can be read: leave it out"
    yield from data_conflicts(spec, shape)


def _with_own_names(session: ProjectSession, spec: TrainingSpec, refused: InvalidRequest) -> InvalidRequest:
    """Ask whether one of the project's own data sets was meant, where the name is near."""
    own = [newest.dataset for newest, _ready in dataset_queries.newest(session)]
    question = did_you_mean(spec.dataset, own, "Did you mean your own {}? ")
    errors = [
        {**error, "detail": f"{question}{error['detail']}"} if error.get("pointer") == "#/spec/dataset" else error
        for error in refused.errors
    ]
    return InvalidRequest(errors, len(errors))


def _refused(conflicts: Iterable[Conflict]) -> InvalidRequest | None:
    errors = [{"pointer": "/".join(("#", "spec", *map(str, path))), "detail": reason} for path, _, reason in conflicts]
    return InvalidRequest(errors, len(errors)) if errors else None
