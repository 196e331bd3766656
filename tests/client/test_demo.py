"""The demo and the lab exercise, in front of a service that gives set answers."""

import io
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

import demo
from epochal import Epochal
from epochal.terminal.screen import Screen
from epochal.types import Diagnosis
from serve import Service, ServiceFailed
from settings import Settings
from training.spec import Cosine, Sgd, TrainingSpec

Body = Callable[..., dict[str, Any]]

NO_DATA = {
    "code": "dataset_invalid",
    "message": "cifar100 cannot be downloaded.",
    "hint": "Put its images into the data sets' folder.",
    "retryable": True,
    "attempt": 1,
}

FINDING = {"code": "overfitting", "severity": "warning", "since_epoch": 0, "evidence": {}, "epochs": [0]}
WORDS = {"expected": "Less so.", "why": "So it is."}
DIAGNOSIS = {
    "epochs": 2,
    "findings": [
        {
            "sentence": "It learns by heart.",
            "suggestion": {"spec": {"augmentation": {"flip": True}}, **WORDS},
            **FINDING,
        },
        {"sentence": "It is short.", "suggestion": None, **FINDING},
    ],
    "forecast": None,
}


SWEEP_LINKS = dict.fromkeys(("self", "cancel", "jobs", "answer"), "/")
WORKER: dict[str, Any] = {
    **dict.fromkeys(("load_average", "memory_total_bytes", "memory_available_bytes")),
    "id": "a",
    "state": "online",
    "slots": 1,
    "busy_slots": 0,
    "jobs": [],
    "cores": 2,
    "torch_version": "2",
    "python_version": "3.11",
    "epochal_version": "0.3.0",
    "started_at": "2026-11-23T10:00:00Z",
    "seen_at": "2026-11-23T10:00:05Z",
}


