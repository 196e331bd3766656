"""Bodies as the API writes them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import (  # noqa: F401  # fixtures: the real service
    _routes_built_once,
    app,
    settings,
    stage,
    storage,
    tenants,
)

Body = Callable[..., dict[str, Any]]

FACTS = {
    "device": "cpu",
    "precision": "fp32",
    "torch_version": "2.15.0",
    "threads": 2,
    "parameters": 269_434,
    "flops": 2_600_000,
    "classes": 10,
    "image_size": 8,
    "channels": 1,
    "train_images": 1437,
    "test_images": 360,
    "steps_per_epoch": 23,
    "validation_images": 0,
    "dropped_images": 0,
    "dataset_identity": "5e" * 32,
    "placement": "resident",
    "devices": 1,
    "step": {"mode": "eager", "memory_format": "channels_last", "precision": "fp32"},
    "probed": [],
    "fingerprint": "torch 2.15.0",
}

JOB_LINKS = (
    *("stream", "cancel", "stop", "pause", "resume", "rerun", "repeats", "diagnosis", "metrics", "layers", "steps"),
    *("events", "log", "curves_svg", "curves_png", "tensorboard", "manifest", "report", "checkpoints", "weights"),
)


@pytest.fixture
def epoch_body() -> Body:
    """Makes an epoch row; keywords replace its fields."""

    def make(epoch: int = 0, **fields: Any) -> dict[str, Any]:
        row = {
            "epoch": epoch,
            "attempt": 1,
            "train_loss": 0.5,
            "train_accuracy": 0.9,
            "test_loss": 0.25,
            "test_accuracy": 0.95,
            "test_top5_accuracy": 1.0,
            "validation_loss": None,
            "validation_accuracy": None,
            "learning_rate": 0.05,
            "seconds": 1.5,
            "images_per_second": 1234.5,
            "device_memory_bytes": None,
            "gradient_norm": None,
            "update_ratio": None,
            "dead_units": None,
            "loading_share": None,
            "recorded_at": "2026-11-23T10:00:02.500Z",
        }
        return row | fields

    return make


@pytest.fixture
def attempt_body() -> Body:
    """Makes an attempt under way; keywords replace its fields."""

    def make(number: int = 1, **fields: Any) -> dict[str, Any]:
        attempt = {
            "number": number,
            "worker": "worker_a",
            "started_at": "2026-11-23T10:00:01Z",
            "ended_at": None,
            "end_reason": None,
            "devices": ["cpu"],
            "resumed_from": None,
            "facts": FACTS,
        }
        return attempt | fields

    return make


@pytest.fixture
def job_body() -> Body:
    """Makes a job, queued; keywords replace its fields."""

    def make(**fields: Any) -> dict[str, Any]:
        job: dict[str, Any] = {
            "id": "job_1",
            "project": "default",
            "name": None,
            "description": None,
            "tags": [],
            "spec": {"dataset": "digits"},
            "dataset": {"name": "digits", "identity": None},
            "status": "queued",
            "requested": None,
            "priority": 5,
            "max_retries": 3,
            "accelerator": None,
            "created_at": "2026-11-23T10:00:00Z",
            "started_at": None,
            "finished_at": None,
            "progress": {
                "epoch": None,
                "epochs": 3,
                "step": None,
                "steps_per_epoch": None,
                "percent": 0.0,
                "estimated_finish": None,
            },
            "queue": {"position": 1, "code": "about_to_start", "reason": "A slot is free: about to start."},
            "latest": None,
            "best": None,
            "attempts": [],
            "weights": None,
            "error": None,
            "parent": None,
            "predictions": None,
            "repeats": 1,
            "links": {"self": "/v1/jobs/job_1"} | {name: f"/v1/jobs/job_1/{name}" for name in JOB_LINKS},
        }
        unqueued = {"queue": None} if fields.get("status", "queued") != "queued" else {}
        return job | unqueued | fields

    return make
