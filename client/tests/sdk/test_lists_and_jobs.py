"""Pages, jobs with their methods, rows for pandas, and answers as they came."""

from __future__ import annotations

import math
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx2
import pytest
from cli.samples import sample
from sdk.answers import Answers, epoch_body, job_body, page, problem

from epochal import LocalError, NotFoundError, types
from epochal.rows import Rows


def test_a_submission_says_what_was_asked_for(connect: Any) -> None:
    answers = Answers(httpx2.Response(201, json=job_body(name="first", tags=["lab"])), job_body(), job_body())
    client = connect(answers)
    job = client.jobs.create({"dataset": "digits"}, name="first", tags=("lab",))
    client.jobs.create({"dataset": "digits"}, priority=9, max_retries=0, accelerator="H100", repeats=2)
    client.jobs.rerun("job_1", spec={"epochs": 2}, name=None)
    assert (job.id, job.name, job.tags, job.finished) == ("job_1", "first", ("lab",), False)
    assert answers.asked() == ["POST /v1/jobs", "POST /v1/jobs", "POST /v1/jobs/job_1/rerun"]
    assert answers.bodies() == [
        {"spec": {"dataset": "digits"}, "name": "first", "tags": ["lab"]},
        {"spec": {"dataset": "digits"}, "priority": 9, "max_retries": 0, "accelerator": "H100", "repeats": 2},
        {"spec": {"epochs": 2}, "name": None},
    ]


def test_pages_are_followed_by_path_and_by_url(connect: Any) -> None:
    here = "/v1/jobs/job_1/metrics"
    answers = Answers(
        page(epoch_body(4), following=f"{here}?after_epoch=4&limit=1"),
        page(epoch_body(5), following=f"http://epochal.test{here}?after_epoch=5&limit=1"),
        # `next` is where the epochs to come will be; nothing is there yet.
        page(epoch_body(6)) | {"next": f"{here}?after_epoch=6&limit=1"},
    )
    rows = connect(answers).jobs.metrics("job_1", after_epoch=3)
    assert [row.epoch for row in rows] == [4, 5, 6]
    assert answers.asked() == [f"GET {here}?after_epoch={each}" for each in ("3", "4&limit=1", "5&limit=1")]


def test_rows_are_fetched_as_they_are_looked_at(connect: Any) -> None:
    answers = Answers(*[page(job_body("job_2"), following="/v1/jobs?after=job_2"), page(job_body("job_1"))] * 2)
    pages = connect(answers).jobs.list(status=["queued", "running"])
    assert answers.asked() == []
    rows = iter(pages)
    assert next(rows).id == "job_2"
    assert answers.asked() == ["GET /v1/jobs?status=queued&status=running"]
    assert [job.id for job in rows] == ["job_1"]
    assert [job.id for job in pages.to_list()] == ["job_2", "job_1"]  # from the first page on, once more


def test_a_page_by_itself(connect: Any) -> None:
    answers = Answers(page(job_body("job_2"), following="/v1/jobs?after=job_2"))
    found = connect(answers).jobs.list(limit=1).first_page()
    assert ([job.id for job in found.data], found.has_more, found.next) == (["job_2"], True, "/v1/jobs?after=job_2")
    assert len(answers.requests) == 1


def test_jobs_are_filtered_and_sorted(connect: Any) -> None:
    answers = Answers(page(), page(), page())
    jobs = connect(answers).jobs
    found = jobs.list(
        status=("failed", "stopped"),
        dataset="digits",
        architecture="resnet20",
        tags=["lab", "a b"],
        name="first",
        parent="swp_1",
        created_after=datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1))),
        created_before=datetime(2026, 12, 1, tzinfo=timezone.utc),
        sort="-best_accuracy",
        limit=100,
    )
    assert list(found) == list(jobs.list(status="failed")) == list(jobs.list()) == []
    assert answers.requests[0].url.params.multi_items() == [
        ("status", "failed"),
        ("status", "stopped"),
        ("dataset", "digits"),
        ("architecture", "resnet20"),
        ("tag", "lab"),
        ("tag", "a b"),
        ("name", "first"),
        ("parent", "swp_1"),
        ("created_after", "2026-11-01T00:00:00+01:00"),
        ("created_before", "2026-12-01T00:00:00+00:00"),
        ("sort", "-best_accuracy"),
        ("limit", "100"),
    ]
    assert answers.asked()[1:] == ["GET /v1/jobs?status=failed", "GET /v1/jobs"]


