"""The SDK has a method for every operation of the API, with all that it can be told; and none for anything else."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from api.app import create_app
from epochal import Epochal, EpochalError
from epochal.statuses import JOB_FINAL, SWEEP_FINAL
from epochal.types import Checkpoint
from models import TERMINAL
from settings import Settings
from sweeps.status import OVER

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SUBMISSION: dict[str, Any] = {
    "name": "n",
    "description": "d",
    "tags": ["t"],
    "priority": 1,
    "max_retries": 1,
    "accelerator": "cpu",
    "repeats": 2,
}
FILTERS: dict[str, Any] = {
    "status": "running",
    "dataset": "d",
    "architecture": "a",
    "tags": ["t"],
    "name": "n",
    "parent": "swp_1",
    "created_after": NOW,
    "created_before": NOW,
    "sort": "name",
    "limit": 1,
}
RETENTION = (
    "checkpoints_days",
    "weights_days",
    "keep_best",
    "dataset_versions_days",
    "keep_versions",
    "uploads_days",
)
QUOTAS: dict[str, float] = {
    "max_running_jobs": 1,
    "max_queued_jobs": 1,
    "max_storage_bytes": 1,
    "max_device_hours": 1.0,
}
SPLIT: dict[str, Any] = {"test_fraction": 0.5, "seed": 1}

# A client, and an empty file.
Call = Callable[[Epochal, Path], Any]

CALLS: dict[str, Call] = {
    "submit_job": lambda c, _: [c.jobs.create({"dataset": "d"}, **SUBMISSION), c.jobs.dry_run({"dataset": "d"})],
    "list_jobs": lambda c, _: c.jobs.list(**FILTERS),
    "list_job_summaries": lambda c, _: c.jobs.summaries(ids=["j"], search="s", **FILTERS),
    "get_curves": lambda c, _: c.curves(["j", "k"], max_points=20),
    "get_job": lambda c, _: c.jobs.retrieve("j"),
    "change_job": lambda c, _: c.jobs.update("j", name="n", description="d", tags=[], priority=1),
    "delete_job": lambda c, _: c.jobs.delete("j"),
    "rerun_job": lambda c, _: c.jobs.rerun("j", spec={}, **SUBMISSION),
    "cancel_job": lambda c, _: c.jobs.cancel("j"),
    "stop_job": lambda c, _: c.jobs.stop("j"),
    "pause_job": lambda c, _: c.jobs.pause("j"),
    "resume_job": lambda c, _: c.jobs.resume("j"),
    "get_repeats": lambda c, _: c.jobs.repeats("j", max_points=9),
    "repeat_job": lambda c, _: c.jobs.repeat("j", 3),
    "list_metrics": lambda c, _: c.jobs.metrics("j", 3, max_points=9),
    "list_steps": lambda c, _: c.jobs.steps("j", 3, 4, max_points=9),
    "get_layers": lambda c, _: c.jobs.layers("j", 3),
    "get_log": lambda c, _: c.jobs.log("j"),
    "get_tensorboard": lambda c, file: c.jobs.tensorboard("j", file),
    "get_curves_svg": lambda c, _: c.jobs.curves("j"),
    "get_curves_png": lambda c, _: c.jobs.curves("j", "png"),
    "get_diagnosis": lambda c, _: c.jobs.diagnosis("j"),
    "get_job_manifest": lambda c, _: c.jobs.manifest("j"),
    "get_job_report": lambda c, _: c.jobs.report("j", "md", sweeps=["s"]),
    "list_events": lambda c, _: c.jobs.events("j", after=3),
    "stream_events": lambda c, _: c.jobs.stream("j", after=3),
    "stream_all_events": lambda c, _: c.events.stream("p" * 30),
    "list_checkpoints": lambda c, _: c.jobs.checkpoints("j"),
    "download_checkpoint": lambda c, file: c.jobs.download_checkpoint(_checkpoint(), file),
    "download_weights": lambda c, file: c.jobs.weights("j", file),
    "download_predictions": lambda c, file: c.jobs.predictions("j", file),
    "compare_jobs": lambda c, _: c.compare(["j", "k"], max_points=9),
    "export_to_mlflow": lambda c, _: c.jobs.export_to_mlflow("j"),
    "get_evaluation": lambda c, _: c.jobs.evaluation("j"),
    "get_confusion": lambda c, _: c.jobs.confusion("j"),
    "get_confusion_csv": lambda c, _: c.jobs.picture("j", "confusion.csv"),
    "get_confusion_svg": lambda c, _: c.jobs.picture("j", "confusion.svg"),
    "get_reliability_svg": lambda c, _: c.jobs.picture("j", "reliability.svg"),
    "get_mistakes_png": lambda c, _: c.jobs.picture("j", "mistakes.png"),
    "submit_sweep": lambda c, _: c.sweeps.create(
        {"dataset": "d"}, {"seed": [1]}, **_without(SUBMISSION, "repeats", "description")
    ),
    "list_sweeps": lambda c, _: c.sweeps.list(),
    "get_sweep": lambda c, _: c.sweeps.retrieve("s", sort="best"),
    "delete_sweep": lambda c, _: c.sweeps.delete("s"),
    "cancel_sweep": lambda c, _: c.sweeps.cancel("s"),
    "get_answer": lambda c, _: c.sweeps.answer("s"),
    "get_answer_svg": lambda c, _: c.sweeps.answer_file("s", "svg"),
    "get_answer_png": lambda c, _: c.sweeps.answer_file("s", "png"),
    "get_answer_markdown": lambda c, _: c.sweeps.answer_file("s", "md"),
    "get_answer_html": lambda c, _: c.sweeps.answer_file("s"),
    "list_experiments": lambda c, _: c.experiments.list(),
    "get_experiment": lambda c, _: c.experiments.retrieve("optimizers"),
    "run_experiment": lambda c, _: c.experiments.run(
        "optimizers", size="small", dataset="d", tags=["t"], priority=1, accelerator="cpu"
    ),
    "list_datasets": lambda c, _: c.datasets.list(),
    "get_dataset": lambda c, _: c.datasets.retrieve("d"),
    "delete_dataset": lambda c, _: c.datasets.delete("d"),
    "import_dataset": lambda c, _: c.datasets.import_from("d", "file:///a", **SPLIT),
    "list_dataset_versions": lambda c, _: c.datasets.versions("d"),
    "get_dataset_version": lambda c, _: c.datasets.version("d", 1),
    "delete_dataset_version": lambda c, _: c.datasets.delete("d", 1),
    "edit_dataset": lambda c, _: c.datasets.edit("d", 1, []),
    "audit_dataset": lambda c, _: c.datasets.audits.create("d", 1, folds=3, seed=1, spec={}),
    "list_dataset_audits": lambda c, _: c.datasets.audits.list("d", 1),
    "get_dataset_audit": lambda c, _: c.datasets.audits.retrieve("d", 1, "a"),
    "list_audit_suspects": lambda c, _: c.datasets.audits.suspects("d", 1, "a"),
    "cancel_dataset_audit": lambda c, _: c.datasets.audits.cancel("d", 1, "a"),
    "get_samples_png": lambda c, _: c.datasets.samples(
        "d", 1, class_name="cat", split="test", seed=1, count=9, finding="blurred"
    ),
    "draw_augmented_samples": lambda c, _: c.datasets.augmented_samples(
        "d", 1, augmentation={"flip": True}, image_size=32, resize="crop", seed=1, count=9
    ),
    "list_dataset_images": lambda c, _: c.datasets.images("d", 1, class_name="cat", split="test"),
    "get_dataset_image": lambda c, _: c.datasets.image("d", 1, "i"),
    "list_architectures": lambda c, _: c.architectures.list(),
    "list_recipes": lambda c, _: c.recipes.list(),
    "get_recipe": lambda c, _: c.recipes.retrieve("standard"),
    "create_links": lambda c, _: c.links(["/v1/jobs/j/weights"]),
    "get_caller": lambda c, _: c.caller(),
    "list_workers": lambda c, _: c.workers.list(),
    "list_queue": lambda c, _: c.queue.list(),
    "list_models": lambda c, _: c.models.list(job="j", name="n", limit=1),
    "bring_model": lambda c, file: c.models.create(
        file, name="n", classes=["a", "b"], image_size=8, resize="crop", mean=[0.5], deviation=[0.5]
    ),
    "get_model": lambda c, _: c.models.retrieve("m"),
    "delete_model": lambda c, _: c.models.delete("m"),
    "download_model_file": lambda c, file: c.models.download("m", file, file="model.onnx"),
    "download_model_archive": lambda c, file: c.models.download("m", file),
    "export_model": lambda c, _: c.models.export("m", ["onnx"]),
    "list_model_exports": lambda c, _: c.models.exports("m"),
    "get_model_export": lambda c, _: c.models.export_status("m", "e"),
    "add_model_version": lambda c, _: c.models.add_version("n", "m"),
    "list_model_versions": lambda c, _: c.models.versions("n"),
    "list_model_aliases": lambda c, _: c.models.aliases("n"),
    "get_model_alias": lambda c, _: c.models.alias("n", "production"),
    "set_model_alias": lambda c, _: c.models.alias("n", "production", 1, reason="better"),
    "remove_model_alias": lambda c, _: c.models.delete_alias("n", "production"),
    "list_model_alias_moves": lambda c, _: c.models.alias_history("n", "production"),
    "evaluate_model": lambda c, _: c.models.evaluate("m", "d", version=1, split="train"),
    "list_model_evaluations": lambda c, _: c.models.evaluations("m"),
    "get_model_evaluation": lambda c, _: c.models.evaluation("m", "e"),
    "get_model_confusion": lambda c, _: c.models.confusion("m", "e"),
    "get_model_confusion_csv": lambda c, _: c.models.picture("m", "e", "confusion.csv"),
    "get_model_confusion_svg": lambda c, _: c.models.picture("m", "e", "confusion.svg"),
    "get_model_reliability_svg": lambda c, _: c.models.picture("m", "e", "reliability.svg"),
    "get_model_mistakes_png": lambda c, _: c.models.picture("m", "e", "mistakes.png"),
    "predict": lambda c, file: c.models.predict("m", file, top=1, explain=True),
    "create_upload": lambda c, _: c.uploads.create("d", 1, sha256="0" * 64, **SPLIT),
    "list_uploads": lambda c, _: c.uploads.list(),
    "get_upload": lambda c, _: c.uploads.retrieve("u"),
    "append_upload": lambda c, _: c.uploads.append("u", 0, b"x"),
    "delete_upload": lambda c, _: c.uploads.delete("u"),
    "create_key": lambda c, _: c.keys.create("n", ["read"], project="p", expires_at=NOW),
    "list_keys": lambda c, _: c.keys.list(),
    "get_key": lambda c, _: c.keys.retrieve("k"),
    "revoke_key": lambda c, _: c.keys.delete("k"),
    "create_webhook": lambda c, _: c.webhooks.create("https://a.b", ["job.failed"], description="d"),
    "list_webhooks": lambda c, _: c.webhooks.list(),
    "get_webhook": lambda c, _: c.webhooks.retrieve("w"),
    "change_webhook": lambda c, _: c.webhooks.update("w", url="u", events=[], description="d", enabled=False),
    "delete_webhook": lambda c, _: c.webhooks.delete("w"),
    "rotate_webhook_secret": lambda c, _: c.webhooks.rotate_secret("w"),
    "ping_webhook": lambda c, _: c.webhooks.ping("w"),
    "list_webhook_deliveries": lambda c, _: c.webhooks.deliveries("w"),
    "redeliver_webhook_delivery": lambda c, _: c.webhooks.redeliver("w", "d"),
    "list_projects": lambda c, _: c.projects.list(),
    "create_project": lambda c, _: c.projects.create("p", **QUOTAS),
    "get_project": lambda c, _: c.projects.retrieve("p"),
    "change_project": lambda c, _: c.projects.update("p", **QUOTAS),
    "get_retention": lambda c, _: c.projects.retention("p"),
    "set_retention": lambda c, _: c.projects.set_retention("p", dict.fromkeys(RETENTION, 1), dry_run=True),
    "get_service_metrics": lambda c, _: c.service.metrics(),
    "get_liveness": lambda c, _: c.service.live(),
    "get_readiness": lambda c, _: c.service.ready(),
    "list_problems": lambda c, _: c.service.problems(),
}

# What the SDK does in another way.
ELSEWHERE = {
    "upload_dataset": "uploads in parts: POST /v1/uploads",
    "upload_dataset_form": "likewise",
    "get_upload_options": "for clients of the tus protocol",
    "stream_dataset_version": "datasets.poll waits with Prefer: wait",
}
PAGING = {"after", "limit"}  # the SDK follows `next`
ONE_FORM = {"format"}  # rows come as JSON
KNOWN_AS_DRY_RUN = {"dry_run"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The contract of the API."""
    return create_app(Settings(data_dir=Path("unused"))).openapi()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, path and contract of each operation of the API, by its id."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "operationId" in operation
    }


