"""What a job would be: as it would be stored, where it would stand, what it would take; and nothing stored."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from api.making.dry_run import preview
from api.schemas.estimates import DryRun
from jobs import lifecycle
from jobs.errors import StartingWeightsMissing
from jobs.submission import Submission
from models import Database, Event, Job, JobTag, ProjectSession
from training.spec import TrainingSpec

if TYPE_CHECKING:
    from tests.stage import Stage

PROJECT = "default"


def submitting(session: ProjectSession, body: dict[str, Any], **options: Any) -> Callable[[], Job]:
    spec = TrainingSpec.model_validate({"dataset": "digits", **body})
    return lambda: lifecycle.submit(session, Submission(spec, **options), project=PROJECT)


def previewed(database: Database, body: dict[str, Any], **options: Any) -> DryRun:
    with database.session(PROJECT) as session:
        return preview(session, submitting(session, body, **options))


def rows(database: Database) -> list[int]:
    with database.snapshot() as session:
        return [session.scalars(select(func.count()).select_from(kind)).one() for kind in (Job, Event, JobTag)]


def test_it_is_what_the_job_is_then(database: Database, stage: "Stage") -> None:
    stage.submit(priority=7)
    stage.sign_on()
    options = {"name": "a", "tags": ["lab"], "priority": 6, "accelerator": "CPU", "description": "b"}
    body = {"architecture": {"name": "resnet20"}, "epochs": 3}
    found = previewed(database, body, **options)
    with database.session(PROJECT) as session:
        job = submitting(session, body, **options)()
        for name in ("name", "tags", "priority", "accelerator", "description", "max_retries"):
            assert getattr(found, name) == getattr(job, name)
        assert found.spec.model_dump(mode="json") == job.spec
    assert (found.queue.position, found.queue.code) == (2, "behind_others")
    assert (found.parameters, found.steps_per_epoch) == (269_434, 12)
    assert [device.device for device in found.devices] == ["cpu"]


def test_nothing_is_stored(database: Database, stage: "Stage", capsys: pytest.CaptureFixture[str]) -> None:
    stage.submit(tags=["lab"])
    before = rows(database)
    capsys.readouterr()
    previewed(database, {}, tags=["lab"])
    assert rows(database) == before
    assert "queued" not in capsys.readouterr().out, "the log says nothing of a job that is none"


def test_time_and_memory_of_a_job_like_one_that_runs(database: Database, stage: "Stage") -> None:
    stage.epoch(stage.start(stage.submit()), 0)
    answer = previewed(database, {"epochs": 5}).model_dump(mode="json")
    (device,) = answer["devices"]
    assert (device["pace"]["basis"], device["pace"]["images_per_second"]["expected"]) == ("same_network", 720)
    assert answer["memory"]["total"]["low"] < answer["memory"]["parts"]["total"]
    assert answer["unknown"] is None


def test_a_data_set_that_only_a_worker_could_tell_of(database: Database) -> None:
    found = previewed(database, {"dataset": "flowers"})
    assert (found.data, found.parameters, found.memory, found.steps_per_epoch) == (None, None, None, None)
    assert found.unknown
    assert found.queue.code == "no_worker"


def test_a_conflict_that_a_worker_would_find(database: Database) -> None:
    (conflict,) = previewed(database, {"dataset": "cifar10", "batch_size": 60_000}).conflicts
    assert conflict.pointer == "#/spec/batch_size"


def test_what_would_be_refused_is(database: Database) -> None:
    with pytest.raises(StartingWeightsMissing):
        previewed(database, {"starting_weights": "job_01kasm2pbk5s9d0w3g6vq8zrhf"})
    assert rows(database) == [0, 0, 0]
