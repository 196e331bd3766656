"""A spec that was accepted is not judged again by anything that carries it: not by an answer, a list, a claim, or a
worker's order."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy import update

import api.schemas
import api.schemas.estimates
import worker.messages
from api.schemas.submission import JobCreate
from jobs import lifecycle
from jobs.submission import Submission
from models import Database, Job
from training.spec import ResolvedSpec, TrainingSpec
from worker.messages import Order

if TYPE_CHECKING:
    from tests.stage import Stage

GOLDEN = Path(__file__).parents[1] / "training" / "golden"
DIGITS = ResolvedSpec(dataset="digits").model_dump(mode="json")

# Each breaks a rule of today's, as a spec may that was accepted before there was the rule.
CONFLICTING: list[dict[str, Any]] = [
    {"schedule": {"name": "cosine", "warmup_epochs": 30}},
    {"schedule": {"name": "multistep", "milestones": [9, 9]}},
    {"batch_size": 5_000},
    {"resize": "pad"},
    {"optimizer": {"name": "sgd", "momentum": 0.0, "nesterov": True}},
    {"architecture": {"name": "resnet20", "residual": False, "zero_init_last_norm": True}},
    {"regularisation": {"early_stopping": {"patience": 3}, "ema": {}, "swa": {"start_epoch": 40}}},
]


def stored_specs() -> Iterator[ResolvedSpec]:
    for file in sorted(GOLDEN.glob("*.json")):
        yield from map(ResolvedSpec.from_stored, json.loads(file.read_text()))
    for fields in CONFLICTING:
        yield ResolvedSpec.from_stored(DIGITS | fields)


@pytest.fixture
def stored(database: Database) -> dict[str, ResolvedSpec]:
    """Jobs of every stored spec, in the database alone."""
    with database.session() as session:
        return {
            lifecycle.submit(session, Submission(spec)).id: spec for spec in stored_specs() if not spec.starting_weights
        }


@pytest.mark.parametrize("fields", CONFLICTING, ids=lambda fields: next(iter(fields)))
def test_such_a_spec_would_be_refused_today(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        TrainingSpec.model_validate(DIGITS | fields)


def test_every_answer_shows_every_stored_spec(client: TestClient, stored: dict[str, ResolvedSpec]) -> None:
    listed = client.get("/v1/jobs", params={"limit": 100}).json()["data"]
    assert {job["id"]: job["spec"] for job in listed} == {
        job_id: spec.model_dump(mode="json") for job_id, spec in stored.items()
    }
    for job_id in stored:
        for address in ("", "/metrics", "/log", "/events", "/manifest", "/report?format=md"):
            answer = client.get(f"/v1/jobs/{job_id}{address}")
            assert answer.status_code == 200, answer.text
    first, *_, last = stored
    compared = client.get("/v1/compare", params={"job": [first, last]})
    assert compared.status_code == 200, compared.text
    assert client.get(f"/v1/jobs/{last}/curves.svg").status_code == 200


# Each says something that only a later release knows, at another place.
OF_A_LATER_RELEASE: list[dict[str, Any]] = [
    {"colour_of_the_curve": "red"},
    {"optimizer": {"name": "sgd", "learning_rate": 0.2, "lookahead": {"steps": 5}}},
    {"optimizer": {"name": "sophia", "learning_rate": 0.2}},
    {"schedule": {"name": "multistep", "milestones": [9, 20], "wobble": 1}},
    {"architecture": "convnext"},
    {"recipe": "of-next-year"},
    {"precision": "fp8"},
    {"epochs": 20_000},
    {"dataset": "of/another/form"},
]


@pytest.fixture
def of_a_later_release(database: Database) -> dict[str, dict[str, Any]]:
    """Stored specs by their jobs."""
    with database.session() as session:
        specs = {
            lifecycle.submit(session, Submission(ResolvedSpec(dataset="digits"))).id: DIGITS | f
            for f in OF_A_LATER_RELEASE
        }
        for job_id, spec in specs.items():
            session.execute(update(Job).where(Job.id == job_id).values(spec=spec))
    return specs


def test_a_spec_of_a_later_release_is_shown_as_it_is_stored(
    client: TestClient, of_a_later_release: dict[str, dict[str, Any]]
) -> None:
    listed = client.get("/v1/jobs", params={"limit": 100})
    assert listed.status_code == 200, listed.text
    assert {job["id"]: job["spec"] for job in listed.json()["data"]} == of_a_later_release
    for job_id in of_a_later_release:
        for address in ("", "/metrics", "/log", "/events", "/curves.svg", "/manifest", "/report?format=md"):
            answer = client.get(f"/v1/jobs/{job_id}{address}")
            assert answer.status_code == 200, answer.text
    first, *_, last = of_a_later_release
    compared = client.get("/v1/compare", params={"job": [first, last]})
    assert compared.status_code == 200, compared.text
    assert "/colour_of_the_curve" in [each["pointer"] for each in compared.json()["differences"]]


def test_a_rerun_of_it_is_refused_for_what_is_not_known(
    client: TestClient, of_a_later_release: dict[str, dict[str, Any]]
) -> None:
    answer = client.post(f"/v1/jobs/{next(iter(of_a_later_release))}/rerun")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/spec/colour_of_the_curve"]


def test_every_stored_spec_is_claimed_and_goes_to_the_trainer(
    stage: "Stage", stored: dict[str, ResolvedSpec], tmp_path: Path
) -> None:
    for job_id, spec in stored.items():
        claim = stage.claim(job_id)
        order = Order(
            job_id=job_id,
            attempt=claim.attempt,
            spec=claim.spec,
            checkpoints=(),
            starting_weights=None,
            dataset_identity=None,
            earlier_facts=None,
            finish_at_once=False,
            devices=("cpu",),
            threads=1,
            datasets_dir=tmp_path,
            downloads_dir=tmp_path,
            cache_dir=tmp_path,
            storage_url=f"file://{tmp_path}",
        )
        assert Order.model_validate_json(order.model_dump_json()).spec == spec


def test_what_an_answer_or_an_order_carries_is_of_the_type_without_rules() -> None:
    carriers = [*models_of(api.schemas), *models_of(api.schemas.estimates), *models_of(worker.messages)]
    specs = {model: spec_of(model) for model in carriers if is_spec(spec_of(model))}
    for model in (api.schemas.Job, api.schemas.estimates.DryRun, Order):
        assert model in specs
    assert [model for model in specs if specs[model] is not ResolvedSpec and model is not JobCreate] == []
    assert spec_of(JobCreate) is TrainingSpec


def spec_of(model: type[BaseModel]) -> object:
    """What its field `spec` is of, if it has one."""
    field = model.model_fields.get("spec")
    return field and field.annotation


def is_spec(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, ResolvedSpec)


def models_of(module: ModuleType) -> list[type[BaseModel]]:
    return [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, BaseModel)]
