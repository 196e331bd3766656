from collections.abc import Callable

import pytest
from sqlalchemy import update

from jobs import lifecycle, queries, requests, workers
from jobs.errors import JobNotFound
from models import Database, Job, JobStatus, Worker
from models.columns import DatabaseNow
from tests.jobs.conftest import change, lose, spec, take


def why(database: Database, job_id: str) -> tuple[int | None, str, str]:
    with database.snapshot() as session:
        place = queries.find(session, job_id).queue
    assert place
    return place.position, place.code, place.reason


def test_nobody_is_connected(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    with database.session() as session:
        session.execute(update(Worker).values(seen_at=DatabaseNow(-60)))
    assert why(database, job.id) == (1, "no_worker", "No worker is connected.")


def test_nobody_has_what_it_asks_for(database: Database, submitted: Callable[..., Job]) -> None:
    with database.session() as session:
        workers.sign_on(session, "third", slots=2, devices=["NVIDIA H100"] * 2, torch_version="2")
    job = submitted(spec(devices=4), accelerator="H100")
    assert why(database, job.id) == (
        1,
        "no_such_device",
        "No connected worker has 4 devices of kind 'h100'; there is: 1 x cpu; 2 x NVIDIA H100.",
    )


def test_whoever_has_it_is_at_work(database: Database, submitted: Callable[..., Job]) -> None:
    for worker in ("first", "second"):
        take(database, submitted().id, worker)
    job = submitted()
    assert why(database, job.id) == (1, "slots_busy", "Every slot is busy: 2 of 2.")


def test_others_are_in_front_of_it(database: Database, submitted: Callable[..., Job]) -> None:
    take(database, submitted().id, "first")
    ids = [submitted(priority=priority).id for priority in (5, 5, 9)]
    assert [why(database, job_id) for job_id in ids] == [
        (2, "behind_others", "1 job is in front of it."),
        (3, "behind_others", "2 jobs are in front of it."),
        (1, "about_to_start", "A slot is free: about to start."),
    ]


def test_it_was_lost_several_times_and_waits_a_little(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    for _ in range(2):
        lose(database, take(database, job.id))
    position, code, reason = why(database, job.id)
    assert (position, code) == (1, "backing_off")
    assert reason.startswith("2 attempts in a row were lost: the next begins at ")
    change(database, job.id, not_before=DatabaseNow(-1))
    assert why(database, job.id)[1] == "about_to_start"


def test_no_workers_release_knows_its_spec(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    change(database, job.id, spec=job.spec | {"of_a_later_release": True})
    with database.session() as session:
        assert lifecycle.claim(session, job.id, "first", 30) is None
    position, code, reason = why(database, job.id)
    assert (position, code) == (1, "unknown_spec")
    assert reason.startswith("A worker's release does not know all of its spec: another may take it from ")


def test_a_worker_that_drains_has_no_slot_to_offer(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    with database.session() as session:
        workers.drain(session, "first")
    assert why(database, job.id)[1] == "about_to_start"
    with database.session() as session:
        workers.drain(session, "second")
    assert why(database, job.id)[1] == "no_worker"


@pytest.mark.parametrize("status", [each for each in JobStatus if each is not JobStatus.QUEUED])
def test_what_is_not_queued_has_no_place(database: Database, submitted: Callable[..., Job], status: JobStatus) -> None:
    job = submitted()
    change(database, job.id, status=status)
    with database.snapshot() as session:
        assert queries.find(session, job.id).queue is None


def test_the_queue_is_listed_as_it_is_served_in_pages(database: Database, submitted: Callable[..., Job]) -> None:
    ids = [submitted(priority=priority).id for priority in (5, 9, 0, 9)]
    with database.session() as session:
        requests.request_pause(session, submitted(priority=9).id)
    expected = [ids[place] for place in (1, 3, 0, 2)]
    with database.snapshot() as session:
        first = queries.queue(session, limit=3)
        rest = queries.queue(session, after=first.rows[-1].job.id, limit=3)
    assert [each.job.id for each in (*first.rows, *rest.rows)] == expected
    assert [each.place.position for each in (*first.rows, *rest.rows)] == [1, 2, 3, 4]
    assert (first.has_more, rest.has_more) == (True, False)
    take(database, ids[1])
    with database.snapshot() as session:
        assert [each.job.id for each in queries.queue(session, after=ids[1]).rows] == expected[1:]
    with pytest.raises(JobNotFound), database.snapshot() as session:
        queries.queue(session, after="job_unknown")
