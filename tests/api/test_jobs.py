"""How a job looks from outside, in every state; lists of jobs; cancelling."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from jobs import recording
from models import JobStatus

if TYPE_CHECKING:
    from tests.stage import Stage


def get(client: TestClient, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200
    job: dict[str, Any] = answer.json()
    return job


def test_running_job(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(epochs=5)
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.7)
    stage.epoch(claim, 1, test_accuracy=0.4)
    stage.steps(claim, 2, {0: 1.1, 5: 1.0})
    job = get(client, job_id)
    assert job["status"] == "running"
    assert job["queue"] is None
    assert job["latest"]["epoch"] == 1
    assert job["best"]["epoch"] == 0
    assert job["best"]["test_accuracy"] == 0.7
    [attempt] = job["attempts"]
    assert (attempt["number"], attempt["worker"], attempt["ended_at"]) == (1, "worker-1", None)
    assert attempt["facts"]["train_images"] == 1437
    recorded = datetime.fromisoformat(job["latest"]["recorded_at"])
    assert job["progress"].pop("estimated_finish") == (recorded + timedelta(seconds=3 * 2.0)).isoformat().replace(
        "+00:00", "Z"
    )
    # Step 5 is the sixth of twelve: two epochs and a half of five.
    assert job["progress"] == {"epoch": 2, "epochs": 5, "step": 5, "steps_per_epoch": 12, "percent": 50.0}


def test_a_job_says_on_which_data_it_is_trained_once_that_is_known(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    assert get(client, job_id)["dataset"] == {"name": "digits", "version": None, "identity": None}
    stage.start(job_id)
    assert get(client, job_id)["dataset"] == {"name": "digits", "version": None, "identity": "5e" * 32}


def test_queued_and_starting_jobs_have_no_progress(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    nothing = {
        "epoch": None,
        "epochs": 5,
        "step": None,
        "steps_per_epoch": None,
        "percent": 0,
        "estimated_finish": None,
    }
    assert get(client, job_id)["progress"] == nothing
    stage.claim(job_id)
    job = get(client, job_id)
    assert (job["status"], job["progress"]) == ("starting", nothing)


def test_progress_starts_anew_with_an_attempt_that_does(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    first = stage.start(job_id)
    stage.steps(first, 3, {0: 1.0})
    stage.epoch(first, 3)
    stage.release_job(first)
    stage.start(job_id)
    job = get(client, job_id)
    assert job["progress"]["percent"] == 0
    assert job["progress"]["estimated_finish"] is None, "of another attempt's pace nothing follows"
    assert job["latest"]["epoch"] == 3
    assert [attempt["end_reason"] for attempt in job["attempts"]] == ["drained", None]


def place(job: dict[str, Any]) -> tuple[int | None, int | None, float]:
    return job["progress"]["epoch"], job["progress"]["step"], job["progress"]["percent"]


@pytest.mark.parametrize(
    ("checkpoint", "there"),
    # Twelve steps an epoch, five epochs: a checkpoint is in front of its own step.
    [((2, 0), (1, 11, 40.0)), ((2, 6), (2, 5, 50.0))],
)
def test_progress_goes_on_from_the_checkpoint(
    client: TestClient, stage: "Stage", checkpoint: tuple[int, int], there: tuple[int, int, float]
) -> None:
    job_id = stage.submit()
    first = stage.start(job_id)
    stage.epoch(first, 1)
    file = stage.checkpoint(first, *checkpoint)
    stage.steps(first, 3, {5: 1.0})
    assert place(get(client, job_id)) == (3, 5, 70.0)
    stage.lose(first)
    claim = stage.claim(job_id)
    assert place(get(client, job_id)) == there, "what was lost is not progress"
    stage.begin(claim)
    job = get(client, job_id)
    assert place(job) == there
    assert [attempt["resumed_from"] for attempt in job["attempts"]] == [None, file.name.partition("/")[2]]
    assert job["attempts"][1]["devices"] == ["cpu"]
    stage.steps(claim, 2, {8: 1.0})
    assert place(get(client, job_id)) == (2, 8, 55.0)


def test_checkpoint_that_cannot_be_used_is_no_progress(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    first = stage.start(job_id)
    older, newer = stage.checkpoint(first, 1, 0), stage.checkpoint(first, 2, 0)
    stage.lose(first)
    second = stage.claim(job_id)
    assert place(get(client, job_id)) == (1, 11, 40.0)
    with stage.database.session() as session:
        recording.record_unusable(session, second, newer.name, "its hash is wrong")
    assert place(get(client, job_id)) == (0, 11, 20.0)
    with stage.database.session() as session:
        recording.record_unusable(session, second, older.name, "its hash is wrong")
    assert place(get(client, job_id)) == (None, None, 0)


def test_paused_job_is_where_its_checkpoint_is(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.checkpoint(claim, 2, 6)
    stage.pause(job_id)
    stage.release_job(claim)
    job = get(client, job_id)
    assert (job["status"], job["requested"], place(job)) == ("paused", None, (2, 5, 50.0))


def test_finished_job(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(epochs=1)
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.succeed(claim)
    job = get(client, job_id)
    assert job["status"] == "succeeded"
    assert job["progress"]["percent"] == 100
    assert job["progress"]["estimated_finish"] is None
    assert job["finished_at"] >= job["started_at"] >= job["created_at"]
    assert job["error"] is None


def test_success_is_all_of_it_whoever_trained_it(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit(epochs=1)
    first = stage.start(job_id)
    stage.epoch(first, 0)
    stage.release_job(first)
    stage.succeed(stage.start(job_id))  # which found nothing left to train
    assert get(client, job_id)["progress"]["percent"] == 100


def test_failed_job_says_why(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.fail(stage.start(job_id))
    job = get(client, job_id)
    assert job["status"] == "failed"
    assert job["error"] == {
        "code": "diverged",
        "message": "The loss is NaN.",
        "hint": "Lower the learning rate.",
        "retryable": False,
        "attempt": 1,
    }


def test_the_best_epoch_says_what_it_was_chosen_on(client: TestClient, stage: "Stage") -> None:
    on_test, on_validation = stage.submit(), stage.submit(validation=0.2)
    claim = stage.start(on_test)
    stage.epoch(claim, 0, test_loss=None, test_accuracy=None)
    assert get(client, on_test)["best"] is None, "nothing was evaluated yet"
    stage.epoch(claim, 1, test_accuracy=0.4)
    best = get(client, on_test)["best"]
    assert (best["epoch"], best["chosen_on"]) == (1, "test")
    claim = stage.start(on_validation)
    stage.epoch(claim, 0, test_accuracy=0.4, validation_accuracy=0.6)
    stage.epoch(claim, 1, test_accuracy=0.5, validation_accuracy=0.5)
    job = get(client, on_validation)
    assert (job["best"]["epoch"], job["best"]["chosen_on"]) == (0, "validation")
    assert "chosen_on" not in job["latest"]


def test_facts_say_how_a_step_is_computed(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.start(job_id)
    facts = get(client, job_id)["attempts"][0]["facts"]
    assert facts["step"] == {"mode": "eager", "memory_format": "channels_last", "precision": "fp32"}
    for name, value in {"placement": "resident", "devices": 1, "dropped_images": 0, "probed": []}.items():
        assert facts[name] == value


def test_weights_that_are_not_there_are_refused_at_their_place(client: TestClient, stage: "Stage") -> None:
    earlier = stage.submit()
    claim = stage.start(earlier)

    def submit() -> Any:
        return client.post("/v1/jobs", json={"spec": {"dataset": "digits", "starting_weights": earlier}})

    before = stage.jobs()
    problem = submit().json()
    assert (problem["status"], problem["code"]) == (422, "starting_weights_missing")
    [error] = problem["errors"]
    assert error["pointer"] == "#/spec/starting_weights"
    assert f"job {earlier} is running" in error["detail"]
    assert stage.jobs() == before
    stage.succeed(claim, channels=1)
    answer = submit()
    assert (answer.status_code, answer.json()["spec"]["starting_weights"]) == (201, earlier)


@pytest.mark.parametrize("accuracy", [float("nan"), float("inf")])
def test_measures_that_are_no_numbers_are_strings(client: TestClient, stage: "Stage", accuracy: float) -> None:
    job_id = stage.submit()
    stage.epoch(stage.start(job_id), 0, test_loss=float("-inf"), test_accuracy=accuracy)
    job = get(client, job_id)
    assert job["latest"]["test_loss"] == "-Infinity"
    assert job["latest"]["test_accuracy"] == ("Infinity" if accuracy > 0 else "NaN")


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300])
def test_absurd_pace_makes_no_estimate(client: TestClient, stage: "Stage", seconds: float) -> None:
    job_id = stage.submit()
    stage.epoch(stage.start(job_id), 0, seconds=seconds)
    assert get(client, job_id)["progress"]["estimated_finish"] is None


@pytest.mark.parametrize(
    "job_id",
    ["job_", "job_01kasm2pbk5s9d0w3g6vq8zrhf", "JOB_01KASM2PBK5S9D0W3G6VQ8ZRHF", "a%00b", "%ff", "..", "é" * 300],
)
def test_job_that_is_not_there(client: TestClient, job_id: str) -> None:
    for address in ("", "/metrics", "/steps", "/log", "/curves.svg", "/curves.png"):
        answer = client.get(f"/v1/jobs/{job_id}{address}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 404


def test_list_is_newest_first_and_pages_are_stable(client: TestClient, stage: "Stage") -> None:
    ids = [stage.submit() for _ in range(5)]
    seen = []
    page = client.get("/v1/jobs", params={"limit": 2}).json()
    while True:
        seen += [job["id"] for job in page["data"]]
        stage.submit()  # what comes in meanwhile moves nothing
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    assert seen == ids[::-1]
    assert page["has_more"] is False


def test_list_filters_before_it_cuts(client: TestClient, stage: "Stage") -> None:
    first, running, second, third, failed = [stage.submit() for _ in range(5)]
    stage.start(running)
    stage.fail(stage.start(failed))
    page = client.get("/v1/jobs", params={"status": ["queued", "failed"], "limit": 2}).json()
    assert [job["id"] for job in page["data"]] == [failed, third]
    assert page["has_more"] is True
    page = client.get(page["next"]).json()
    assert [job["id"] for job in page["data"]] == [second, first]
    assert page == page | {"has_more": False, "next": None}
    assert [job["id"] for job in client.get("/v1/jobs?status=running").json()["data"]] == [running]


def test_queue_positions(client: TestClient, stage: "Stage") -> None:
    for _ in range(3):
        stage.submit()
    positions = [job["queue"]["position"] for job in client.get("/v1/jobs").json()["data"]]
    assert positions == [3, 2, 1]


def test_queued_job_is_cancelled_at_once(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["finished_at"] is not None
    again = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()) == (200, answer.json())


def test_running_job_is_asked_for(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job_id}/cancel")
        assert answer.status_code == 202
        assert (answer.json()["status"], answer.json()["requested"]) == ("running", "cancel")
    stage.release_job(claim)
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["requested"]) == (200, "cancelled", None)


def test_job_that_has_ended_otherwise_is_not_cancelled(client: TestClient, stage: "Stage") -> None:
    succeeded, failed = stage.submit(), stage.submit()
    stage.succeed(stage.start(succeeded))
    stage.fail(stage.start(failed))
    for job_id, status in ((succeeded, JobStatus.SUCCEEDED), (failed, JobStatus.FAILED)):
        answer = client.post(f"/v1/jobs/{job_id}/cancel")
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["job_status"]) == (409, "job_finished", status)
        assert status in problem["detail"]
        assert get(client, job_id)["status"] == status
