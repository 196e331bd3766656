import json
import os
import re
import signal
import time
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from tests.acceptance.conftest import DATA_DIR, PASSWORD, PATIENCE_SECONDS, Deployment
from tests.acceptance.page_commands import commands, said
from tests.processes import descendants
from tests.worker.validation.archives import tree, zipped

EXERCISE = {
    "name": "first",
    "tags": ["lab"],
    "spec": {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": 5,
        "batch_size": 128,
        "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0005},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
        "augmentation": {"crop": {"padding": 4}, "flip": True},
        "seed": 0,
    },
}

IDLE_SECONDS = 10.0
# Of all processes together. 25 to 30 wake-ups a second were counted on a quiet machine, and 1 to 2 % of a core. On a
# busy one, the same wake-ups have cost 2.5 %: so the wake-ups are what is bounded closely.
MOST_WAKE_UPS, MOST_OF_A_CORE = 60.0, 0.05

# What goes the same way on the other deployment, as tests/worker and tests/jobs show.
on_one = pytest.mark.parametrize("deployment", ["embedded"], indirect=True)

EPOCH_OF_LOG = (
    r"========== epoch: {0} ==========\n"
    r"Epoch: {0}, Step 0, Loss: \d+\.\d{{4}}\n"
    r"Epoch: {0}, Step 10, Loss: \d+\.\d{{4}}\n"
    r"Test Loss: \d+\.\d{{4}}\n"
    r"Test Accuracy: \d+\.\d\d%\n"
)


def test_a_job_from_its_submission_to_its_curves(deployment: Deployment) -> None:
    answer = deployment.http.post("/v1/jobs", json=EXERCISE)
    assert answer.status_code == 201
    job = answer.json()
    assert job["status"] == "queued"
    assert job["spec"]["augmentation"]["crop"] == {"padding": 4, "padding_mode": "zeros"}
    assert job["spec"]["schedule"]["final_learning_rate"] == 0

    job = deployment.until(job["id"], "succeeded")
    assert job["progress"]["percent"] == 100
    assert [attempt["end_reason"] for attempt in job["attempts"]] == ["succeeded"]
    links = job["links"]

    epochs = deployment.http.get(links["metrics"]).json()["data"]
    assert [row["epoch"] for row in epochs] == [0, 1, 2, 3, 4]
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
    assert job["latest"] == epochs[-1]
    assert job["best"]["test_accuracy"] == max(row["test_accuracy"] for row in epochs)

    steps = deployment.http.get(links["steps"]).json()["data"]
    assert [(row["epoch"], row["step"]) for row in steps] == [(epoch, step) for epoch in range(5) for step in (0, 10)]

    log = deployment.http.get(links["log"])
    assert log.headers["content-type"].startswith("text/plain")
    assert re.fullmatch("".join(EPOCH_OF_LOG.format(epoch) for epoch in range(5)), log.text)

    assert deployment.http.get(links["curves_svg"]).text.lstrip().startswith("<?xml")
    png = deployment.folder / "curves.png"
    png.write_bytes(deployment.http.get(links["curves_png"]).content)
    with Image.open(png) as picture:
        assert min(picture.size) > 300

    [model] = deployment.http.get("/v1/models", params={"job": job["id"]}).json()["data"]
    whole = deployment.http.get(model["links"]["self"]).json()
    assert whole["classes"] == [str(digit) for digit in range(10)]
    assert (whole["input"]["size"], whole["input"]["channels"]) == (8, 1)
    assert whole["metrics"]["test_accuracy"] == epochs[-1]["test_accuracy"]
    content = deployment.http.get(model["links"]["archive"]).content
    with ZipFile(BytesIO(content)) as packed:
        assert sha256(packed.read("weights.safetensors")).hexdigest() == job["weights"]["sha256"]


