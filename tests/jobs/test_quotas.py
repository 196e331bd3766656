"""What a project may use, and what happens beyond it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from jobs import lifecycle, placement, queries, quotas, records
from jobs.errors import QuotaExceeded
from models import Attempt, Database, Job, Project
from models.columns import DatabaseNow
from tests.jobs.conftest import FACTS, change, job_of, publish, spec, take, weights_of


def limit(database: Database, **bounds: Any) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == "default").values(bounds))


def used(database: Database) -> quotas.Usage:
    with database.snapshot() as session:
        return quotas.usage(session, "default")


def test_use_is_counted(database: Database, submitted: Callable[..., Job]) -> None:
    job, _ = submitted(spec(devices=2)), submitted()
    claim = take(database, job.id)
    publish(database, claim, (1, 0), (2, 0))
    with database.session() as session:
        began = DatabaseNow(-1800)
        session.execute(update(Attempt).values(started_at=began))
    before = used(database)
    assert (before.running_jobs, before.queued_jobs, before.storage_bytes) == (1, 1, 6)
    this_month = datetime.now(UTC)
    if this_month - this_month.replace(day=1, hour=0, minute=0) > timedelta(hours=1):
        assert before.device_hours == pytest.approx(1.0, abs=0.05)
    with database.session() as session:
        lifecycle.settle_stop(session, claim, weights_of(claim), 2, 0)
    after = used(database)
    assert (after.running_jobs, after.storage_bytes) == (0, 9)
    assert after.device_hours == pytest.approx(before.device_hours, abs=0.05)


def test_last_month_does_not_count(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    with database.session() as session:
        lifecycle.let_go(session, claim)
        long_ago = datetime.now(UTC) - timedelta(days=40)
        session.execute(update(Attempt).values(started_at=long_ago, ended_at=long_ago + timedelta(hours=3)))
    assert used(database).device_hours == 0


@pytest.mark.parametrize("quota", ["max_queued_jobs", "max_storage_bytes", "max_device_hours"])
def test_beyond_it_no_job_is_accepted(database: Database, submitted: Callable[..., Job], quota: str) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0))
    submitted()
    limit(database, **{quota: 1 if quota == "max_queued_jobs" else 3 if quota == "max_storage_bytes" else 0.0})
    with pytest.raises(QuotaExceeded, match=quota):
        submitted()
    limit(database, **{quota: None})
    submitted()


def test_beyond_it_no_job_begins_and_others_may(database: Database, submitted: Callable[..., Job]) -> None:
    with database.session() as session:
        session.add(Project(id="other"))
    first, second, other = submitted(), submitted(), submitted(project="other")
    limit(database, max_running_jobs=1)

    def next_id() -> str | None:
        with database.snapshot() as session:
            candidate = placement.next_job(session, ["cpu"])
        return candidate.job_id if candidate else None

    assert next_id() == first.id
    claim = take(database, first.id)
    assert next_id() == other.id
    with database.session() as session:
        assert lifecycle.claim(session, second.id, "second", lease_seconds=30) is None
    with database.snapshot() as session:
        place = queries.find(session, second.id).queue
    assert place
    assert place.code == "quota_reached"
    with database.session() as session:
        records.record_start(session, claim, FACTS)
        lifecycle.settle_success(session, claim, weights_of(claim))
    assert next_id() == second.id


def test_several_at_once_do_not_get_past_it(database: Database, submitted: Callable[..., Job]) -> None:
    limit(database, max_queued_jobs=3, max_running_jobs=2)

    def submit(_number: int) -> str | None:
        try:
            return submitted().id
        except QuotaExceeded:
            return None

    with ThreadPoolExecutor(8) as pool:
        accepted = [job_id for job_id in pool.map(submit, range(8)) if job_id]
    assert len(accepted) == 3

    def claim(job_id: str) -> bool:
        with database.session() as session:
            return lifecycle.claim(session, job_id, "second", lease_seconds=30) is not None

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(claim, accepted)) == 2


def test_what_runs_goes_on_when_a_quota_is_lowered(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    limit(database, max_running_jobs=0, max_storage_bytes=0, max_device_hours=0.0)
    publish(database, claim, (1, 0))
    with database.session() as session:
        records.record_start(session, claim, FACTS)
        lifecycle.settle_success(session, claim, weights_of(claim))
    assert job_of(database, claim.job_id).status == "succeeded"


def test_a_deleted_job_counts_until_its_files_are_gone(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0))
    change(database, claim.job_id, deleted_at=DatabaseNow())
    assert used(database).storage_bytes == 3