@pytest.fixture
def sent() -> list[httpx2.Request]:
    return []


@pytest.fixture
def client(sent: list[httpx2.Request]) -> Iterator[Epochal]:
    """Of a service that has nothing."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(404, json={})

    with Epochal("http://epochal.test", transport=httpx2.MockTransport(handle)) as made:
        yield made


def test_final_statuses_are_the_service_s() -> None:
    assert {status.value for status in TERMINAL} == JOB_FINAL
    assert {status.value for status in OVER} == SWEEP_FINAL


def test_there_is_a_method_for_every_operation(operations: dict[str, Any]) -> None:
    assert {*CALLS, *ELSEWHERE} == {*operations}


@pytest.mark.parametrize("name", CALLS)
def test_a_method_asks_as_the_api_wants_to_be_asked(
    name: str, operations: dict[str, Any], client: Epochal, sent: list[httpx2.Request], tmp_path: Path
) -> None:
    """The method and the path are the operation's, and everything that it can be told can be said."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with suppress(EpochalError):
        answer = CALLS[name](client, file)
        next(iter(answer), None)
    method, template, operation = operations[name]
    assert sent, "no request"
    request = sent[0]
    assert request.method == method
    assert re.fullmatch(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(template)), request.url.path), request.url.path
    queries = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
    told = set(parse_qs(request.url.query.decode(), keep_blank_values=True))
    assert queries - PAGING - ONE_FORM - KNOWN_AS_DRY_RUN <= told <= queries, name


def test_every_field_of_a_body_can_be_said(
    document: dict[str, Any], operations: dict[str, Any], client: Epochal, sent: list[httpx2.Request], tmp_path: Path
) -> None:
    """And no other is."""
    schemas = document["components"]["schemas"]
    checked = 0
    for name, call in CALLS.items():
        content = operations[name][2].get("requestBody", {}).get("content", {}).get("application/json", {})
        reference = content.get("schema", {}).get("$ref")
        if not reference or name == "predict":
            continue
        sent.clear()
        with suppress(EpochalError):
            call(client, tmp_path / "none")
        fields = set(schemas[reference.rsplit("/", 1)[-1]]["properties"])
        assert set(json.loads(sent[0].content)) == fields, name
        checked += 1
    assert checked > 15


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


def _checkpoint() -> Checkpoint:
    return Checkpoint(
        name="c",
        attempt=1,
        epoch=1,
        step=1,
        size_bytes=1,
        sha256="0" * 64,
        created_at=NOW,
        metrics=None,
        usable=True,
        download="/v1/jobs/j/checkpoints/1/file",
    )