@on_one
def test_two_devices_lose_what_one_does_and_another_job_starts_from_their_weights(deployment: Deployment) -> None:
    spec = {"epochs": 2, "precision": "fp32", "optimizer": {"name": "sgd", "learning_rate": 0.002}}
    ids = [deployment.submit(**spec, devices=devices) for devices in (1, 2)]
    jobs = [deployment.until(job_id, "succeeded", "failed") for job_id in ids]
    assert [job["status"] for job in jobs] == ["succeeded"] * 2, jobs
    assert [job["attempts"][0]["facts"]["devices"] for job in jobs] == [1, 2]
    one, two = (deployment.http.get(job["links"]["metrics"]).json()["data"] for job in jobs)
    for ours, theirs in zip(one, two, strict=True):
        for figure in ("train_loss", "test_loss"):
            assert theirs[figure] == pytest.approx(ours[figure], rel=1e-2)

    for job_id, rows in zip(ids, (one, two), strict=True):
        evaluated = deployment.http.get(f"/v1/jobs/{job_id}/evaluation").json()
        assert evaluated["accuracy"] == pytest.approx(rows[-1]["test_accuracy"])

    later = deployment.until(deployment.submit(**spec, starting_weights=ids[1]), "succeeded", "failed")
    assert later["status"] == "succeeded", later
    assert later["best"]["chosen_on"] == "test"
    [first, _] = deployment.http.get(later["links"]["metrics"]).json()["data"]
    assert first["train_loss"] < two[-1]["train_loss"]


@on_one
def test_eight_jobs_on_two_slots_all_succeed(deployment: Deployment) -> None:
    ids = [deployment.submit(epochs=2, batch_size=512, seed=seed) for seed in range(8)]
    for job_id in ids:
        job = deployment.until(job_id, "succeeded", "failed")
        assert job["status"] == "succeeded", job
        rows = deployment.http.get(f"/v1/jobs/{job_id}/metrics").json()["data"]
        assert [(row["epoch"], row["attempt"]) for row in rows] == [(0, 1), (1, 1)]
    assert "database is locked" not in deployment.log()


def test_a_cancel_reaches_a_running_and_a_queued_job(deployment: Deployment) -> None:
    running = [deployment.submit(epochs=1000) for _ in range(2)]
    for job_id in running:
        deployment.until_it_trains(job_id)
    queued = deployment.submit(epochs=1000)
    assert deployment.job(queued)["queue"] == {
        "position": 1,
        "code": "slots_busy",
        "reason": "Every slot is busy: 2 of 2.",
    }
    deployment.http.post(f"/v1/jobs/{queued}/cancel").raise_for_status()
    assert deployment.job(queued)["status"] == "cancelled"

    for job_id in running:
        deployment.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    for job_id in running:  # how soon, the chaos run judges
        deployment.until(job_id, "cancelled")
    rows = deployment.http.get(f"/v1/jobs/{running[0]}/metrics").json()["data"]
    time.sleep(1)
    assert deployment.http.get(f"/v1/jobs/{running[0]}/metrics").json()["data"] == rows


@on_one
def test_a_data_set_that_is_not_there_is_refused_with_a_hint(deployment: Deployment) -> None:
    answer = deployment.http.post("/v1/jobs", json={"spec": {"dataset": "digitz"}})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "#/spec/dataset"
    assert "Did you mean 'digits'?" in error["detail"]


@on_one
def test_the_celery_process_has_never_imported_torch(deployment: Deployment) -> None:
    deployment.until(deployment.submit(), "succeeded")
    [worker] = [pid for pid, command in deployment.processes().items() if command.rstrip().endswith("-m worker")]
    [api] = [pid for pid, command in deployment.processes().items() if "-m api --fd" in command]
    for pid in (worker, api):
        assert "libtorch" not in Path(f"/proc/{pid}/maps").read_text()
    fork_servers = [pid for pid, command in deployment.processes().items() if "forkserver" in command]
    assert any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in fork_servers)


