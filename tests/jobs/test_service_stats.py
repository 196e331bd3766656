"""The figures that are watched, and that they cost the same however many jobs have ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text, update

from jobs import service_stats
from jobs.service_stats import END_REASONS, LAG_SECONDS, StatsCollector
from models import (
    Attempt,
    Database,
    Epoch,
    Event,
    Job,
    JobStatus,
    Webhook,
    WebhookDelivery,
    Worker,
)
from models.columns import DatabaseNow
from training.spec import TrainingSpec

SPEC = TrainingSpec(dataset="digits").model_dump(mode="json")
EPOCH = {"train_loss": 1.0, "train_accuracy": 0.5, "learning_rate": 0.1, "seconds": 1.0, "images_per_second": 1.0}


def add_job(database: Database, job_id: str, status: JobStatus, **columns: Any) -> None:
    with database.session() as session:
        session.add(Job(id=job_id, status=status, tags=[], spec=SPEC, **columns))


def add_worker(database: Database, worker_id: str, slots: int = 1, **columns: Any) -> None:
    with database.session() as session:
        session.add(Worker(id=worker_id, slots=slots, devices=["cpu"], torch_version="2.15.0", **columns))


def end_attempt(database: Database, job_id: str, number: int, reason: str, seconds_ago: float) -> None:
    ended = DatabaseNow(-seconds_ago)
    with database.session() as session:
        session.add(Attempt(job_id=job_id, number=number, worker="w", ended_at=ended, end_reason=reason))


def add_event(database: Database, job_id: str, kind: str) -> None:
    with database.session() as session:
        session.add(Event(job_id=job_id, attempt=1, type=kind, message="", epoch=0 if kind == "epoch" else None))


def test_without_anything_everything_is_zero(database: Database) -> None:
    seen = StatsCollector(database).collect()
    assert set(seen.jobs.values()) == set(seen.workers.values()) == set(seen.attempts_ended.values()) == {0}
    assert list(seen.attempts_ended) == list(END_REASONS)
    assert {"succeeded", "worker_lost", "out_of_memory", "internal"} <= set(END_REASONS)
    assert (seen.oldest_queued_seconds, seen.images_per_second, seen.oldest_delivery_seconds) == (0, 0, 0)
    assert (seen.expired_leases, seen.epochs_recorded, seen.deliveries_waiting) == (0, 0, 0)


def test_jobs_that_have_not_ended(database: Database) -> None:
    ended = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.STOPPED)
    for number, status in enumerate((JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.PAUSED, *ended)):
        add_job(database, f"job_{number}", status)
    with database.session() as session:
        session.execute(update(Job).where(Job.id == "job_1").values(queued_at=DatabaseNow(-90)))
    seen = StatsCollector(database).collect()
    assert seen.jobs == {JobStatus.QUEUED: 2, JobStatus.STARTING: 0, JobStatus.RUNNING: 0, JobStatus.PAUSED: 1}
    assert 90 <= seen.oldest_queued_seconds < 120


def test_workers_and_what_they_do(database: Database) -> None:
    add_worker(database, "busy", slots=3)
    add_worker(database, "draining", slots=4, draining_at=DatabaseNow())
    add_worker(database, "gone", slots=8, seen_at=DatabaseNow(-60))
    add_worker(database, "left", slots=8, ended_at=DatabaseNow())
    lease = DatabaseNow(60)
    add_job(database, "job_1", JobStatus.RUNNING, owner="busy", lease_until=lease)
    add_job(database, "job_2", JobStatus.STARTING, owner="draining", lease_until=lease)
    add_job(database, "job_3", JobStatus.RUNNING, owner="gone", lease_until=DatabaseNow(-1))
    seen = StatsCollector(database).collect()
    assert seen.workers == {"online": 1, "draining": 1}
    assert (seen.busy_slots, seen.free_slots) == (2, 2)
    assert seen.expired_leases == 1


def test_how_fast_the_running_jobs_train(database: Database) -> None:
    add_worker(database, "w")
    for job_id, status, attempt in (
        ("job_1", JobStatus.RUNNING, 1),
        ("job_2", JobStatus.RUNNING, 1),
        ("job_3", JobStatus.RUNNING, 2),  # begun anew: its last epoch is of an attempt that is over
        ("job_4", JobStatus.SUCCEEDED, 1),
    ):
        add_job(database, job_id, status, attempt=attempt, latest_epoch=1)
        with database.session() as session:
            for epoch, speed in ((0, 7.0), (1, 100.0)):
                session.add(Epoch(job_id=job_id, epoch=epoch, attempt=1, **EPOCH | {"images_per_second": speed}))
    assert StatsCollector(database).collect().images_per_second == 200


def test_deliveries_that_wait(database: Database) -> None:
    with database.session() as session:
        session.add(Webhook(id="hook", project="default", url="https://a.example", events=[], secret="whsec_x"))
        session.flush()
        for number, (due, age) in enumerate(((DatabaseNow(60), 30), (DatabaseNow(), 10), (None, 900))):
            session.add(
                WebhookDelivery(
                    id=f"msg_{number}",
                    webhook_id="hook",
                    type="job.failed",
                    payload="{}",
                    next_attempt_at=due,
                    created_at=DatabaseNow(-age),
                )
            )
    seen = StatsCollector(database).collect()
    assert seen.deliveries_waiting == 2
    assert 30 <= seen.oldest_delivery_seconds < 60


def test_attempts_are_counted_once_they_are_settled(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_worker(database, "w")
    add_job(database, "job_1", JobStatus.QUEUED)
    end_attempt(database, "job_1", 1, "drained", LAG_SECONDS + 60)  # before the watch began
    watch = StatsCollector(database)
    watch.collect()
    end_attempt(database, "job_1", 2, "worker_lost", 0)
    end_attempt(database, "job_1", 3, "worker_lost", 0)
    end_attempt(database, "job_1", 4, "succeeded", 0)
    assert set(watch.collect().attempts_ended.values()) == {0}  # another may yet be committed with an earlier time
    monkeypatch.setattr(service_stats, "LAG_SECONDS", 0.0)
    for _ in range(2):
        ended = watch.collect().attempts_ended
        assert {reason: count for reason, count in ended.items() if count} == {"worker_lost": 2, "succeeded": 1}


def test_epochs_are_counted_once_they_are_settled(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_job(database, "job_1", JobStatus.QUEUED)
    add_event(database, "job_1", "epoch")  # before the watch began
    watch = StatsCollector(database)
    watch.collect()
    for kind in ("epoch", "requeued", "epoch"):
        add_event(database, "job_1", kind)
    assert watch.collect().epochs_recorded == 0
    monkeypatch.setattr(service_stats, "LAG_SECONDS", 0.0)
    assert watch.collect().epochs_recorded == 2
    assert watch.collect().epochs_recorded == 2
    add_event(database, "job_1", "epoch")
    assert watch.collect().epochs_recorded == 3


def test_a_look_that_fails_loses_no_count(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_job(database, "job_1", JobStatus.QUEUED)
    watch = StatsCollector(database)
    watch.collect()
    add_event(database, "job_1", "epoch")
    monkeypatch.setattr(service_stats, "LAG_SECONDS", 0.0)
    with monkeypatch.context() as away:
        away.setattr("jobs.workers.connected_with_jobs", lambda _session: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch.collect()
    assert watch.collect().epochs_recorded == 1


ENDED = 3000


@pytest.fixture
def much_history(database: Database) -> Database:
    """Many jobs that have ended, with all that hangs on them, and hardly any that has not."""
    add_worker(database, "w")
    ids = [f"job_{number:05}" for number in range(ENDED)]
    long_ago = datetime.now(UTC) - timedelta(days=30)
    with database.session() as session:
        session.execute(
            insert(Job),
            [
                {"id": id_, "status": JobStatus.SUCCEEDED, "tags": [], "spec": SPEC, "finished_at": long_ago}
                for id_ in ids
            ],
        )
        session.execute(
            insert(Attempt),
            [
                {"job_id": id_, "number": 1, "worker": "w", "ended_at": long_ago, "end_reason": "succeeded"}
                for id_ in ids
            ],
        )
        session.execute(
            insert(Event), [{"job_id": id_, "attempt": 1, "type": "epoch", "message": "", "epoch": 0} for id_ in ids]
        )
        session.execute(insert(Epoch), [{"job_id": id_, "epoch": 0, "attempt": 1, **EPOCH} for id_ in ids])
        session.add(Webhook(id="hook", project="default", url="https://a.example", events=[], secret="whsec_x"))
        session.flush()
        session.execute(
            insert(WebhookDelivery),
            [{"id": f"msg_{id_}", "webhook_id": "hook", "type": "t", "payload": "{}"} for id_ in ids],
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    add_job(database, "job_open", JobStatus.QUEUED)
    return database


def explained(database: Database, statement: str, parameters: Any) -> str:
    with database.engine.connect() as connection:
        prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        rows = connection.exec_driver_sql(prefix + statement, parameters).all()
        return "\n".join(str(row[-1]) for row in rows)


def test_no_figure_reads_what_has_ended(much_history: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = StatsCollector(much_history)
    monkeypatch.setattr(service_stats, "LAG_SECONDS", 0.0)
    watch.collect()
    add_event(much_history, "job_open", "epoch")
    said: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            said.append((statement, parameters))

    event.listen(much_history.engine, "before_cursor_execute", note)
    try:
        watch.collect()
    finally:
        event.remove(much_history.engine, "before_cursor_execute", note)
    assert len(said) >= 9
    for statement, parameters in said:
        plan = explained(much_history, statement, parameters)
        for table in ("jobs", "attempts", "events", "epochs", "webhook_deliveries"):
            assert f"Seq Scan on {table}" not in plan, (statement, plan)
            scans = [line for line in plan.splitlines() if line.startswith(f"SCAN {table}")]
            partial = ("USING INDEX ix_webhook_deliveries_due", "USING COVERING INDEX ix_webhook_deliveries_due")
            assert all(line.endswith(partial) for line in scans), (statement, plan)
