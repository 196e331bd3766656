"""Following: silent without a terminal, an exit code for how it ended, and a way back when it is interrupted."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest
from cli.fake import Service
from cli.running import Result, Run
from cli.samples import sample

from epochal import types


@pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("stopped", 0), ("failed", 1), ("cancelled", 1)])
def test_the_exit_code_is_how_it_ended(run: Run, service: Service, status: str, code: int) -> None:
    service.add(name="over", status=status)
    told = run("watch", "over")
    assert (told.code, told.error, json.loads(told.out)["status"]) == (code, "", status)
    assert run("watch", "over", terminal=True).code == code
    told = run("logs", "-f", "over")
    assert (told.code, told.out.splitlines()[-1]) == (code, "Test Loss: 3.6")
    assert run("logs", "-f", "over", "--json").code == code


def test_a_submission_is_followed_on_a_terminal_alone(run: Run, service: Service) -> None:
    assert "Succeeded" in run("submit", "-d", "digits", terminal=True).out
    for argv, terminal in ((["--detach"], True), (["--json"], True), ([], False), (["--output", "table"], False)):
        service.requests.clear()
        assert run("submit", "-d", "digits", *argv, terminal=terminal).code == 0
        assert [request.method for request in service.requests] == ["POST"]


def test_a_detached_submission_says_how_to_follow_it(run: Run, service: Service) -> None:
    told = run("submit", "-d", "digits", "--detach", terminal=True)
    assert told.out == f"{service.jobs[0]['id']}: succeeded\n"
    assert told.error == f"Follow it: epochal watch {service.jobs[0]['id']}\n"


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("argv", "way_back"),
    [
        (["watch", "baseline"], "epochal watch ID"),
        (["logs", "-f", "baseline"], "epochal logs -f ID"),
        (["logs", "-f", "baseline", "--json"], "epochal logs -f ID"),
    ],
)
def test_what_is_interrupted_says_how_to_come_back(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, argv: list[str], way_back: str, terminal: bool
) -> None:
    told = interrupted(run, service, monkeypatch, *argv, terminal=terminal)
    job_id = service.jobs[1]["id"]
    assert told.code == 130
    assert told.error.endswith(f"{job_id} goes on. To come back: {way_back.replace('ID', job_id)}\n")


def interrupted(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, *argv: str, terminal: bool) -> Result:
    """Ctrl-C with the first request about the job itself."""

    def answer(request: httpx2.Request, answered: Any = service.__class__.__call__) -> httpx2.Response:
        if request.url.path.startswith("/v1/jobs/"):
            raise KeyboardInterrupt
        response: httpx2.Response = answered(service, request)
        return response

    monkeypatch.setattr(service, "transport", lambda: httpx2.MockTransport(answer))
    return run(*argv, terminal=terminal)


def test_a_log_that_was_measured_anew_is_printed_from_there_on(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    running = service.add(name="again", status="running", finished_at=None)
    over = {**running, "status": "succeeded"}
    first, second = "one\ntwo\n", "one\nTWO\nthree\n"
    service.answers = [
        httpx2.Response(200, json={"data": [running], "has_more": False}),
        httpx2.Response(200, json=running),
        httpx2.Response(200, text=first),
        httpx2.Response(200, json=over),
        httpx2.Response(200, text=second),
    ]
    told = run("logs", "-f", "again")
    assert (told.code, told.out) == (0, "one\ntwo\nTWO\nthree\n")
    assert told.error == "Line 2 and those after it were measured again:\n"


def test_everything_that_runs_without_a_terminal_is_one_look(run: Run, service: Service) -> None:
    service.add(name="runs", status="running", finished_at=None)
    told = run("watch")
    assert [json.loads(line)["name"] for line in told.out.splitlines()] == ["runs"]
    assert service.requests[-1].url.params.get_list("status") == ["queued", "starting", "running", "paused"]


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (["watch", "over", "--json"], "/v1/jobs/[^/]+"),
        (["watch", "over"], "/v1/jobs/[^/]+/metrics"),
        (["logs", "-f", "over"], "/v1/jobs/[^/]+/log"),
        (["logs", "-f", "over", "--json"], "/v1/jobs/[^/]+"),
    ],
)
def test_what_was_followed_for_hours_is_not_given_up_for_a_request_in_between(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, argv: list[str], asked: str
) -> None:
    """The service is gone for four minutes once it has said that the job has ended."""
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.path)
        has_ended = any(re.fullmatch("/v1/jobs/[^/]+(/stream)?", path) for path in seen[:-1])
        if has_ended and re.fullmatch(asked, request.url.path) and now[0] < 240:
            raise httpx2.ConnectError("refused")
        return service(request)

    latest = sample(types.EpochRow)
    service.add(name="over", status="succeeded", latest=latest)
    seen: list[str] = []
    monkeypatch.setattr("epochal._sync.waiting.sleep", sleep)
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(service, "transport", lambda: httpx2.MockTransport(answer))
    assert run(*argv, terminal=argv == ["watch", "over"]).code == 0
    assert sum(waits) >= 240