def test_a_job_asks_the_service_that_it_came_from(connect: Any) -> None:
    changed = [job_body(status=status) for status in ("running", "cancelled", "stopped", "paused", "queued", "failed")]
    text, gone = httpx2.Response(200, text="Test Accuracy: 9.78%\n"), httpx2.Response(204)
    answers = Answers(job_body(), *changed, page(epoch_body(0)), text, gone)
    job = connect(answers).jobs.retrieve("job_1")
    made = [job.refresh(), job.cancel(), job.stop(), job.pause(), job.resume(), job.wait()]
    assert [each.status for each in made] == ["running", "cancelled", "stopped", "paused", "queued", "failed"]
    assert [each.finished for each in made] == [False, True, True, False, False, True]
    assert job.status == "queued"  # as it was
    assert [row.epoch for row in job.metrics()] == [0]
    assert job.log() == "Test Accuracy: 9.78%\n"
    assert job.delete() is None
    here = "/v1/jobs/job_1"
    verbs = [f"POST {here}/{verb}" for verb in ("cancel", "stop", "pause", "resume")]
    read = [f"GET {here}/metrics?after_epoch=-1", f"GET {here}/log", f"DELETE {here}"]
    assert answers.asked() == [f"GET {here}", f"GET {here}", *verbs, f"GET {here}", *read]


def test_jobs_of_a_list_ask_too(connect: Any) -> None:
    answers = Answers(page(job_body("job_7")), job_body("job_7", status="cancelled"))
    [job] = connect(answers).jobs.list()
    assert job.cancel().status == "cancelled"
    assert answers.asked()[-1] == "POST /v1/jobs/job_7/cancel"


def test_only_points_of_a_curve(connect: Any) -> None:
    step = sample(types.StepRow, epoch=2, step=20, loss=1.5)
    answers = Answers(page(), page(), page(step))
    jobs = connect(answers).jobs
    jobs.metrics("job_1", max_points=500)
    jobs.steps("job_1", max_points=200)
    assert [(row.epoch, row.step, row.loss) for row in jobs.steps("job_1", 2, 10)] == [(2, 20, 1.5)]
    assert answers.asked() == [
        "GET /v1/jobs/job_1/metrics?after_epoch=-1&max_points=500",
        "GET /v1/jobs/job_1/steps?after_epoch=-1&max_points=200",
        "GET /v1/jobs/job_1/steps?after_epoch=2&after_step=10",
    ]


def test_files_of_a_job_come_as_they_are(connect: Any) -> None:
    bodies = [b"<svg/>", b"\x89PNG", "# époque\n".encode()]
    answers = Answers(*[httpx2.Response(200, content=body) for body in bodies])
    jobs = connect(answers).jobs
    assert [jobs.curves("job_1"), jobs.curves("job_1", "png"), jobs.report("job_1", "md")] == [
        b"<svg/>",
        b"\x89PNG",
        "# époque\n",
    ]
    here = "GET /v1/jobs/job_1"
    assert answers.asked() == [f"{here}/curves.svg", f"{here}/curves.png", f"{here}/report?format=md"]


def test_rows_become_a_table(connect: Any) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [epoch_body(0) | {"train_loss": "NaN", "colour": "red"}, epoch_body(1) | {"test_loss": "Infinity"}]
    found = connect(Answers(page(*rows))).jobs.metrics("job_1")
    table = found.to_pandas()
    assert list(table.columns) == list(sample(types.EpochRow))  # what a newer service adds is no column
    assert (list(table["epoch"]), table["test_loss"][1]) == ([0, 1], math.inf)
    assert math.isnan(table["train_loss"][0])
    assert isinstance(table["recorded_at"].dtype, pandas.DatetimeTZDtype)
    assert Rows[Any]([]).to_pandas().empty


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LocalError, match="pip install pandas"):
        Rows[Any]([]).to_pandas()


def test_answers_as_they_came(connect: Any) -> None:
    headers = {"X-Request-ID": "req_1", "ETag": '"a"'}
    answers = Answers(
        httpx2.Response(503),
        httpx2.Response(200, json=job_body(), headers=headers),
        httpx2.Response(200, json=page(job_body("job_2"), following="/v1/jobs?after=job_2"), headers=headers),
        httpx2.Response(204, headers=headers),
        job_body(),
        problem(404, code="job_not_found"),
    )
    jobs = connect(answers).jobs
    raw = jobs.with_raw_response
    found = raw.retrieve("job_1")
    assert (found.status_code, found.request_id, found.headers["etag"]) == (200, "req_1", '"a"')
    assert (found.parse().id, found.content) == ("job_1", found.http_response.content)
    rows = raw.list()
    assert ([job.id for job in rows.parse().data], rows.request_id) == (["job_2"], "req_1")
    assert (raw.delete("job_1").status_code, jobs.retrieve("job_1").id) == (204, "job_1")
    with pytest.raises(NotFoundError):
        raw.retrieve("job_1")
    for many in (raw.stream, raw.poll):
        with pytest.raises(LocalError, match="many answers"):
            many("job_1")
    with pytest.raises(AttributeError):
        raw.no_such_method  # noqa: B018


def test_what_is_asked_again_with_others_is_apart(connect: Any) -> None:
    """The answers that one call sees are its own."""
    answers = Answers(*[job_body(f"job_{number}") for number in range(4)])
    raw = connect(answers).jobs.with_raw_response
    found = [raw.retrieve(f"job_{number}") for number in range(4)]
    assert [each.http_response.json()["id"] for each in found] == [each.parse().id for each in found]
