from collections.abc import Callable

import pytest
from sqlalchemy import update

from jobs import lifecycle, queries, workers
from jobs.errors import JobNotFound
from jobs.lifecycle import Claim
from models import Database, Job, JobStatus, Request, Worker
from models.columns import DatabaseNow
from tests.jobs.conftest import epoch_metrics
from training.metrics import StepMetrics
from training.spec import TrainingSpec


def test_a_list_is_newest_first_and_pages_neither_repeat_nor_skip(
    database: Database, submitted: Callable[[], Job]
) -> None:
    ids = [submitted().id for _ in range(5)]
    assert ids == sorted(ids)
    seen: list[str] = []
    after, more = None, True
    while more:
        with database.snapshot() as session:
            page = queries.list_jobs(session, after=after, limit=2)
        seen += [record.job.id for record in page.rows]
        after, more = seen[-1], page.has_more
        submitted()  # what comes in meanwhile does not move the pages
    assert seen == ids[::-1]


def test_a_filter_comes_before_the_page_is_cut(database: Database, submitted: Callable[[], Job]) -> None:
    ids = [submitted().id for _ in range(4)]
    with database.session() as session:
        lifecycle.request_cancel(session, ids[0])
    with database.snapshot() as session:
        page = queries.list_jobs(session, statuses=[JobStatus.CANCELLED], limit=1)
    assert [record.job.id for record in page.rows] == ids[:1]
    assert not page.has_more


def test_a_queued_job_knows_its_place_and_the_reason(database: Database, submitted: Callable[[], Job]) -> None:
    ids = [submitted().id for _ in range(3)]

    def place(job_id: str) -> tuple[int, str] | None:
        with database.snapshot() as session:
            queue = queries.find(session, job_id).queue
        return (queue.position, queue.reason) if queue else None

    assert [place(job_id) for job_id in ids] == [
        (1, "A slot is free: about to start."),
        (2, "A slot is free: about to start."),
        (3, "A slot is free: about to start."),
    ]
    for job_id, worker in zip(ids[:2], ["first", "second"], strict=True):
        with database.session() as session:
            lifecycle.claim(session, job_id, worker, 30)
    assert place(ids[0]) is None
    assert place(ids[2]) == (1, "Every slot is busy: 2 of 2.")
    with database.session() as session:
        session.execute(update(Worker).values(seen_at=DatabaseNow(-60)))
    assert place(ids[2]) == (1, "No worker is connected.")


def test_epochs_and_steps_come_in_order_after_a_cursor(database: Database, running: Claim) -> None:
    with database.session() as session:
        for epoch in (1, 0, 2):
            lifecycle.record_epoch(session, running, epoch_metrics(epoch))
            steps = [StepMetrics(epoch=epoch, step=step, loss=1.0, learning_rate=0.1) for step in (0, 10)]
            lifecycle.record_steps(session, running, steps)
    with database.snapshot() as session:
        epochs = queries.epochs_after(session, running.job_id, after_epoch=0, limit=1)
        steps_page = queries.steps_after(session, running.job_id, after_epoch=0, after_step=0)
    assert ([row.epoch for row in epochs.rows], epochs.has_more) == ([1], True)
    assert [(row.epoch, row.step) for row in steps_page.rows] == [(0, 10), (1, 0), (1, 10), (2, 0), (2, 10)]
    assert not steps_page.has_more


def test_what_an_unknown_job_measured_is_not_found(database: Database) -> None:
    for ask in (queries.find, queries.epochs_after, queries.steps_after):
        with pytest.raises(JobNotFound), database.snapshot() as session:
            ask(session, "job_unknown")


def test_a_request_reaches_the_attempt_that_has_the_job(database: Database, running: Claim) -> None:
    with database.snapshot() as session:
        assert queries.requested(session, running) is None
    with database.session() as session:
        lifecycle.request_cancel(session, running.job_id)
    with database.snapshot() as session:
        assert queries.requested(session, running) is Request.CANCEL


def test_how_many_devices_a_queued_job_asks_for(database: Database, running: Claim) -> None:
    with database.session() as session:
        job_id = lifecycle.submit(session, TrainingSpec(dataset="digits", devices=3)).id
        earlier = lifecycle.submit(session, TrainingSpec(dataset="digits"))
        earlier.spec = {name: value for name, value in earlier.spec.items() if name != "devices"}
    with database.snapshot() as session:
        asked = [
            queries.devices_asked_for(session, each) for each in (job_id, earlier.id, running.job_id, "job_unknown")
        ]
    assert asked == [3, 1, 1, 1]


def test_workers_come_and_go(database: Database) -> None:
    def connected() -> list[str]:
        with database.snapshot() as session:
            return [worker.id for worker in workers.connected(session)]

    with database.session() as session:
        for name in ("a", "b"):
            workers.sign_on(session, name, slots=2, devices=["cpu"], torch_version="2")
    assert connected() == ["a", "b"]
    with database.session() as session:
        workers.sign_off(session, "a")
        session.execute(update(Worker).where(Worker.id == "b").values(seen_at=DatabaseNow(-60)))
    assert connected() == []
    with database.session() as session:
        workers.seen(session, "b")
    assert connected() == ["b"]