def test_a_password_is_in_no_log_no_file_no_command_line_and_no_process_that_trains(deployment: Deployment) -> None:
    deployment.until(deployment.submit(), "succeeded")
    secret = PASSWORD[:10].encode()
    processes = deployment.processes()
    assert secret not in deployment.log().encode()
    assert not [command for command in processes.values() if secret in command.encode()]
    assert not [path for path in deployment.folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
    for pid in [pid for pid, command in processes.items() if "forkserver" in command]:
        assert b"EPOCHAL_REDIS_URL" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_nobody_else_reads_what_the_service_keeps(deployment: Deployment) -> None:
    folder = deployment.folder / DATA_DIR
    files = [folder, *folder.glob("epochal.db*"), folder / "broker", folder / "logs"]
    assert not {path.name: oct(path.stat().st_mode) for path in files if path.exists() and path.stat().st_mode & 0o077}


def worker_of(deployment: Deployment) -> int:
    [worker] = [pid for pid, command in deployment.processes().items() if command.rstrip().endswith("-m worker")]
    return worker


REPEATABLE = {"epochs": 12, "deterministic": True, "logging_interval": 1}


def weights_of(deployment: Deployment, job: dict[str, Any]) -> str:
    """Their SHA-256, as a user finds it who downloads them."""
    content = deployment.http.get(job["links"]["weights"]).raise_for_status().content
    assert sha256(content).hexdigest() == job["weights"]["sha256"]
    return str(job["weights"]["sha256"])


@pytest.fixture(scope="module")
def unkilled(deployment: Deployment) -> str:
    """The weights of such a job that nothing has happened to: what every other one is to end with."""
    return weights_of(deployment, deployment.until(deployment.submit(**REPEATABLE), "succeeded"))


def test_a_killed_trainer_and_a_killed_worker_cost_an_attempt_and_nothing_else(
    deployment: Deployment, unkilled: str
) -> None:
    job_id = deployment.submit(**REPEATABLE)
    deployment.until_checkpoint(job_id, 1)
    trainers = [pid for pid in descendants(worker_of(deployment)) if os.getsid(pid) == pid]
    os.kill(trainers[-1], signal.SIGKILL)
    deployment.until_checkpoint(job_id, 2)
    os.kill(worker_of(deployment), signal.SIGKILL)
    deployment.until_attempt(job_id, 3)  # how soon, test_takeover.py and the chaos run judge
    job = deployment.until(job_id, "succeeded")
    assert [attempt["end_reason"] for attempt in job["attempts"]] == ["worker_lost", "worker_lost", "succeeded"]
    assert [bool(attempt["resumed_from"]) for attempt in job["attempts"]] == [False, True, True]
    rows = deployment.http.get(f"/v1/jobs/{job_id}/metrics").json()["data"]
    assert [row["epoch"] for row in rows] == list(range(12))
    assert [row["attempt"] for row in rows] == sorted(row["attempt"] for row in rows)
    assert weights_of(deployment, job) == unkilled


@on_one
def test_a_job_that_is_paused_twice_and_resumed_ends_as_one_that_was_not(deployment: Deployment, unkilled: str) -> None:
    job_id = deployment.submit(**REPEATABLE)
    for attempt in (1, 2):
        deployment.until_attempt(job_id, attempt)
        deployment.http.post(f"/v1/jobs/{job_id}/pause").raise_for_status()
        deployment.until(job_id, "paused")
        deployment.http.post(f"/v1/jobs/{job_id}/resume").raise_for_status()
    job = deployment.until(job_id, "succeeded")
    assert [attempt["end_reason"] for attempt in job["attempts"]] == ["paused", "paused", "succeeded"]
    assert weights_of(deployment, job) == unkilled


@on_one
def test_a_job_that_is_stopped_keeps_its_weights_and_another_starts_from_them(deployment: Deployment) -> None:
    job_id = deployment.submit(epochs=1000)
    deployment.until_checkpoint(job_id, 1)
    deployment.http.post(f"/v1/jobs/{job_id}/stop").raise_for_status()
    stopped = deployment.until(job_id, "stopped")
    weights_of(deployment, stopped)
    [model] = deployment.http.get("/v1/models", params={"job": job_id}).json()["data"]
    assert (model["which"], model["class_count"]) == ("last", 10)
    later = deployment.until(deployment.submit(starting_weights=job_id), "succeeded", "failed")
    assert later["status"] == "succeeded", later


def test_everything_killed_at_once_carries_on_when_it_is_started_again(deployment: Deployment, unkilled: str) -> None:
    job_id = deployment.submit(**REPEATABLE)
    waiting = [deployment.submit(seed=seed) for seed in range(3)]
    deployment.until_checkpoint(job_id, 1)
    deployment.kill()
    deployment.start()
    job = deployment.until(job_id, "succeeded")
    assert weights_of(deployment, job) == unkilled
    for each in waiting:
        deployment.until(each, "succeeded")


def test_with_nothing_to_do_it_seldom_wakes_up(deployment: Deployment) -> None:
    processes = {deployment.process.pid, *deployment.processes()}
    woken, used = ({pid: measure(pid) for pid in processes} for measure in (wake_ups, cpu_seconds))
    time.sleep(IDLE_SECONDS)
    counts = {pid: wake_ups(pid) - woken[pid] for pid in processes}
    seconds = {pid: cpu_seconds(pid) - used[pid] for pid in processes}
    assert sum(counts.values()) / IDLE_SECONDS < MOST_WAKE_UPS, counts
    assert sum(seconds.values()) / IDLE_SECONDS < MOST_OF_A_CORE, seconds


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wake_ups(pid: int) -> int:
    """How often the threads of a process have waited for something."""
    statuses = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(line.split()[1]) for text in statuses for line in text.splitlines() if line.startswith("voluntary"))


