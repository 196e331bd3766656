"""What a person sees of a job in the terminal."""

import io
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from rich.console import Console

import old_client.watch
from old_client import Client
from old_client.watch import watch

Body = Callable[..., dict[str, Any]]
Bodies = list[dict[str, Any]]
Looks = list[tuple[dict[str, Any], Bodies]]


def serving(looks: Looks) -> Client:
    """A service where each look at the job finds it as in `looks`: the job, and the epochs by then."""
    coming: Iterator[tuple[dict[str, Any], Bodies]] = iter(looks)
    epochs: Bodies = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        nonlocal epochs
        if request.url.path == "/v1/jobs/job_1":
            assert request.headers["Prefer"] == "wait=1"
            job, epochs = next(coming)
            return httpx2.Response(200, json=job)
        assert request.url.path == "/v1/jobs/job_1/metrics"
        after = int(parse_qs(request.url.query.decode())["after_epoch"][0])
        rows = [row for row in epochs if row["epoch"] > after]
        return httpx2.Response(200, json={"data": rows, "has_more": False, "next": None})

    return Client("http://epochal.test", transport=httpx2.MockTransport(answer))


def shown(looks: Looks, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, color_system=None, width=80, _environ={"TERM": "xterm"})
    watch(serving(looks), "job_1", console=console, poll_seconds=0)
    return file.getvalue()


def progress(**fields: Any) -> dict[str, Any]:
    start = {"epoch": None, "step": None, "steps_per_epoch": None, "percent": 0.0, "estimated_finish": None}
    return {"epochs": 3, **start, **fields}


@pytest.fixture
def success(job_body: Body, attempt_body: Body, epoch_body: Body) -> Looks:
    """A job from the queue to its end; two epochs pass between two looks."""
    attempts = [attempt_body()]
    rows = [
        epoch_body(0, train_loss=2.3, train_accuracy=0.1, test_loss=2.125, test_accuracy=0.2),
        epoch_body(1, test_accuracy=0.975),
        epoch_body(2, train_loss=0.0625, train_accuracy=1.0, test_accuracy=0.95, images_per_second=987.6),
    ]
    running = {"status": "running", "attempts": attempts, "started_at": "2026-11-23T10:00:01Z"}
    end = {"finished_at": "2026-11-23T10:01:13.400Z", "best": rows[1]}
    finish = (datetime.now(UTC) + timedelta(minutes=90, seconds=30)).isoformat()
    under_way = progress(epoch=1, step=10, steps_per_epoch=23, percent=48.0, estimated_finish=finish)
    return [
        (job_body(queue={"position": 2, "reason": "Every slot is busy: 1 of 1."}), []),
        (job_body(queue={"position": 1, "reason": "A slot is free: about to start."}), []),
        (job_body(queue={"position": 1, "reason": "A slot is free: about to start."}), []),
        (job_body(status="starting", attempts=[attempt_body(facts=None)]), []),
        (job_body(**running), []),
        (job_body(**running, progress=under_way, latest=rows[0]), rows[:1]),
        (job_body(**running, progress=under_way, latest=rows[0]), rows[:1]),
        (job_body(**running | {"status": "succeeded"}, **end, latest=rows[2]), rows),
    ]


SUCCESS = """\
Queued, place 2: Every slot is busy: 1 of 1.
Queued, place 1: A slot is free: about to start.
Starting on worker worker_a: loading the data.
Training on cpu in fp32: 269,434 parameters, 1,437 training and 360 test images, 10 classes.
Epoch   0:  train loss  2.3000, accuracy  10.00%   test loss  2.1250, accuracy  20.00%   1,234 images/s
Epoch   1:  train loss  0.5000, accuracy  90.00%   test loss  0.2500, accuracy  97.50%   1,234 images/s
Epoch   2:  train loss  0.0625, accuracy 100.00%   test loss  0.2500, accuracy  95.00%   988 images/s
Succeeded after 0:01:12. Test accuracy 95.00%, at best 97.50% in epoch 1.
"""


def test_elsewhere_than_on_a_terminal_there_are_lines_alone(success: Looks) -> None:
    assert shown(success) == SUCCESS


