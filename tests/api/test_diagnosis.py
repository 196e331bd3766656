"""What a job's curves mean, over HTTP."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from models import Database, Epoch, Job, JobStatus, Step
from tests.api.picture_data import pets, predictions_on, store_ready
from tests.stage import Stage

TURNED = [1.5 - 0.1 * epoch if epoch < 10 else 0.6 + 0.05 * (epoch - 10) for epoch in range(25)]


def record(stage: Stage, claim: Any, test_losses: Sequence[float], **columns: Any) -> None:
    """Epochs whose train loss falls evenly."""
    with stage.database.session() as session:
        session.add_all(
            Epoch(
                job_id=claim.job_id,
                attempt=claim.attempt,
                epoch=epoch,
                train_loss=2 / (epoch + 1),
                train_accuracy=min(0.95, 0.3 + 0.04 * epoch),
                test_loss=loss,
                test_accuracy=0.7,
                learning_rate=0.1,
                seconds=1.0,
                images_per_second=1.0,
                **columns,
            )
            for epoch, loss in enumerate(test_losses)
        )


def codes(client: TestClient, job_id: str) -> list[str]:
    return [finding["code"] for finding in client.get(f"/v1/jobs/{job_id}/diagnosis").json()["findings"]]


def test_a_running_job_is_diagnosed_and_its_suggestion_rerun(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(epochs=50)
    claim = stage.start(job_id)
    empty = client.get(f"/v1/jobs/{job_id}/diagnosis")
    assert empty.json() == {"epochs": 0, "findings": [], "forecast": None}
    record(stage, claim, TURNED)
    with stage.database.session() as session:  # what a recorded epoch does
        session.execute(update(Job).values(revision=Job.revision + 1, latest_epoch=24))
    answer = client.get(f"/v1/jobs/{job_id}/diagnosis").json()
    overfitting = answer["findings"][0]
    assert (answer["epochs"], overfitting["code"], overfitting["since_epoch"]) == (25, "overfitting", 9)
    assert answer["forecast"]["epoch"] == 49
    assert answer["forecast"]["low"] <= 0.7 <= answer["forecast"]["high"]
    again = client.post(f"/v1/jobs/{job_id}/rerun", json={"spec": overfitting["suggestion"]["spec"]})
    assert again.status_code == 201
    assert again.json()["spec"]["augmentation"]["crop"]["padding"] == 1


def test_an_unchanged_job_is_not_sent_again(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(epochs=50)
    claim = stage.start(job_id)
    address = f"/v1/jobs/{job_id}/diagnosis"
    tag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(address, headers={"If-Match": '"other"'}).status_code == 412
    stage.epoch(claim, 0)
    assert client.get(address, headers={"If-None-Match": tag}).json()["epochs"] == 1


def test_a_long_run_is_read_in_part(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(epochs=10_000)
    stage.many_epochs(stage.start(job_id), range(4500))
    assert 900 <= client.get(f"/v1/jobs/{job_id}/diagnosis").json()["epochs"] <= 1000


def test_a_job_that_diverged_says_so(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.fail(claim)
    assert codes(client, job_id) == ["diverged"]


def test_the_confusion_matrix_is_read_of_a_job_that_has_one(
    client: TestClient, stage: Stage, database: Database
) -> None:
    predictions = predictions_on(store_ready(database, stage.storage, pets(("cat", "dog", "bee", "fox"), each=40)))
    predictions.probabilities[:] = np.eye(4, dtype=np.float32)[predictions.labels]
    predictions.probabilities[predictions.labels == 0] = (0, 0, 0, 1)  # every bee is taken for a fox
    job_id = stage.submit(dataset="pets")
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.succeed(claim, predictions=predictions.to_bytes())
    found = client.get(f"/v1/jobs/{job_id}/diagnosis").json()["findings"]
    sentences = {finding["code"]: finding["sentence"] for finding in found}
    assert "never answers bee" in sentences["class_never_predicted"]
    assert "bee for fox (100%)" in sentences["classes_confused"]


@pytest.mark.parametrize("column", ["train_loss", "test_loss"])
def test_numbers_that_are_none_do_not_break_the_answer(client: TestClient, stage: Stage, column: str) -> None:
    job_id = stage.submit(epochs=50)
    record(stage, stage.start(job_id), TURNED)
    with stage.database.session() as session:
        session.execute(update(Epoch).where(Epoch.epoch == 20).values({column: float("nan")}))
    answer = client.get(f"/v1/jobs/{job_id}/diagnosis")
    assert json.loads(answer.content)["findings"][0]["code"] == "diverged"


def test_a_job_that_failed_at_a_step_says_in_which_epoch(client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(epochs=50)
    claim = stage.start(job_id)
    record(stage, claim, TURNED[:7])
    with stage.database.session() as session:
        session.add(Step(job_id=job_id, attempt=claim.attempt, epoch=7, step=4, loss=float("nan"), learning_rate=0.1))
    stage.fail(claim)
    (found,) = client.get(f"/v1/jobs/{job_id}/diagnosis").json()["findings"]
    assert (found["code"], found["since_epoch"]) == ("diverged", 7)


@pytest.mark.parametrize("status", JobStatus)
def test_a_forecast_is_of_a_job_that_runs(status: JobStatus, client: TestClient, stage: Stage) -> None:
    job_id = stage.submit(epochs=50)
    record(stage, stage.start(job_id), [2 * 0.8**epoch for epoch in range(8)])
    with stage.database.session() as session:
        session.execute(update(Job).values(status=status, revision=Job.revision + 1, latest_epoch=7))
    answer = client.get(f"/v1/jobs/{job_id}/diagnosis").json()
    assert (answer["forecast"] is not None) == (status is JobStatus.RUNNING)
    assert "still_improving" not in [found["code"] for found in answer["findings"]]
