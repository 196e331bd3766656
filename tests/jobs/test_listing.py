"""Lists: every filter and order against the plain way of doing it, and pages that neither repeat nor skip."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest
from sqlalchemy import insert

from jobs import queries
from jobs.errors import CursorInvalid
from jobs.ids import first_id, is_id, new_id
from jobs.listing import JobFilter, Sort, SortOrder
from models import Database, Job, JobStatus, JobTag, Project, ProjectSession

BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
DATASETS, TAGS = ("digits", "cifar10", "cifar100"), ("a", "b", "c")


def some_jobs(database: Database, count: int = 120) -> list[dict[str, Any]]:
    """Of two projects, at random, some within the same millisecond."""
    random = Random(3)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        created_at = BEGAN + timedelta(microseconds=137 * number)
        rows.append(
            {
                "id": new_id(created_at),
                "created_at": created_at,
                "project": random.choice(("default", "other")),
                "status": random.choice(list(JobStatus)),
                "name": random.choice((None, "x", "y", "é")),
                "dataset": random.choice(DATASETS),
                "architecture": random.choice(("resnet18", "resnet20")),
                "priority": random.randrange(3),
                "best_accuracy": random.choice((None, 0.1, 0.5, 1 / 3)),
                "finished_at": random.choice((None, BEGAN, BEGAN + timedelta(microseconds=1))),
                "tags": sorted(random.sample(TAGS, random.randrange(4))),
                "spec": {"dataset": "digits"},
                "revision": 0,
                "attempt": 0,
                "losses": 0,
                "max_retries": 3,
                "devices": 1,
                "queued_at": created_at,
                "deleted_at": BEGAN if number % 20 == 0 else None,
            }
        )
    with database.session() as session:
        session.add(Project(id="other"))
        session.flush()
        session.execute(insert(Job), rows)
        tags = [{"project": row["project"], "tag": tag, "job_id": row["id"]} for row in rows for tag in row["tags"]]
        session.execute(insert(JobTag), tags)
    return rows


def expected(rows: Sequence[dict[str, Any]], jobs: JobFilter, order: SortOrder) -> list[str]:
    def wanted(row: dict[str, Any]) -> bool:
        return (
            row["project"] == "default"
            and row["deleted_at"] is None
            and (not jobs.statuses or row["status"] in jobs.statuses)
            and jobs.dataset in (None, row["dataset"])
            and jobs.architecture in (None, row["architecture"])
            and jobs.name in (None, row["name"])
            and set(jobs.tags) <= set(row["tags"])
            and (jobs.created_after is None or row["created_at"] > jobs.created_after)
            and (jobs.created_before is None or row["created_at"] < jobs.created_before)
            and row[order.sort] is not None
        )

    found = [row for row in rows if wanted(row)]
    found.sort(key=lambda row: (row[order.sort] if order.sort != "name" else row["name"].encode(), row["id"]))
    return [row["id"] for row in (found[::-1] if order.descending else found)]


def listed(database: Database, jobs: JobFilter, order: SortOrder, limit: int) -> list[str]:
    seen: list[str] = []
    after = None
    while True:
        with database.snapshot("default") as session:
            page = queries.list_jobs(session, jobs, order, after=after, limit=limit)
        assert len(page.rows) <= limit
        seen += [row.id for row in page.rows]
        if page.next_cursor is None:
            return seen
        after = page.next_cursor


def test_ids_ascend_with_time_and_tell_it() -> None:
    times = [BEGAN + timedelta(microseconds=step) for step in range(0, 5000, 7)]
    ids = [new_id(time) for time in times]
    assert ids == sorted(ids)
    for time, job_id in zip(times, ids, strict=True):
        assert is_id(job_id)
        assert first_id(time) <= job_id < first_id(time + timedelta(microseconds=1))
    assert is_id(first_id(datetime(1, 1, 1, tzinfo=UTC)))
    assert is_id(first_id(datetime.max.replace(tzinfo=UTC)))


def test_every_order_and_filter(database: Database) -> None:
    rows, random = some_jobs(database), Random(4)
    orders = [SortOrder(sort, descending) for sort in get_args(Sort) for descending in (True, False)]
    for order in orders:
        assert listed(database, JobFilter(), order, 7) == expected(rows, JobFilter(), order), order
    for _ in range(60):
        created = [random.choice((None, row["created_at"])) for row in random.sample(rows, 2)]
        jobs = JobFilter(
            statuses=random.choice(((), (JobStatus.QUEUED,), random.sample(list(JobStatus), 3))),
            dataset=random.choice((None, *DATASETS)),
            architecture=random.choice((None, "resnet18")),
            tags=random.sample(TAGS, random.choice((0, 0, 1, 2))),
            name=random.choice((None, None, "x", "é")),
            created_after=created[0],
            created_before=created[1],
        )
        order = random.choice(orders)
        assert listed(database, jobs, order, random.choice((1, 3, 100))) == expected(rows, jobs, order), (jobs, order)


@pytest.mark.parametrize("sort", get_args(Sort))
@pytest.mark.parametrize("cursor", ["x", "job_1", "W10", "WyJuYW1lIl0", "_" * 50])
def test_a_cursor_that_is_none_is_refused(database: Database, sort: Sort, cursor: str) -> None:
    with database.snapshot("default") as session, pytest.raises(CursorInvalid):
        queries.list_jobs(session, order=SortOrder(sort), after=cursor)


A_JOB = "job_01kasm2pbk5s9d0w3g6vq8zrhf"


@pytest.mark.parametrize(
    ("sort", "value", "job_id"),
    [
        ("priority", 10**30, A_JOB),
        ("priority", 10, A_JOB),
        ("priority", True, A_JOB),
        ("name", "\ud800", A_JOB),
        ("name", "\0", A_JOB),
        ("name", None, A_JOB),
        ("name", "a", "\ud800"),
        ("name", "a", "job_1"),
        ("finished_at", "0001-01-01T00:00:00+14:00", A_JOB),
        ("finished_at", "2026-01-01T00:00:00", A_JOB),
        ("finished_at", "yesterday", A_JOB),
        ("best_accuracy", "0.5", A_JOB),
        ("best_accuracy", 1, A_JOB),
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(database: Database, sort: Sort, value: Any, job_id: str) -> None:
    made_up = base64.urlsafe_b64encode(json.dumps([sort, value, job_id]).encode()).decode().rstrip("=")
    with database.snapshot("default") as session, pytest.raises(CursorInvalid):
        queries.list_jobs(session, order=SortOrder(sort), after=made_up)


def test_the_ends_of_the_calendar_are_times_like_others(database: Database) -> None:
    some_jobs(database, 10)
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    for ends, after, before in ((first, 9, 0), (last, 0, 9)):
        with database.snapshot() as session:
            later = queries.list_jobs(session, JobFilter(created_after=ends)).rows
            earlier = queries.list_jobs(session, JobFilter(created_before=ends)).rows
        assert (len(later) >= after, len(earlier) >= before, min(len(later), len(earlier))) == (True, True, 0)


def test_a_cursor_of_another_order_is_refused(database: Database) -> None:
    some_jobs(database, 40)
    with database.snapshot("default") as session:
        page = queries.list_jobs(session, order=SortOrder("priority"), limit=1)
        with pytest.raises(CursorInvalid):
            queries.list_jobs(session, order=SortOrder("best_accuracy"), after=page.next_cursor)


def test_a_session_of_a_project_sees_no_other(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted().id

    def seen(session: ProjectSession) -> tuple[bool, bool, int]:
        counted = session.query(Job).filter(Job.id == job_id).count()
        return session.get(Job, job_id) is not None, session.query(Job.name).count() > 0, counted

    with database.snapshot() as everybody, database.snapshot("default") as own, database.snapshot("other") as foreign:
        assert (seen(everybody), seen(own), seen(foreign)) == ((True, True, 1), (True, True, 1), (False, False, 0))
    with database.session("other") as session:
        assert session.query(Job).update({"name": "x"}) == 0
        assert session.query(Job).delete() == 0
