"""Jobs that start from trained models: by which names, from which they cannot, and what is kept for them."""

from dataclasses import dataclass
from typing import Any

import pytest

from catalog.trained.errors import ModelInUse
from jobs import brought_models, lifecycle, model_names, requests, retention, trained_models
from jobs.brought_models import Brought
from jobs.errors import StartingWeightsMissing, StartingWeightsUnfit
from jobs.retention import RetentionRules
from jobs.submission import Submission
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, Job, Project, TrainedModel
from storage import StoredFile
from tests.jobs.conftest import job_of, spec
from tests.stage import Stage
from training.brought import WeightsDescription

WEIGHTS = StoredFile("models/default/mdl_x/weights.safetensors", 7, "0" * 64)


def brought(database: Database, architecture: str = "resnet18", channels: int = 1, **fields: Any) -> str:
    about = WeightsDescription.model_validate(
        {
            "architecture": {"name": architecture, **fields},
            "classes": ["a", "b"],
            "image_size": 32,
            "channels": channels,
            "mean": [1.0] * channels,
            "deviation": [1.0] * channels,
        }
    )
    model_id = brought_models.new_id(database)
    with database.session(DEFAULT_PROJECT) as session:
        brought_models.create(session, DEFAULT_PROJECT, Brought(model_id, about, "crop", WEIGHTS, {}))
    return model_id


def submit(database: Database, reference: str, project: str = DEFAULT_PROJECT, **fields: Any) -> Job:
    with database.session(project) as session:
        return lifecycle.submit(session, Submission(spec(starting_weights=reference, **fields)), project=project)


def name(database: Database, model_id: str, alias: str | None = None) -> int:
    with database.session(DEFAULT_PROJECT) as session:
        version, _ = model_names.add_version(session, DEFAULT_PROJECT, "cats", model_id)
        if alias:
            model_names.set_alias(session, DEFAULT_PROJECT, "cats", alias, version.number, None)
        return version.number


def delete(database: Database, reference: str) -> None:
    with database.session(DEFAULT_PROJECT) as session:
        trained_models.delete_model(session, DEFAULT_PROJECT, reference)


def test_a_name_means_what_it_means_at_submission(database: Database, storage: VerifiedStorage) -> None:
    first, second = brought(database), brought(database)
    name(database, first, "best")
    job = submit(database, "cats@best")
    name(database, second, "best")
    assert job_of(database, job.id).spec["starting_weights"] == first
    assert Stage(database, storage).claim(job.id).starting_weights == WEIGHTS
    for reference, expected in {"cats": second, "cats@1": first, "cats@best": second, first: first}.items():
        assert submit(database, reference).spec["starting_weights"] == expected


def test_what_is_not_there_is_not_there_for_others_either(database: Database) -> None:
    model_id = brought(database)
    name(database, model_id, "best")
    with database.session() as session:
        session.add(Project(id="other"))
    for reference in ("dogs", "cats@7", "cats@worst", "mdl_01kasm2pbk5s9d0w3g6vq8zrhf"):
        with pytest.raises(StartingWeightsMissing, match=reference):
            submit(database, reference)
    for reference in (model_id, "cats", "cats@best"):
        with pytest.raises(StartingWeightsMissing, match=f"no job {reference!r}"):
            submit(database, reference, project="other")


@dataclass(frozen=True, slots=True)
class Misfit:
    given: dict[str, Any]
    asked: dict[str, Any]
    said: str


@pytest.mark.parametrize(
    "case",
    [
        Misfit({"architecture": "resnet20"}, {}, "is a resnet20, and the job asks for a resnet18"),
        Misfit({"squeeze_excitation": True}, {}, 'resnet18 with {"squeeze_excitation": true}'),
        Misfit({"channels": 3}, {}, "is for RGB images, and those of digits are grey"),
        Misfit(
            {"stem": "imagenet"},
            {"architecture": {"name": "resnet18", "stem": "cifar"}},
            "has the imagenet stem, and the job asks for the cifar stem",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_submission(database: Database, case: Misfit) -> None:
    with pytest.raises(StartingWeightsUnfit) as refused:
        submit(database, brought(database, **case.given), **case.asked)
    assert case.said in refused.value.reason


def test_noise_the_stem_auto_and_data_that_nobody_knows_fit(database: Database) -> None:
    noisy = {"name": "resnet18", "dropout": 0.5}
    submit(database, brought(database, stem="imagenet"), architecture=noisy)
    submit(database, brought(database, channels=3), dataset="a-folder")


def test_a_job_s_id_is_judged_by_its_trained_model(database: Database, storage: VerifiedStorage) -> None:
    stage = Stage(database, storage)
    job_id = stage.submit()
    stage.succeed(stage.start(job_id))  # of RGB images
    with pytest.raises(StartingWeightsUnfit, match=f"cannot start from {job_id}: it is for RGB"):
        submit(database, job_id)
    assert submit(database, job_id, dataset="a-folder").spec["starting_weights"] == job_id


def test_what_an_open_job_starts_from_stays(database: Database, storage: VerifiedStorage) -> None:
    model_id = brought(database)
    job = submit(database, model_id)
    with pytest.raises(ModelInUse, match=job.id):
        delete(database, model_id)
    with database.session() as session:
        requests.request_cancel(session, job.id)
    delete(database, model_id)
    with pytest.raises(StartingWeightsMissing):
        submit(database, model_id)


def test_rules_leave_what_an_open_job_starts_from(database: Database, storage: VerifiedStorage) -> None:
    stage = Stage(database, storage)
    needed, other = stage.submit(), stage.submit()
    for job_id in (needed, other):
        stage.succeed(stage.start(job_id))
    with database.snapshot() as session:
        model_id = session.query(TrainedModel.id).filter(TrainedModel.job_id == needed).scalar()
    submit(database, model_id, dataset="a-folder")
    with database.snapshot() as session:
        planned = retention.plan(session, DEFAULT_PROJECT, RetentionRules(weights_days=-1))
    assert [removal.name for removal in planned] == [other]
    with database.session() as session, pytest.raises(ModelInUse):
        trained_models.forget_of_job(session, needed, DEFAULT_PROJECT)
