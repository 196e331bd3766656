"""What a project may use, and what happens beyond it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from jobs import changes, lifecycle, placement, queries, quotas, recording, requests, workers
from jobs.errors import QuotaExceeded
from jobs.submission import Submission
from jobs.usage import fold, note_device_time
from models import Attempt, Database, DeviceUse, Job, Project, UsageEntry
from models.columns import DatabaseNow
from storage import Storage
from tests.conftest import Databases
from tests.jobs.conftest import LOST, change, checkpoint_of, job_of, publish, spec, take, weights_of
from tests.stage import FACTS


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
    assert (after.running_jobs, after.storage_bytes) == (0, 3)  # its weights
    assert after.device_hours == pytest.approx(before.device_hours, abs=0.05)


def test_last_month_does_not_count(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    with database.session() as session:
        lifecycle.release_job(session, claim)
        long_ago = datetime.now(UTC) - timedelta(days=40)
        session.execute(update(Attempt).values(started_at=long_ago, ended_at=long_ago + timedelta(hours=3)))
    assert used(database).device_hours == pytest.approx(0, abs=0.01)


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
        recording.record_start(session, claim, FACTS)
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
        recording.record_start(session, claim, FACTS)
        lifecycle.settle_success(session, claim, weights_of(claim))
    assert job_of(database, claim.job_id).status == "succeeded"


def test_a_deleted_job_counts_until_its_files_are_gone(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0))
    change(database, claim.job_id, deleted_at=DatabaseNow())
    assert used(database).storage_bytes == 3


def test_a_deletion_gives_storage_back_and_no_device_time(
    database: Database, submitted: Callable[..., Job], tmp_path: Path
) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0), (2, 0), (3, 0), (4, 0))
    with database.session() as session:
        recording.record_start(session, claim, FACTS)
        session.execute(update(Attempt).values(started_at=DatabaseNow(-60)))
        lifecycle.settle_success(session, claim, weights_of(claim))
    before = used(database)
    assert (before.storage_bytes, before.device_hours > 0) == (3, True)  # its weights
    with database.session() as session:
        changes.delete_job(session, claim.job_id)
    changes.purge(database, Storage(f"file://{tmp_path}"))
    after = used(database)
    assert (after.storage_bytes, after.device_hours) == (0, before.device_hours)


def test_a_cancelled_job_stores_nothing(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0))
    with database.session() as session:
        requests.request_cancel(session, claim.job_id)
    with database.session() as session:
        lifecycle.release_job(session, claim)
    assert used(database).storage_bytes == 0


def test_a_pause_makes_no_room_in_the_queue(database: Database, submitted: Callable[..., Job]) -> None:
    limit(database, max_queued_jobs=1)
    job = submitted()
    with database.session() as session:
        requests.request_pause(session, job.id)
    with pytest.raises(QuotaExceeded):
        submitted()


def test_a_stop_makes_its_weights_whatever_is_used_up(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0))
    with database.session() as session:
        lifecycle.release_job(session, claim)
        requests.request_stop(session, claim.job_id)
    limit(database, max_running_jobs=0, max_storage_bytes=0, max_device_hours=0.0)
    with database.snapshot() as session:
        candidate = placement.next_job(session, ["cpu"])
        place = queries.find(session, claim.job_id).queue
    assert candidate
    assert place
    assert (candidate.job_id, place.code != "quota_reached") == (claim.job_id, True)
    with database.session() as session:
        second = lifecycle.claim(session, claim.job_id, "second", lease_seconds=30)
    assert second
    assert second.finish_at_once


def test_device_time_counts_in_the_month_in_which_it_was_used(
    database: Database, submitted: Callable[..., Job]
) -> None:
    job = submitted(spec(devices=2))
    began, ended = datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=UTC)
    with database.session() as session:
        for _ in range(2):
            note_device_time(session, job, began, ended)
        fold(session)
        rows = session.execute(select(DeviceUse.month, DeviceUse.device_seconds).order_by(DeviceUse.month)).all()
    hours = {month: seconds / 3600 for month, seconds in rows}
    assert hours == {"2026-01": 4 * 1, "2026-02": 4 * 28 * 24, "2026-03": 4 * 2}


def test_what_is_used_is_the_same_before_and_after_it_is_added_up(
    database: Database, submitted: Callable[..., Job]
) -> None:
    """And what a release wrote that adds to the sums itself counts, too."""
    claim = take(database, submitted().id)
    publish(database, claim, (1, 0), (2, 0))
    month = f"{datetime.now(UTC):%Y-%m}"
    with database.session() as session:
        session.execute(update(Attempt).values(started_at=DatabaseNow(-1), ended_at=DatabaseNow()))
        session.add(DeviceUse(project="default", month=month, device_seconds=3600.0))
        session.add_all(UsageEntry(project="default", month=month, device_seconds=900.0) for _ in range(4))
        session.execute(update(Project).values(storage_bytes=100))
    before = used(database)
    assert before.storage_bytes == 106
    assert before.device_hours == pytest.approx(2.0, abs=0.01)
    with database.session() as session:
        assert not fold(session)
    with database.snapshot() as session:
        assert session.scalars(select(UsageEntry)).all() == []
        assert session.scalars(select(Project.storage_bytes)).all() == [106]
    after = used(database)
    assert after.storage_bytes == 106
    assert after.device_hours == pytest.approx(2.0, abs=0.01)


def test_several_that_add_up_at_once_add_nothing_twice(database: Database) -> None:
    with database.session() as session:
        session.add_all(UsageEntry(project="default", storage_bytes=1) for _ in range(200))

    def add_up(_number: int) -> None:
        with database.session() as session:
            fold(session)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_up, range(8)))
    with database.snapshot() as session:
        assert session.scalars(select(Project.storage_bytes)).all() == [200]


def test_no_attempt_waits_for_another_of_its_project_to_note_its_use(
    postgresql_databases: Databases,
) -> None:
    with postgresql_databases(migrated=True) as url:
        database = Database(url)
        with database.session() as session:
            job_ids = [lifecycle.submit(session, Submission(spec())).id for _ in range(2)]
            for name in ("first", "second"):
                workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")
        claims = [take(database, job_id) for job_id in job_ids]
        with database.session() as first, database.session() as second:
            for session, claim in zip((first, second), claims, strict=True):
                session.execute(text("SET LOCAL lock_timeout = '100ms'"))
                session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                recording.record_checkpoint(session, claim, checkpoint_of(claim, 1))
                lifecycle.lose_attempt(session, claim, LOST)
                session.flush()
        database.dispose()