def test_a_dumb_terminal_gets_lines_alone(success: Looks) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, _environ={"TERM": "dumb"})
    watch(serving(success), "job_1", console=console, poll_seconds=0)
    assert file.getvalue() == SUCCESS


def test_a_terminal_has_a_bar_below_the_same_lines(success: Looks) -> None:
    output = shown(success, terminal=True)
    for line in SUCCESS.splitlines():
        assert output.count(line) == 1
    assert f" {'━' * 11}╸" in output.replace("\x1b[2K", " ")  # 48 % of 24, the rest blank where there are no colours
    assert "48%" in output
    assert "1/3 epochs, step 10/23" in output
    assert "  1:30:" in output
    assert output.index("step 10/23") > output.index("Epoch   0:")
    # The bar is gone from the last screen: its line is erased behind its last drawing.
    assert "\x1b[2K" in output[output.rindex("step 10/23") :]


def test_who_comes_late_reads_in_order(success: Looks) -> None:
    running, end = success[-2:]
    lines = SUCCESS.splitlines(keepends=True)
    assert shown([running, end]) == "".join(lines[3:])
    assert shown([end]) == "".join(lines[4:])


def test_a_failure_says_why_and_what_to_change(job_body: Body, attempt_body: Body) -> None:
    error = {
        "code": "dataset_invalid",
        "message": "There is no folder [cifar100].",
        "hint": "Put one into the data sets' folder.",
        "retryable": False,
        "attempt": 1,
    }
    times = {"started_at": "2026-11-23T10:00:01Z", "finished_at": "2026-11-23T10:00:03Z"}
    failed = job_body(status="failed", attempts=[attempt_body(facts=None)], error=error, **times)
    assert shown([(failed, [])]) == (
        "Failed after 0:00:02: There is no folder [cifar100]. (dataset_invalid)\n"
        "Hint: Put one into the data sets' folder.\n"
    )


def test_a_place_behind_a_thousand_others_has_no_number(job_body: Body) -> None:
    place = {"position": None, "code": "busy", "reason": "Every slot is busy: 1 of 1."}
    assert shown([(job_body(queue=place), []), (job_body(status="cancelled"), [])]) == (
        "Queued, behind a thousand others: Every slot is busy: 1 of 1.\nCancelled.\n"
    )


def test_a_lost_worker_and_a_wish_to_cancel_are_said(job_body: Body, attempt_body: Body) -> None:
    lost = attempt_body(end_reason="worker_lost", ended_at="2026-11-23T10:00:09Z")
    attempts = [lost, attempt_body(2)]
    assert shown(
        [
            (job_body(attempts=[lost]), []),
            (job_body(status="starting", attempts=attempts), []),
            (job_body(status="running", attempts=attempts), []),
            (job_body(status="running", attempts=attempts, requested="cancel"), []),
            (job_body(status="cancelled", attempts=attempts), []),
        ]
    ) == (
        "Attempt 1 ended (worker_lost). Queued, place 1: A slot is free: about to start.\n"
        "Starting on worker worker_a, attempt 2: loading the data.\n"
        "Training on cpu in fp32, attempt 2: 269,434 parameters, 1,437 training and 360 test images, 10 classes.\n"
        "Asked to cancel; waiting for its worker to let go.\n"
        "Cancelled.\n"
    )


def test_a_pause_and_a_stop_are_said(job_body: Body, attempt_body: Body) -> None:
    paused = attempt_body(end_reason="paused", ended_at="2026-11-23T10:00:09Z")
    name = "attempt-0001/epoch-0001-step-000006.safetensors"
    attempts = [paused, attempt_body(2, resumed_from=name)]
    place = {"position": 1, "code": "slots_busy", "reason": "Every slot is busy: 1 of 1."}
    assert shown(
        [
            (job_body(status="running", attempts=[attempt_body()], requested="pause"), []),
            (job_body(status="paused", attempts=[paused], progress=progress(percent=50.5)), []),
            (job_body(attempts=[paused]), []),
            (job_body(status="running", attempts=attempts), []),
            (job_body(status="running", attempts=attempts, requested="stop"), []),
            (job_body(attempts=[paused], requested="stop", queue=place), []),
            (job_body(status="stopped", attempts=attempts), []),
        ]
    ) == (
        "Asked to pause; waiting for its worker to write a checkpoint.\n"
        "Paused at 50%, until it is resumed.\n"
        "Attempt 1 ended (paused). Queued, place 1: A slot is free: about to start.\n"
        "Training on cpu in fp32, attempt 2: 269,434 parameters, 1,437 training and 360 test images, 10 classes. "
        f"It goes on from {name}.\n"
        "Asked to stop; waiting for its worker to store its weights.\n"
        "Asked to stop; waiting for a worker to make its weights: Every slot is busy: 1 of 1.\n"
        "Stopped.\n"
    )


