"""Which job is meant."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from cli.fake import Service, problem
from cli.running import Run

IDS = ["job_01m8ph5y8000zec7cq250vefcz", "job_01m8ph5y7b009dgahc367sqh52", "job_01m8ph5q4m00yr2aw2yhh55m8t"]
CREATED = ["2026-11-30T15:29:07.840", "2026-11-30T15:29:07.819", "2026-11-30T15:29:00.564"]


@pytest.fixture
def show(run: Run, service: Service) -> Run:
    service.jobs.clear()
    for job, name in zip(IDS, ["twice", "twice", "once"], strict=True):
        service.jobs.append({**service.add(name=name), "id": job})
        service.jobs.pop(0)
    return lambda reference: run("show", reference)


@pytest.mark.parametrize("reference", [IDS[2], IDS[2][4:], "job_01m8ph5q", "01m8ph5q", "01M8PH5Q4", "once"])
def test_an_id_its_start_or_a_name(show: Run, reference: str) -> None:
    assert json.loads(show(reference).out)["id"] == IDS[2]


def test_a_whole_id_asks_for_no_list(show: Run, service: Service) -> None:
    show(IDS[0])
    assert [request.url.path for request in service.requests] == [f"/v1/jobs/{IDS[0]}"]


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("twice", "'twice' may be several jobs", f"Name one of {IDS[0]} (twice), {IDS[1]} (twice)."),
        ("01m8ph5y", "'01m8ph5y' may be several jobs", f"Name one of {IDS[0]} (twice), {IDS[1]} (twice)."),
        ("01m8ph5z", "there is no job '01m8ph5z'", "`epochal ls`"),
        ("nothing", "there is no job 'nothing'", "`epochal ls`"),
        ("job_", "there is no job 'job_'", "`epochal ls`"),
        ("@lst", "there is no job '@lst'", "`epochal ls`"),
        ("", "'' is no id and no name of a job", None),
        ("a\x1b[2J", "'a\\x1b[2J' is no id and no name of a job", None),
        ("\udcff", "'\\udcff' is no id and no name of a job", None),
    ],
)
def test_none_or_several(show: Run, reference: str, message: str, hint: str | None) -> None:
    told = show(reference)
    assert (told.code, told.out) == (2, "")
    first, *more = told.error.splitlines()
    assert first == f"epochal: error: {message}"
    assert more == [] if hint is None else hint in more[0]


def test_only_jobs_of_the_time_that_an_id_begins_with_are_looked_through(show: Run, service: Service) -> None:
    for length in range(1, 26):
        for job, created in zip(IDS, CREATED, strict=True):
            service.requests.clear()
            show(job[4 : 4 + length])
            asked = service.requests[1].url.params
            after, before = (datetime.fromisoformat(asked[name]) for name in ("created_after", "created_before"))
            moment = datetime.fromisoformat(f"{created}+00:00")
            assert after <= moment <= before, (job, length)
            if length >= 10:
                assert before - after < timedelta(milliseconds=10)


def test_a_job_that_is_named_twice_is_one(run: Run, service: Service) -> None:
    run("cancel", "baseline", service.jobs[-1]["id"], "wider")
    cancelled = [request.url.path.split("/")[3] for request in service.requests if request.method == "POST"]
    assert cancelled == [job["id"] for job in sorted(service.jobs, key=lambda job: str(job["name"]))]


def test_no_job_is_touched_where_one_is_not_found(run: Run, service: Service) -> None:
    assert run("cancel", "baseline", "nothing").code == 2
    assert [request for request in service.requests if request.method == "POST"] == []


def test_a_model_is_named_by_its_job_where_no_model_has_the_name(run: Run, service: Service) -> None:
    unknown = problem(404, "model_not_found", "There is no model 'baseline'.")
    service.answers = [unknown]
    assert run("models", "show", "baseline").code == 0
    assert service.requests[2].url.params["job"] == service.jobs[1]["id"]
    assert service.requests[3].url.path == "/v1/models/mdl_1"
    service.answers = [problem(404, "model_not_found", "There is no model 'nothing'.")]
    told = run("models", "show", "nothing")
    assert (told.code, told.error) == (2, "epochal: error: There is no model 'nothing'. (model_not_found)\n")
    service.requests.clear()
    assert run("models", "show", "cats@production").code == 0
    assert {request.url.path for request in service.requests} == {"/v1/models/cats@production"}
