"""A service in this process: jobs that have names, and one of everything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx2
from cli.samples import MOMENT, sample

from epochal import types
from epochal.version import release

Handler = Callable[..., Any]
FINISHED = "succeeded"


def job_id(number: int) -> str:
    """Ids as the service writes them: the time of creation first."""
    return f"job_01m8ph5q{number:018}"


class Service:
    """Answers requests, and keeps them. `jobs` are its jobs, the newest first; `answers` go before everything else."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.jobs: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self.key: str | None = None  # that it asks for
        for name in ("wider", "baseline"):
            self.add(name=name)
        self.jobs.reverse()

    def add(self, **given: Any) -> dict[str, Any]:
        number = len(self.jobs) + 1
        spec = {"dataset": "digits", "epochs": 5, "architecture": {"name": "resnet18"}, "optimizer": {"name": "sgd"}}
        fields = {"id": job_id(number), "status": FINISHED, "spec": spec, "created_at": MOMENT, "finished_at": MOMENT}
        job: dict[str, Any] = sample(types.Job, **{**fields, **given})
        job["progress"] = sample(types.Progress, epochs=5, epoch=5, percent=100.0)
        job["dataset"] = {"name": "digits", "version": None, "identity": None}
        self.jobs.insert(0, job)
        return job

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, httpx2.Response)
            return answer
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return problem(401, "key_invalid", "The service does not know this key.")
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, request.url.path)
            if match and method == request.method:
                made = handler(self, request, *match.groups())
                return made if isinstance(made, httpx2.Response) else httpx2.Response(200, json=made)
        return problem(404, "not_found", f"There is nothing at {request.url.path}.")

    def sent(self, method: str = "POST") -> Any:
        """The body of the last request with this method."""
        return json.loads(next(each for each in reversed(self.requests) if each.method == method).content)


def problem(status: int, code: str, detail: str, **members: Any) -> httpx2.Response:
    """An error of the API."""
    body = {"type": f"/problems/{code}", "title": code, "status": status, "detail": detail, "code": code}
    body = {**body, "instance": "/", "request_id": "req_1", **members}
    return httpx2.Response(status, content=json.dumps(body), headers={"Content-Type": "application/problem+json"})


def page(rows: list[Any]) -> dict[str, Any]:
    return {"data": rows, "has_more": False, "next": None}


def _job(service: Service, _request: httpx2.Request, job: str) -> Any:
    return next(
        (each for each in service.jobs if each["id"] == job), problem(404, "job_not_found", f"There is no job {job}.")
    )


def _jobs(service: Service, request: httpx2.Request) -> Any:
    asked = request.url.params
    rows = [each for each in service.jobs if asked.get("name") in (None, each["name"])]
    statuses = asked.get_list("status")
    return page([each for each in rows if not statuses or each["status"] in statuses])


def _submit(service: Service, request: httpx2.Request) -> Any:
    body = json.loads(request.content)
    if request.url.params.get("dry_run"):
        trial = sample(types.DryRun, spec=body["spec"], parameters=1, flops=1, steps_per_epoch=1)
        return {**trial, "queue": sample(types.QueuePlace)}
    fields = {name: value for name, value in body.items() if name not in ("spec", "repeats")}
    return service.add(**{"name": None, **fields})


def _rerun(service: Service, request: httpx2.Request, _job: str) -> Any:
    return service.add(name=json.loads(request.content).get("name"))


def _epochs(*_: Any) -> Any:
    rows = [sample(types.EpochRow, epoch=epoch, train_loss=1 / (epoch + 1), test_accuracy=0.5) for epoch in range(5)]
    return page([{**row, "test_loss": "NaN"} for row in rows])


def _stream(*_: Any) -> httpx2.Response:
    event = sample(types.Event, id=1, type=FINISHED)
    text = f"id: 1\ndata: {json.dumps(event)}\n\nevent: end\ndata: {{}}\n\n"
    return httpx2.Response(200, content=text, headers={"Content-Type": "text/event-stream"})


def _compare(service: Service, request: httpx2.Request) -> Any:
    jobs = [
        {**sample(types.ComparedJob, id=each, name=each, status=FINISHED, repeats=1), "curves": _curves()}
        for each in request.url.params.get_list("job")
    ]
    return sample(types.Comparison, epochs=[0, 1], jobs=jobs)


def _curves() -> dict[str, Any]:
    curves = sample(types.Curves)
    return {**{name: [None, None] for name in curves}, "test_loss": [1.0, 0.5], "test_accuracy": [0.5, 0.6]}


def _models(*_: Any) -> Any:
    return page([sample(types.TrainedModelSummary, id="mdl_1", names=[], files=[], metrics=None)])


def one(kind: Any, **given: Any) -> Handler:
    return lambda *_: sample(kind, **given)


def many(kind: Any, **given: Any) -> Handler:
    return lambda *_: page([sample(kind, **given)])


def content(body: bytes) -> Handler:
    return lambda *_: httpx2.Response(200, content=body)


def _answer(*_: Any) -> Any:
    return sample(types.Answer, findings=[], notes=[], trials=[])