def test_an_epoch_that_is_no_number_is_shown(job_body: Body, epoch_body: Body) -> None:
    row = epoch_body(train_loss="NaN", test_loss="Infinity")
    job = job_body(status="succeeded", latest=row, best=row)
    assert shown([(job, [row])]).startswith("Epoch   0:  train loss     nan, accuracy  90.00%   test loss     inf,")


def test_what_was_not_evaluated_is_left_out_and_what_was_split_off_is_shown(job_body: Body, epoch_body: Body) -> None:
    rows = [
        epoch_body(0, test_loss=None, test_accuracy=None),
        epoch_body(1, validation_loss=0.5, validation_accuracy=0.75),
    ]
    job = job_body(status="succeeded", latest=rows[1], best=rows[1] | {"chosen_on": "validation"})
    assert shown([(job, rows)]) == (
        "Epoch   0:  train loss  0.5000, accuracy  90.00%   1,234 images/s\n"
        "Epoch   1:  train loss  0.5000, accuracy  90.00%   validation loss  0.5000, accuracy  75.00%   "
        "test loss  0.2500, accuracy  95.00%   1,234 images/s\n"
        "Succeeded. Test accuracy 95.00%, 95.00% in epoch 1, whose validation accuracy of 75.00% is the best.\n"
    )


def test_a_team_and_images_that_are_not_trained_on_are_said(job_body: Body, attempt_body: Body) -> None:
    attempt = attempt_body()
    attempt["facts"] = attempt["facts"] | {"devices": 2, "validation_images": 287, "dropped_images": 3}
    assert shown([(job_body(status="running", attempts=[attempt]), []), (job_body(status="cancelled"), [])]) == (
        "Training on 2 times cpu in fp32: 269,434 parameters, 1,437 training, 287 validation and 360 test images "
        "(3 more could not be read), 10 classes.\n"
        "Cancelled.\n"
    )


def main_with(monkeypatch: pytest.MonkeyPatch, client_: Client) -> int:
    monkeypatch.setattr(sys, "argv", ["watch", "http://epochal.test", "job_1"])
    monkeypatch.setattr(old_client.watch, "Client", lambda _address: client_)
    return old_client.watch.main()


def test_ctrl_c_leaves_the_job_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], job_body: Body
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    # The service has no answer but to look at the job: nothing else is asked.
    assert main_with(monkeypatch, serving([(job_body(), [])])) == 130
    assert capsys.readouterr().out == (
        "Queued, place 1: A slot is free: about to start.\n"
        "The job goes on without being watched. To look at it again: "
        "python -m old_client.watch http://epochal.test job_1\n"
    )


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("cancelled", 1)])
def test_the_exit_code_is_the_jobs_end(monkeypatch: pytest.MonkeyPatch, job_body: Body, status: str, code: int) -> None:
    assert main_with(monkeypatch, serving([(job_body(status=status), [])])) == code


def test_a_job_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_request: httpx2.Request) -> httpx2.Response:
        body = {"detail": "There is no job job_1.", "code": "job_not_found"}
        return httpx2.Response(404, headers={"Content-Type": "application/problem+json"}, json=body)

    epochal = Client("http://epochal.test", transport=httpx2.MockTransport(refuse))
    assert main_with(monkeypatch, epochal) == 2
    assert capsys.readouterr().err == "There is no job job_1. (job_not_found)\n"