class FakeService:
    """Every job ends as `job` says, at once; `submitted` and `cancelled` are what was asked for."""

    def __init__(self, job: dict[str, Any], rows: list[dict[str, Any]], devices: list[str]) -> None:
        self.job = job
        self.rows = rows
        self.devices = devices
        self.submitted: list[dict[str, Any]] = []
        self.experiments: list[tuple[str, dict[str, Any]]] = []
        self.cancelled = False

    def client(self, address: str = "http://127.0.0.1:8000") -> Epochal:
        return Epochal(address, transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        match request.method, request.url.path.removeprefix("/v1/jobs/job_1"):
            case "POST", "/v1/jobs":
                self.submitted.append(json.loads(request.content))
                return httpx2.Response(201, json=self.job)
            case "POST", "/cancel":
                self.cancelled = True
                self.job = self.job | {"status": "cancelled", "queue": None}
                return httpx2.Response(202, json=self.job)
            case "GET", "":
                return httpx2.Response(200, json=self.job)
            case "GET", "/metrics":
                return httpx2.Response(200, json={"data": self.rows, "has_more": False, "next": None})
            case "GET", "/stream":
                content, kind = b'event: end\ndata: {"status": "cancelled"}\n\n', {"Content-Type": "text/event-stream"}
                return httpx2.Response(200, headers=kind, content=content)
            case "GET", "/log":
                return httpx2.Response(200, text="Test Accuracy: 97.50%\n")
            case "GET", "/curves.svg" | "/curves.png" as path:
                return httpx2.Response(200, content=path.encode())
            case "GET", "/diagnosis":
                return httpx2.Response(200, json=DIAGNOSIS)
            case "GET", "/report":
                return httpx2.Response(200, text=f"{request.url.params}")
            case "GET", "/v1/experiments":
                told = {"title": "T", "question": "Why?", "expectation": "E", "sizes": {}, "url": "/"}
                return httpx2.Response(200, json={"data": [{"name": name, **told} for name in ("one", "two")]})
            case "POST", "/v1/experiments/one" | "/v1/experiments/two" as path:
                self.experiments.append((path, json.loads(request.content)))
                return httpx2.Response(201, json=self._sweep(path[-3:], "queued"))
            case "GET", "/v1/sweeps/swp_one" | "/v1/sweeps/swp_two" as path:
                return httpx2.Response(200, json=self._sweep(path[-3:], "succeeded"))
            case "GET", "/v1/sweeps/swp_one/answer" | "/v1/sweeps/swp_two/answer" as path:
                words = ("sweep_id", "experiment", "title", "question", "expectation", "summary", "ranking")
                answered: dict[str, Any] = {word: f"{path[15:18]}'s {word}" for word in words} | {
                    "complete": True,
                    "links": dict.fromkeys(("sweep", "picture", "picture_png", "markdown", "html"), "/"),
                }
                lists: dict[str, Any] = {"findings": [], "notes": [], "trials": []}
                return httpx2.Response(200, json={**answered, **lists, "created_at": "2026-11-23T10:00:00Z"})
            case "POST", "/v1/sweeps/swp_one/cancel":
                self.cancelled = True
                return httpx2.Response(202, json=self._sweep("one", "cancelled"))
            case "GET", "/v1/workers":
                return httpx2.Response(200, json={"data": [self._worker()], "has_more": False, "next": None})
        raise AssertionError(request)

    def _sweep(self, name: str, status: str) -> dict[str, Any]:
        progress = {"jobs_over": 0, "jobs": 0, "percent": 0.0}
        body: dict[str, Any] = {"id": f"swp_{name}", "name": name, "experiment": name, "status": status, "jobs": {}}
        body |= {"progress": progress, "created_at": "2026-11-23T10:00:00Z", "links": SWEEP_LINKS}
        return body | {"spec": {}, "space": {}, "trials": []}

    def _worker(self) -> dict[str, Any]:
        return WORKER | {"devices": self.devices}


@pytest.fixture
def service(job_body: Body, epoch_body: Body) -> FakeService:
    """On a CPU, where every job succeeds with 97.5 %."""
    rows = [epoch_body(0, train_accuracy=0.5), epoch_body(1, train_accuracy=0.9975, test_accuracy=0.975)]
    return FakeService(
        job_body(status="succeeded", latest=rows[1], best=rows[1] | {"chosen_on": "test"}), rows, ["cpu"]
    )


class Shown(Screen):
    """A screen that is no terminal, and keeps what was printed."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream, size=lambda: (100, 24))


@pytest.fixture
def screen() -> Shown:
    return Shown()


def text(screen: Shown) -> str:
    return screen.stream.getvalue()


def test_the_digits_spec_is_accepted() -> None:
    spec = TrainingSpec.model_validate_json(json.dumps(demo.DIGITS))
    assert spec.dataset == "digits"
    assert not spec.augmentation.flip


@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_the_lab_spec_is_accepted_and_the_literatures(epochs: int) -> None:
    spec = TrainingSpec.model_validate_json(json.dumps(demo.lab_spec(epochs)))
    assert (spec.dataset, spec.architecture.name, spec.epochs) == ("cifar100", "resnet18", epochs)
    assert spec.batch_size == 128
    assert spec.optimizer == Sgd(learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert spec.schedule == Cosine(warmup_epochs=0 if epochs == 1 else 1)
    assert spec.augmentation.flip
    assert spec.augmentation.crop is not None
    assert spec.augmentation.crop.padding == 4


def test_the_digits_are_reported_drawn_and_judged(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    assert demo.digits(service.client(), tmp_path / "demo", screen).good
    assert [body["spec"] for body in service.submitted] == [demo.DIGITS]
    shown = text(screen)
    assert "\nThe report, as http://127.0.0.1:8000/v1/jobs/job_1/log has it:\n\nTest Accuracy: 97.50%\n" in shown
    for name in ("curves.svg", "curves.png"):
        assert (tmp_path / "demo" / name).read_text() == f"/{name}"
        assert str(tmp_path / "demo" / name) in shown
    assert shown.endswith("Verdict: 97.50% test accuracy, above the 95% that this demo asks for.\n")


def test_digits_that_were_not_learnt_are_no_success(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    service.job["latest"] = service.job["latest"] | {"test_accuracy": 0.95}
    assert not demo.digits(service.client(), tmp_path, screen).good
    assert "Verdict: 95.00% test accuracy, NOT above the 95%" in text(screen)


def test_the_lab_on_a_cpu_is_short_and_says_so(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    assert demo.lab(service.client(), tmp_path / "lab", screen, epochs=None).good
    assert [body["spec"]["epochs"] for body in service.submitted] == [2]
    shown = text(screen)
    assert shown.startswith("No worker has an accelerator, and a CPU needs many minutes for an epoch: 2 epochs instead")
    assert "EPOCHS=200 make lab\n" in shown
    rows = [line.split()[:5] for line in shown.splitlines() if line.lstrip()[:1] in ("0", "1")]
    assert "EPOCH  TRAIN LOSS  TRAIN ACC  TEST LOSS  TEST ACC" in shown
    assert rows == [
        ["0", "0.5000", "50.00%", "0.2500", "95.00%"],
        ["1", "0.5000", "99.75%", "0.2500", "97.50%"],
    ]
    report = tmp_path / "lab" / "report.log"
    assert report.read_text() == "Test Accuracy: 97.50%\n"
    assert f"Report: {report}\n" in shown
    assert (tmp_path / "lab" / "curves.png").exists()
    said = 'What the curves say:\n- It learns by heart. To try: {"augmentation": {"flip": true}}.\n- It is short.\n'
    assert said in shown


def test_the_lab_ends_with_the_experiments_in_one_report(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    assert demo.lab(service.client(), tmp_path, screen, epochs=2, size="small").good
    asked = {"size": "small", "tags": ["demo"]}
    assert service.experiments == [("/v1/experiments/one", asked), ("/v1/experiments/two", asked)]
    shown = text(screen)
    for name in ("one", "two"):
        assert f"{name}'s question\n   {name}'s summary {name}'s ranking\n" in shown
    for kind in ("html", "md"):
        report = tmp_path / f"report.{kind}"
        assert report.read_text() == f"format={kind}&sweep=swp_one&sweep=swp_two"
        assert f"The whole report: {report}\n" in shown


def test_the_lab_on_an_accelerator_is_whole(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    service.devices = ["cpu", "NVIDIA H200"]
    assert demo.lab(service.client(), tmp_path, screen, epochs=None).good
    assert [body["spec"]["epochs"] for body in service.submitted] == [200]


def test_the_lab_takes_as_many_epochs_as_it_is_told(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    assert demo.lab(service.client(), tmp_path, screen, epochs=7).good
    assert [body["spec"]["epochs"] for body in service.submitted] == [7]
    assert "accelerator" not in text(screen)


def test_a_lab_without_data_says_what_to_do(service: FakeService, screen: Shown, tmp_path: Path) -> None:
    service.job |= {"status": "failed", "error": NO_DATA, "latest": None, "best": None}
    assert not demo.lab(service.client(), tmp_path, screen, epochs=2).good
    assert text(screen).endswith(
        "Failed: cifar100 cannot be downloaded. (dataset_invalid)\nHint: Put its images into the data sets' folder.\n"
    )


def test_curves_of_which_there_is_nothing_to_say() -> None:
    assert demo.curves_say(Diagnosis(epochs=2, findings=())) == "The diagnosis has nothing to say of these curves."


class Program:
    """`demo.main` with a service that takes no time to start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, service: FakeService) -> None:
        self._monkeypatch = monkeypatch
        self.failure: str | None = None
        self.ports: list[int] = []
        self.drained = False
        monkeypatch.setattr(demo, "running", self._running)
        monkeypatch.setattr(demo, "Epochal", service.client)

    def __call__(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["demo.py", *arguments])
        return demo.main()

    @contextmanager
    def _running(self, settings: Settings, *, quiet: bool) -> Iterator[Service]:
        assert quiet
        self.ports.append(settings.port)
        if self.failure:
            raise ServiceFailed(self.failure)
        try:
            yield Service(f"http://127.0.0.1:{settings.port or 54321}")
        finally:
            self.drained = True


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, service: FakeService, tmp_path: Path) -> Program:
    monkeypatch.setenv("EPOCHAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EPOCHAL_PORT", str(free_port()))
    monkeypatch.delenv("EPOCHS", raising=False)
    monkeypatch.delenv("EXPERIMENTS", raising=False)
    return Program(monkeypatch, service)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_it_says_where_the_api_answers_while_it_does(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program("digits") == 0
    assert program.drained
    shown = capsys.readouterr().out
    url = f"http://127.0.0.1:{program.ports[0]}"
    assert f"The page is at {url}, the API described at {url}/docs, while this runs.\n" in shown
    assert f"Nothing is left running. `make up` brings back the page {url} and {url}/docs" in shown
    *_, command, _, page = shown.splitlines()
    assert page == f"  {url}/jobs/job_1"
    assert command.startswith(f"  curl -X POST {url}/v1/jobs -H 'Content-Type: application/json' -d '")
    TrainingSpec.model_validate_json(json.dumps(json.loads(command.split("'")[-2])["spec"]))


def test_a_port_in_use_is_no_obstacle(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("EPOCHAL_PORT", str(port))
        assert program("digits") == 0
    assert program.ports == [0]
    shown = capsys.readouterr().out
    assert shown.startswith(f"Something listens on port {port} already: a free one instead.\n")
    assert "`EPOCHAL_PORT=54321 make up` brings back the page http://127.0.0.1:54321" in shown


def test_a_service_that_does_not_start_says_why(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program.failure = "Another service runs in [data]."
    assert program("lab") == 1
    assert capsys.readouterr().out.endswith("Another service runs in [data].\n")


def test_settings_that_make_no_sense_are_said(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_PORT", "ninety")
    with pytest.raises(SystemExit, match="EPOCHAL_PORT: Input should be a valid integer"):
        program("digits")


def test_a_job_that_fails_is_exit_code_1(program: Program, service: FakeService) -> None:
    service.job |= {"status": "failed", "error": NO_DATA}
    assert program("lab") == 1
    assert program.drained


def test_ctrl_c_takes_the_job_along_and_drains(
    program: Program, service: FakeService, job_body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    service.job = job_body()
    monkeypatch.setattr("time.sleep", interrupt)
    assert program("digits") == 130
    assert service.cancelled
    assert program.drained


@pytest.mark.parametrize(("variable", "arguments", "epochs"), [("3", (), 3), ("3", ("--epochs", "4"), 4), ("", (), 2)])
def test_epochs_by_environment_or_argument(
    program: Program,
    service: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    arguments: tuple[str, ...],
    epochs: int,
) -> None:
    monkeypatch.setenv("EPOCHS", variable)
    assert program("lab", *arguments) == 0
    assert [body["spec"]["epochs"] for body in service.submitted] == [epochs]


@pytest.mark.parametrize(("size", "asked"), [("", ["small"] * 2), ("full", ["full"] * 2), ("none", [])])
def test_experiments_by_environment(
    program: Program, service: FakeService, monkeypatch: pytest.MonkeyPatch, size: str, asked: list[str]
) -> None:
    monkeypatch.setenv("EXPERIMENTS", size)
    assert program("lab") == 0
    assert [body["size"] for _, body in service.experiments] == asked


def test_a_size_that_is_none_is_refused(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERIMENTS", "huge")
    with pytest.raises(SystemExit):
        program("lab")
    assert not program.ports


@pytest.mark.parametrize("epochs", ["0", "-1", "two", "1.5"])
def test_epochs_that_are_no_number(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], epochs: str
) -> None:
    monkeypatch.setenv("EPOCHS", epochs)
    with pytest.raises(SystemExit, match="2"):
        program("lab")
    assert f"'{epochs}' is no number of epochs: 1 or more" in capsys.readouterr().err
