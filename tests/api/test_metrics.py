"""Rows of epochs and steps: what they say, and that polling them loses and doubles none."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient

from api.schemas import EpochRow, StepRow
from training.metrics import EpochMetrics, StepMetrics

if TYPE_CHECKING:
    from tests.stage import Stage

NAN = float("nan")


def test_rows_have_what_training_measures() -> None:
    for row, measured in ((EpochRow, EpochMetrics), (StepRow, StepMetrics)):
        apart = {"layers"} & measured.model_fields.keys()  # GET …/layers has them
        assert set(row.model_fields) == {*measured.model_fields, "attempt", "recorded_at"} - apart


def test_epochs(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_loss=NAN)
    stage.epoch(claim, 1, test_loss=float("inf"))
    page = client.get(f"/v1/jobs/{job_id}/metrics").json()
    first, second = page["data"]
    assert first.pop("recorded_at").endswith("Z")
    assert first == {
        "epoch": 0,
        "train_loss": 1.25,
        "train_accuracy": 0.6,
        "test_loss": "NaN",
        "test_accuracy": 0.5,
        "test_top5_accuracy": 0.9,
        "validation_loss": None,
        "validation_accuracy": None,
        "learning_rate": 0.1,
        "seconds": 2.0,
        "images_per_second": 720.0,
        "device_memory_bytes": None,
        "gradient_norm": None,
        "update_ratio": None,
        "dead_units": None,
        "loading_share": None,
        "attempt": 1,
    }
    assert second["test_loss"] == "Infinity"
    assert page["has_more"] is False


def test_signals_are_in_the_rows_and_layers_apart(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    assert client.get(f"/v1/jobs/{job_id}/layers").json() == {"epoch": None, "data": []}
    signals = {"gradient_norm": 2.5, "update_ratio": 0.001, "dead_units": 0.25, "loading_share": 0.125}
    layers: list[dict[str, Any]] = [
        {"name": "stem.convolution", "gradient_norm": 1.5, "dead_units": 0.25},
        {"name": "head.linear", "gradient_norm": None, "dead_units": None},
    ]
    stage.epoch(claim, 0, **signals, layers=[{**layers[0], "gradient_norm": 9.0}])
    stage.epoch(claim, 1, **signals, layers=layers)
    stage.epoch(claim, 2)
    row = client.get(f"/v1/jobs/{job_id}/metrics?after_epoch=0&limit=1").json()["data"][0]
    assert {name: row[name] for name in signals} == signals
    assert "layers" not in row
    header, _, line, *_ = client.get(f"/v1/jobs/{job_id}/metrics?format=csv").text.splitlines()
    assert (
        dict(zip(header.split(","), line.split(","), strict=True)).items()
        >= {name: str(value) for name, value in signals.items()}.items()
    )
    assert client.get(f"/v1/jobs/{job_id}/layers").json() == {"epoch": 1, "data": layers}
    assert client.get(f"/v1/jobs/{job_id}/layers?epoch=1").json()["epoch"] == 1
    first = client.get(f"/v1/jobs/{job_id}/layers?epoch=0").json()
    assert (first["epoch"], first["data"][0]["gradient_norm"]) == (0, 9.0)
    assert client.get(f"/v1/jobs/{job_id}/layers?epoch=-1").status_code == 422
    assert client.get("/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/layers").status_code == 404


def test_what_was_not_evaluated_is_null_and_what_was_split_off_is_there(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(validation=0.2)
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_loss=None, test_accuracy=None)
    stage.epoch(claim, 1, validation_accuracy=0.7)
    first, second = client.get(f"/v1/jobs/{job_id}/metrics").json()["data"]
    evaluated = ("test_loss", "test_accuracy", "test_top5_accuracy", "validation_loss", "validation_accuracy")
    assert [first[name] for name in evaluated] == [None] * 5
    assert [second[name] for name in evaluated] == [1.5, 0.5, 0.9, 1.75, 0.7]
    assert first["train_loss"] == 1.25


def test_polling_epochs_loses_and_doubles_none(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(epochs=50)
    claim = stage.start(job_id)
    address = f"/v1/jobs/{job_id}/metrics?limit=3"
    seen = []
    for epoch in range(11):
        stage.epoch(claim, epoch)
        if epoch % 4 == 0:
            page = client.get(address).json()
            seen += [row["epoch"] for row in page["data"]]
            address = page["next"]
    while page["has_more"]:
        page = client.get(page["next"]).json()
        seen += [row["epoch"] for row in page["data"]]
    page = client.get(page["next"]).json()
    assert seen + [row["epoch"] for row in page["data"]] == list(range(11))
    assert client.get(page["next"]).json() == {"data": [], "has_more": False, "next": page["next"]}


def test_after_epoch(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for epoch in range(4):
        stage.epoch(claim, epoch)
    rows = client.get(f"/v1/jobs/{job_id}/metrics?after_epoch=1&limit=1").json()["data"]
    assert [row["epoch"] for row in rows] == [2]


def steps(client: TestClient, address: str) -> list[tuple[int, int]]:
    rows: list[dict[str, Any]] = client.get(address).json()["data"]
    return [(row["epoch"], row["step"]) for row in rows]


def test_steps(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 2.5, 10: NAN})
    stage.steps(claim, 1, {0: 1.5})
    address = f"/v1/jobs/{job_id}/steps"
    first, second, _third = client.get(address).json()["data"]
    assert datetime.fromisoformat(first.pop("recorded_at")).utcoffset() is not None
    assert first == {"epoch": 0, "step": 0, "loss": 2.5, "learning_rate": 0.1, "attempt": 1}
    assert second["loss"] == "NaN"
    assert steps(client, f"{address}?after_epoch=0") == [(1, 0)]
    assert steps(client, f"{address}?after_epoch=0&after_step=0") == [(0, 10), (1, 0)]
    assert steps(client, f"{address}?after_epoch=-1") == [(0, 0), (0, 10), (1, 0)]


def test_polling_steps_loses_and_doubles_none(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    address = f"/v1/jobs/{job_id}/steps?limit=2"
    assert client.get(address).json()["data"] == []
    address = client.get(address).json()["next"]
    written = [(epoch, step) for epoch in range(3) for step in (0, 10, 11)]
    seen = []
    for epoch, step in written:
        stage.steps(claim, epoch, {step: 1.0})
        page = client.get(address).json()
        seen += [(row["epoch"], row["step"]) for row in page["data"]]
        address = page["next"]
    assert seen == written
