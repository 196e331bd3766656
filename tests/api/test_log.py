"""The lab's log form, line for line."""

from random import Random
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from access.keys import LOOPBACK_CALLER
from api.dependencies import ProjectDatabase
from api.reading import log_text

if TYPE_CHECKING:
    from tests.stage import Stage

LAB = """\
========== epoch: 0 ==========
Epoch: 0, Step 0, Loss: 4.7306
Epoch: 0, Step 10, Loss: 3.9417
Epoch: 0, Step 20, Loss: 3.5248
Test Loss: 3.6120
Test Accuracy: 9.78%
========== epoch: 1 ==========
Epoch: 1, Step 0, Loss: 3.5577
Test Loss: 2.9000
Test Accuracy: 31.32%
========== epoch: 2 ==========
Epoch: 2, Step 0, Loss: nan
"""


def play_the_lab(stage: "Stage") -> str:
    """Two epochs and the first step of a third, which is not finished."""
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 4.730635166168213, 10: 3.9417178630828857, 20: 3.524763822555542})
    stage.epoch(claim, 0, test_loss=3.61201, test_accuracy=0.0978)
    stage.steps(claim, 1, {0: 3.5577056407928467})
    stage.epoch(claim, 1, test_loss=2.9, test_accuracy=0.31319999999999997)
    stage.steps(claim, 2, {0: float("nan")})
    return job_id


def test_log(client: TestClient, stage: "Stage") -> None:
    job_id = play_the_lab(stage)
    answer = client.get(f"/v1/jobs/{job_id}/log")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == LAB


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_pages_leave_no_trace(client: TestClient, stage: "Stage", monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(log_text, "ROWS_PER_PAGE", rows)
    assert client.get(f"/v1/jobs/{play_the_lab(stage)}/log").text == LAB


@pytest.mark.parametrize("seed", range(4))
def test_pages_leave_no_trace_whatever_is_missing(stage: "Stage", monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random = Random(seed)
    job_id = stage.submit(epochs=100)
    claim = stage.start(job_id)
    for epoch in range(12):
        if steps := random.sample(range(5), random.randrange(4)):
            stage.steps(claim, epoch, dict.fromkeys(sorted(steps), 1.0))
        if random.random() < 0.7:
            stage.epoch(claim, epoch)
    whole = "".join(log_text.stream(ProjectDatabase(stage.database, LOOPBACK_CALLER), job_id))
    for rows in range(1, 6):
        monkeypatch.setattr(log_text, "ROWS_PER_PAGE", rows)
        assert "".join(log_text.stream(ProjectDatabase(stage.database, LOOPBACK_CALLER), job_id)) == whole


def test_what_comes_in_between_two_pages_is_in_order(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_text, "ROWS_PER_PAGE", 2)
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 1.0, 1: 1.0, 2: 1.0})
    pieces = log_text.stream(ProjectDatabase(stage.database, LOOPBACK_CALLER), job_id)
    text = next(pieces)
    stage.steps(claim, 0, {3: 1.0})
    stage.epoch(claim, 0)
    text += "".join(pieces)
    assert [line.split(",")[1] for line in text.splitlines()[1:5]] == [f" Step {step}" for step in range(4)]
    assert text.splitlines()[5:] == ["Test Loss: 1.5000", "Test Accuracy: 50.00%"]


def test_an_epoch_that_is_not_evaluated_has_steps_and_no_result(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for epoch in range(2):
        stage.steps(claim, epoch, {0: 2.0})
    stage.epoch(claim, 0, test_loss=None, test_accuracy=None)
    stage.epoch(claim, 1)
    assert client.get(f"/v1/jobs/{job_id}/log").text.splitlines() == [
        "========== epoch: 0 ==========",
        "Epoch: 0, Step 0, Loss: 2.0000",
        "========== epoch: 1 ==========",
        "Epoch: 1, Step 0, Loss: 2.0000",
        "Test Loss: 1.5000",
        "Test Accuracy: 50.00%",
    ]


def test_log_of_a_job_that_has_not_started_is_empty(client: TestClient, stage: "Stage") -> None:
    answer = client.get(f"/v1/jobs/{stage.submit()}/log")
    assert (answer.status_code, answer.text) == (200, "")


def test_epochs_without_recorded_steps(client: TestClient, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_text, "ROWS_PER_PAGE", 3)
    job_id = stage.submit(epochs=10)
    stage.many_epochs(stage.start(job_id), range(10))
    lines = client.get(f"/v1/jobs/{job_id}/log").text.splitlines()
    assert lines[::3] == [f"========== epoch: {epoch} ==========" for epoch in range(10)]
