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

import api.schemas
import api.schemas.estimates
import worker.messages
from api.schemas.submission import JobCreate
from jobs import lifecycle
from models import Database
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
        return {lifecycle.submit(session, spec).id: spec for spec in stored_specs() if not spec.starting_weights}


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
        for address in ("", "/metrics", "/log", "/events"):
            answer = client.get(f"/v1/jobs/{job_id}{address}")
            assert answer.status_code == 200, answer.text
    first, *_, last = stored
    compared = client.get("/v1/compare", params={"job": [first, last]})
    assert compared.status_code == 200, compared.text
    assert client.get(f"/v1/jobs/{last}/curves.svg").status_code == 200


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