def test_a_drain_keeps_jobs_and_leaves_nothing_running(deployment: Deployment, unkilled: str) -> None:
    job_id = deployment.submit(**REPEATABLE)
    waiting = [deployment.submit() for _ in range(3)]
    deployment.until_it_trains(job_id)
    processes = deployment.processes()
    assert deployment.stop() == 0
    assert not {pid: command for pid, command in processes.items() if Path(f"/proc/{pid}").exists()}

    deployment.start()
    assert deployment.job(job_id)["attempts"][0]["end_reason"] == "drained"  # killed, it would be lost
    for each in waiting:
        assert deployment.until(each, "succeeded", "failed")["status"] == "succeeded"
    job = deployment.until(job_id, "succeeded")
    assert job["attempts"][1]["resumed_from"]
    assert weights_of(deployment, job) == unkilled


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_the_commands_of_the_page_on_data_do_what_it_says(deployment: Deployment, tmp_path: Path) -> None:
    """docs/data.md takes a stranger from a zip to a trained job."""
    files = tree(20, 6, ("cat", "dog"))
    sent = {**files, "train/cat/again.png": files["train/cat/0.png"], "train/cat/broken.jpg": b"\xff\xd8\xff\xe0"}
    (tmp_path / "pets.zip").write_bytes(zipped(sent))
    url = str(deployment.http.base_url).rstrip("/")
    first = commands("data.md", "From a zip to a trained job")
    assert first.count("\n") - 1 == 4, "four commands"
    told = said(tmp_path, url, first)
    for expected in ('"status": "ready"', '"code": "unreadable_files"', "event: succeeded"):
        assert expected in told
    again = "".join(commands("data.md", heading) for heading in ("From a zip to a trained job", "Versions", "Mending"))
    told = said(tmp_path, url, again)
    assert '{"name":"pets","version":1,' in told  # the same images are the same version
    assert '"parent": 1' in told
    said(tmp_path, url, commands("data.md", "Looking at the images"))
    for name in ("samples", "twins", "augmented"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    told = said(tmp_path, url, commands("data.md", "Uploads that go on where they stopped"))
    assert '"status": "complete"' in told


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_the_commands_of_the_page_on_models_do_what_it_says(deployment: Deployment, tmp_path: Path) -> None:
    """docs/models.md takes a stranger from a job to a prediction. The program that exports is killed at its work, and
    another one does it."""
    job_id = deployment.submit(epochs=2)
    Image.fromarray(np.full((9, 7), 200, np.uint8)).save(tmp_path / "picture.png")
    deployment.until(job_id, "succeeded")
    model = deployment.http.get(f"/v1/models?job={job_id}").json()["data"][0]["id"]
    asked = deployment.http.post(f"/v1/models/{model}/exports", json={"formats": ["onnx", "python"]}).json()
    kill_one(deployment, "worker.exporting")
    for _ in range(10):  # on a busy machine it takes minutes: it goes behind all that trains
        made = deployment.http.get(asked["links"]["self"], headers={"Prefer": "wait=60"}).json()
        if made["finished_at"]:
            break
    url = str(deployment.http.base_url).rstrip("/")
    known = {"JOB": job_id, "MODEL": model, "NAME": "digits"}
    first = commands("models.md", "From a job to a prediction")
    assert first.strip().splitlines().index("") == 3, "three commands"
    told = said(tmp_path, url, first, **known)
    assert '"status": "succeeded"' in told
    [predicted] = re.findall(r'^{"model":.*}$', told, re.MULTILINE)
    best = json.loads(predicted)["predictions"][0]["labels"][0]
    [alone] = re.findall(r"^picture.png\n +([0-9.]+) %  (\w+)$", told, re.MULTILINE)
    assert alone[1] == best["label"]
    assert float(alone[0]) == pytest.approx(100 * best["probability"], abs=0.051)
    again = said(tmp_path, url, commands("models.md", "Names and aliases"), **known)
    assert f'"label":"{best["label"]}"' in again
    said(tmp_path, url, commands("models.md", "Predictions"), **known)
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    told = said(tmp_path, url, commands("models.md", "What it is good for"), **known)
    assert '"status": "succeeded"' in told


def kill_one(deployment: Deployment, program: str) -> None:
    """Kill a process of the service that runs `program`, once there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := [pid for pid, command in deployment.processes().items() if program in command]):
        assert time.monotonic() < deadline, deployment.log()[-5000:]
        time.sleep(0.05)
    os.kill(found[0], signal.SIGKILL)
