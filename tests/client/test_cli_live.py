"""The command `epochal` against the real service, with the worker's part played."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.app import create_app
from epochal.cli import main
from epochal.cli.commands.arguments import STATUSES
from epochal.cli.parser import build, find
from epochal.cli.specs import DEFAULT_NAMES, FLAGS, read_submission
from jobs.verified_storage import VerifiedStorage
from migrations import migrate
from models import Database, JobStatus
from settings import Settings
from storage import Storage
from tests.api.conftest import serving
from tests.stage import Stage
from tests.worker.validation.archives import tree
from training.spec import TrainingSpec
from worker.task_runner import TaskRunner

ROOT = Path(__file__).parents[2]
VALUES = {
    "recipe": "standard",
    "architecture.name": "resnet20",
    "batch_size": "full",
    "optimizer.name": "nesterov",
    "optimizer.learning_rate": "1e-3",
    "optimizer.momentum": "0.8",
    "optimizer.weight_decay": "0",
    "schedule.name": "one_cycle",
    "regularisation.label_smoothing": "0.1",
    "validation_fraction": "0.1",
    "image_size": "32",
    "precision": "fp32",
}


@dataclass(frozen=True)
class Place:
    """A service, and what plays its worker."""

    url: str
    stage: Stage
    settings: Settings
    database: Database


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, _redis_server: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("service")
    address = f"sqlite:///{folder}/epochal.db"
    settings = Settings.model_validate(
        {"database_url": address, "redis_url": f"redis+socket://{_redis_server}", "data_dir": folder}
    )
    database = Database(address)
    migrate(database)
    # The service is in this process: its log would stand between what the command prints.
    with capture_logs(), serving(create_app(settings)) as url:
        yield Place(url, Stage(database, Storage(settings.storage_url)), settings, database)
    database.dispose()


@pytest.fixture(autouse=True)
def environment(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_URL", place.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the programs that validate data sets
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


class Told:
    """`told("ls")` runs the command, and returns what it has printed. It fails where the exit code is not `code`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.error = ""

    def __call__(self, *argv: str, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = main(argv)
        printed = self._capsys.readouterr()
        self.error = printed.err
        assert ended == code, printed.err
        return printed.out

    def json(self, *argv: str, code: int = 0) -> Any:
        return json.loads(self(*argv, code=code))


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys)


def trained(place: Place, name: str, accuracy: float = 0.9) -> str:
    job_id = place.stage.submit(name=name, epochs=3)
    claim = place.stage.start(job_id)
    for epoch in range(3):
        place.stage.epoch(claim, epoch, test_accuracy=accuracy * (epoch + 1) / 3)
    place.stage.succeed(claim)
    return job_id


def test_the_life_of_a_job(place: Place, told: Told) -> None:
    made = told.json("submit", "-d", "digits", "-e", "3", "--set", "optimizer.learning_rate=0.05", "--name", "life")
    assert made["spec"]["optimizer"] == {**made["spec"]["optimizer"], "name": "sgd", "learning_rate": 0.05}
    assert told.json("show", made["id"][:20])["id"] == told.json("show", "@last")["id"] == made["id"]
    assert "life" in told("queue", "--output", "table")
    assert told.json("edit", "life", "--tag", "report", "--priority", "9")["priority"] == 9
    assert told.json("ls", "--tag", "report")["id"] == made["id"]
    assert told.json("pause", "life")["status"] == "paused"
    assert told.json("resume", "life")["status"] == "queued"
    claim = place.stage.start(made["id"])
    place.stage.steps(claim, 0, {0: 4.7})
    for epoch in range(3):
        place.stage.epoch(claim, epoch)
    place.stage.succeed(claim)
    assert told.json("watch", "life")["status"] == "succeeded"
    assert told("logs", "-f", "life").splitlines()[1] == "Epoch: 0, Step 0, Loss: 4.7000"
    kinds = [json.loads(line)["type"] for line in told("logs", "-f", "life", "--json").splitlines()]
    assert kinds[-5:] == ["running", "epoch", "epoch", "epoch", "succeeded"]
    assert told("metrics", "life", "--output", "csv").splitlines()[1].startswith("0,")
    assert "Spec" in told("show", "life", "--output", "table")
    told("rm", "life", "--yes")
    told("show", made["id"], code=2)


def test_several_jobs(place: Place, told: Told) -> None:
    first, second = trained(place, "first"), trained(place, "second", 0.6)
    assert [job["id"] for job in told.json("compare", "first", "second")["jobs"]] == [first, second]
    assert "Their specs do not differ." in told("compare", "first", "second", "--output", "table")
    assert "Test accuracy" in told("plot", "first", "second")
    assert "forecast" in told.json("diagnose", "first")
    again = told.json("rerun", "first", "--seed", "1", "--name", "again")
    assert (again["spec"]["seed"], again["name"]) == (1, "again")
    assert told.json("cancel", "again")["status"] == "cancelled"
    assert told.json("watch", "again", code=1)["status"] == "cancelled"
    found = told("ls", "--status", "succeeded", "--sort=-best_accuracy", "--limit", "1")
    assert json.loads(found)["id"] == first
    model = told.json("models", "ls", "--job", "first")
    assert told.json("models", "show", first)["id"] == model["id"]


def test_what_is_refused_names_its_path(told: Told) -> None:
    told("submit", "-d", "digits", "--lr=-1", "--set", "augmentation.crop.padding=x", code=2)
    assert "  spec.optimizer.learning_rate: should be more than 0, not -1" in told.error
    assert "  spec.augmentation.crop.padding: " in told.error
    told("submit", "-d", "nothing", code=2)
    assert told.error.startswith("epochal: error: spec.dataset: ")
    told("cancel", "job_01m8ph5y8000zec7cq250vefcz", code=2)
    assert told.error.startswith("epochal: error: ")
    trial = told.json("submit", "-d", "digits", "--dry-run")
    assert (trial["parameters"], trial["data"]["classes"]) == (trial["parameters"], 10)
    assert told("ls", "--name", "nothing") == ""


