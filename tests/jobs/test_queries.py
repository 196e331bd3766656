from collections.abc import Callable
from dataclasses import astuple

import pytest
from sqlalchemy.orm import Session

from jobs import lifecycle, queries, recording, requests
from jobs.errors import CheckpointNotFound, JobNotFound, WeightsNotFound
from jobs.fence import Claim
from jobs.listing import JobFilter
from models import Database, Job, JobStatus
from tests.jobs.conftest import checkpoint_of, epoch_metrics, publish, step_metrics, take, weights_of


def test_a_list_is_newest_first_and_pages_neither_repeat_nor_skip(
    database: Database, submitted: Callable[..., Job]
) -> None:
    ids = [submitted().id for _ in range(5)]
    assert ids == sorted(ids)
    seen: list[str] = []
    after, more = None, True
    while more:
        with database.snapshot() as session:
            page = queries.list_jobs(session, after=after, limit=2)
        seen += [row.id for row in page.rows]
        after, more = page.next_cursor, page.next_cursor is not None
        submitted()  # what comes in meanwhile does not move the pages
    assert seen == ids[::-1]


def test_a_filter_comes_before_the_page_is_cut(database: Database, submitted: Callable[..., Job]) -> None:
    ids = [submitted().id for _ in range(4)]
    with database.session() as session:
        requests.request_cancel(session, ids[0])
    with database.snapshot() as session:
        page = queries.list_jobs(session, JobFilter(statuses=[JobStatus.CANCELLED]), limit=1)
    assert [row.id for row in page.rows] == ids[:1]
    assert page.next_cursor is None


def test_epochs_and_steps_come_in_order_after_a_cursor(database: Database, running: Claim) -> None:
    with database.session() as session:
        for epoch in (1, 0, 2):
            recording.record_epoch(session, running, epoch_metrics(epoch))
            recording.record_steps(session, running, [step_metrics(epoch, step) for step in (0, 10)])
    with database.snapshot() as session:
        epochs = queries.epochs_after(session, running.job_id, after_epoch=0, limit=1)
        steps_page = queries.steps_after(session, running.job_id, after_epoch=0, after_step=0)
    assert ([row.epoch for row in epochs.rows], epochs.has_more) == ([1], True)
    assert [(row.epoch, row.step) for row in steps_page.rows] == [(0, 10), (1, 0), (1, 10), (2, 0), (2, 10)]
    assert not steps_page.has_more


ASKED: dict[str, Callable[[Session], object]] = {
    "find": lambda session: queries.find(session, "job_unknown"),
    "epochs": lambda session: queries.epochs_after(session, "job_unknown"),
    "steps": lambda session: queries.steps_after(session, "job_unknown"),
    "checkpoints": lambda session: queries.checkpoints(session, "job_unknown").rows,
    "checkpoint": lambda session: queries.checkpoint_file(session, "job_unknown", "attempt-0001/x.safetensors"),
    "weights": lambda session: queries.weights_file(session, "job_unknown"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_is_asked_of_an_unknown_job_is_not_found(database: Database, ask: Callable[[Session], object]) -> None:
    with pytest.raises(JobNotFound, match="job_unknown"), database.snapshot() as session:
        ask(session)


def test_a_checkpoint_is_one_of_its_own_job(database: Database, running: Claim, submitted: Callable[..., Job]) -> None:
    other = take(database, submitted().id)
    publish(database, other, (1, 0))
    name = checkpoint_of(other, 1).file.name
    for wrong in (name, name.partition("/")[2], f"../{name}"):
        with pytest.raises(CheckpointNotFound), database.snapshot() as session:
            queries.checkpoint_file(session, running.job_id, wrong)


def test_there_are_weights_once_there_are(database: Database, running: Claim) -> None:
    with pytest.raises(WeightsNotFound, match="is running and has no weights"), database.snapshot() as session:
        queries.weights_file(session, running.job_id)
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running))
    with database.snapshot() as session:
        assert astuple(queries.weights_file(session, running.job_id)) == astuple(weights_of(running))