_SWEEP = {"progress": {"jobs_over": 1, "jobs": 1, "percent": 100.0}, "status": FINISHED, "trials": [], "jobs": {}}
_MODEL = {"classes": ["cat", "dog"], "files": [], "names": [], "metrics": None}
_PROJECT = {"usage": {**dict.fromkeys(sample(types.Usage), 0), "storage_by_kind": {}}}
_PREDICTION = {"labels": [{"label": "cat", "probability": 0.9}], "activation_map": None, "error": None}

ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/livez", one(types.Live)),
    ("GET", "/readyz", one(types.Ready, workers=1)),
    ("GET", "/v1/jobs", _jobs),
    ("POST", "/v1/jobs", _submit),
    ("GET", "/v1/jobs/([^/]+)", _job),
    ("PATCH", "/v1/jobs/([^/]+)", _job),
    ("DELETE", "/v1/jobs/[^/]+", content(b"")),
    ("POST", "/v1/jobs/([^/]+)/rerun", _rerun),
    ("POST", "/v1/jobs/([^/]+)/(?:cancel|stop|pause|resume)", _job),
    ("GET", "/v1/jobs/[^/]+/metrics", _epochs),
    ("GET", "/v1/jobs/[^/]+/steps", many(types.StepRow)),
    ("GET", "/v1/jobs/[^/]+/events", many(types.Event)),
    ("GET", "/v1/jobs/[^/]+/stream", _stream),
    ("GET", "/v1/jobs/[^/]+/log", content(b"Epoch: 0, Step 0, Loss: 4.7\nTest Loss: 3.6\n")),
    ("GET", r"/v1/jobs/[^/]+/curves\.(?:svg|png)", content(b"<svg/>")),
    ("GET", "/v1/jobs/[^/]+/report", content(b"# Report\n")),
    ("GET", "/v1/jobs/[^/]+/diagnosis", one(types.Diagnosis)),
    ("GET", "/v1/compare", _compare),
    ("GET", "/v1/datasets", many(types.Dataset, name="digits")),
    ("GET", "/v1/datasets/([^/]+)", one(types.Dataset, name="pets", source="upload")),
    ("GET", "/v1/datasets/[^/]+/versions", many(types.DatasetVersionSummary, version=1)),
    ("GET", "/v1/datasets/[^/]+/versions/1", one(types.DatasetVersion, version=1, status="ready")),
    ("DELETE", "/v1/datasets/[^/]+(?:/versions/1)?", content(b"")),
    ("GET", "/v1/models", _models),
    ("GET", "/v1/models/[^/]+", one(types.TrainedModel, **_MODEL)),
    ("DELETE", "/v1/models/[^/]+", content(b"")),
    ("GET", "/v1/models/[^/]+/(?:archive|files/[^/]+)", content(b"weights")),
    ("POST", "/v1/models/[^/]+/predict", one(types.PredictionAnswer, predictions=[_PREDICTION])),
    ("GET", "/v1/models/[^/]+/aliases", many(types.ModelAlias)),
    ("GET", "/v1/models/[^/]+/aliases/[^/]+", one(types.ModelAlias)),
    ("PUT", "/v1/models/[^/]+/aliases/[^/]+", one(types.ModelAlias, version=2)),
    ("GET", "/v1/experiments", many(types.Experiment)),
    ("POST", "/v1/experiments/[^/]+", one(types.Sweep, **_SWEEP)),
    ("GET", "/v1/sweeps", many(types.SweepSummary, **{**_SWEEP, "trials": None})),
    ("GET", "/v1/sweeps/[^/]+", one(types.Sweep, **_SWEEP)),
    ("POST", "/v1/sweeps/[^/]+/cancel", one(types.Sweep, **_SWEEP)),
    ("DELETE", "/v1/sweeps/[^/]+", content(b"")),
    ("GET", "/v1/sweeps/[^/]+/answer", _answer),
    ("GET", r"/v1/sweeps/[^/]+/answer\.html", content(b"<html/>")),
    ("GET", "/v1/recipes", many(types.Recipe, name="standard")),
    ("GET", "/v1/recipes/[^/]+", one(types.Recipe)),
    ("GET", "/v1/architectures", many(types.Architecture, sizes=[sample(types.NetworkSize)])),
    ("GET", "/v1/workers", many(types.Worker, devices=["cpu"], epochal_version=release())),
    ("GET", "/v1/queue", many(types.QueuedJob)),
    ("GET", "/v1/keys", many(types.Key)),
    ("POST", "/v1/keys", one(types.NewKey, key="epochal_1.secret")),
    ("DELETE", "/v1/keys/[^/]+", one(types.Key)),
    ("GET", "/v1/projects", many(types.Project, **_PROJECT)),
    ("POST", "/v1/projects", one(types.Project, **_PROJECT)),
    ("GET", "/v1/projects/[^/]+", one(types.Project, **_PROJECT)),
    ("PATCH", "/v1/projects/[^/]+", one(types.Project, **_PROJECT)),
]