@pytest.mark.parametrize("form", ["table", "yaml"])
def test_every_list_in_every_form(place: Place, told: Told, form: str) -> None:
    place.stage.sign_on()
    commands = ("datasets", "recipes", "architectures", "workers", "experiments", "projects")
    assert [command for command in commands if not told(command, "--output", form)] == []
    assert "digits" in told("datasets", "show", "digits", "--output", form)
    assert "nesterov" in told("recipes", "standard", "--output", form)


def test_the_doctor(place: Place, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    place.stage.sign_on()
    assert [line.split()[:2] for line in told("doctor", "--output", "table").splitlines()] == [
        ["ok", name] for name in ("client", "service", "clock", "key", "database", "broker", "storage", "workers")
    ]
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:9")
    told("doctor", "--output", "table", code=3)


@pytest.fixture
def validating(place: Place) -> Iterator[None]:
    """A worker that looks for tasks all the time."""
    storage, over = VerifiedStorage(place.settings.storage_url), threading.Event()
    runner = TaskRunner("worker", place.settings, place.database, storage, over, storage.delete)
    runner.start()

    def wake() -> None:
        while not over.wait(0.05):
            runner.wake()

    thread = threading.Thread(target=wake)
    thread.start()
    yield
    over.set()
    thread.join()
    runner.close()


@pytest.mark.usefixtures("validating")
def test_a_data_set_from_the_check_to_its_end(told: Told, tmp_path: Path) -> None:
    for name, content in tree().items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(content)
    for line, _ in [*find("datasets check").examples, *find("datasets upload").examples]:
        told(*line.split()[1:], code=0)
    report = told.json("datasets", "check", "pets/")
    version = told.json("datasets", "show", "pets@1")
    assert (version["status"], version["train_images"]) == ("ready", 8)
    assert report["images"] == version["report"]["images"]
    assert "pets@1  ready" in told("datasets", "show", "pets@1", "--output", "table")
    (tmp_path / "empty").mkdir()
    told("datasets", "check", "empty", code=1)
    told("datasets", "upload", "pets", "empty", code=1)
    told("datasets", "rm", "pets", "--yes")
    told("datasets", "show", "pets@1", code=2)


def test_flags_are_fields_of_the_spec_and_defaults_are_the_services() -> None:
    parser = build("submit", find("submit"))
    for path, (names, metavar, _) in FLAGS.items():
        given = [names[0], VALUES.get(path, "2")] if metavar else [names[0]]
        body = read_submission(parser.parse_args(["--dataset", "digits", *given]))
        TrainingSpec.model_validate({**body["spec"], **({"dataset": "digits"} if path == "dataset" else {})})
    default = TrainingSpec(dataset="digits")
    assert {part: getattr(default, part).name for part in DEFAULT_NAMES} == DEFAULT_NAMES
    assert tuple(status.value for status in JobStatus) == STATUSES


def in_a_terminal(*argv: str) -> tuple["subprocess.Popen[bytes]", int]:
    """The command in a process and a terminal of its own, and the other end of that terminal."""
    ours, theirs = pty.openpty()
    path = os.pathsep.join([str(ROOT / "client"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "epochal", *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": path, "TERM": "xterm", "NO_COLOR": "1"},
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it becomes the controlling terminal
    )
    os.close(theirs)
    return process, ours


def read_until(terminal: int, text: str) -> str:
    seen = b""
    while text.encode() not in seen:
        seen += os.read(terminal, 65536)
    return seen.decode()


def test_a_submission_is_followed_and_ctrl_c_leaves_it_running(place: Place, told: Told) -> None:
    process, terminal = in_a_terminal("submit", "-d", "digits", "-e", "9", "--name", "followed")
    read_until(terminal, "queued")
    job_id = told.json("show", "followed")["id"]
    claim = place.stage.start(job_id)
    place.stage.epoch(claim, 0, test_accuracy=0.375)
    assert "37.50%" in read_until(terminal, "37.50%")
    begun = time.monotonic()
    os.write(terminal, b"\x03")
    rest = read_until(terminal, "To come back: ")
    assert process.wait(60) == 130
    assert time.monotonic() - begun < 10  # `make bench-cli` measures how long it takes
    rest += read_until(terminal, "\n") if "\n" not in rest.split("To come back: ")[1] else ""
    os.close(terminal)
    assert re.search(rf"{job_id} goes on\. To come back: (epochal watch {job_id})", rest)
    assert "\x1b[?25h" in rest  # the cursor is there again
    assert "Traceback" not in rest
    assert told.json("show", job_id)["status"] == "running"
    place.stage.succeed(claim)
    process, terminal = in_a_terminal("watch", job_id)
    assert "Succeeded" in read_until(terminal, "Succeeded")
    assert process.wait(60) == 0
    os.close(terminal)


def test_a_pipe_that_is_closed_is_no_noise(place: Place) -> None:
    for number in range(3):
        place.stage.submit(name=f"job {number}")
    program = f"{sys.executable} -m epochal"
    path = os.pathsep.join([str(ROOT / "client"), str(ROOT)])
    ended = subprocess.run(
        ["bash", "-c", f"{program} ls | head -n 1; {program} ls > /dev/full; echo $?; {program} ls >&-; echo $?"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    first, *codes = ended.stdout.splitlines()
    assert json.loads(first)["name"] == "job 2"
    assert codes == ["2", "0"]
    assert ended.stderr == "epochal: error: No space left on device\n"
