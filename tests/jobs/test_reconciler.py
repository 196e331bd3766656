from collections.abc import Callable

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import update

from jobs import lifecycle, queries, reconciler
from jobs.delivery import QUEUE, CeleryQueue
from jobs.lifecycle import Claim
from models import Database, Job, JobStatus
from models.columns import DatabaseNow


@pytest.fixture
def messages(redis_url: str) -> CeleryQueue:
    return CeleryQueue(SecretStr(redis_url))


def overdue(database: Database) -> None:
    with database.session() as session:
        session.execute(update(Job).values(dispatched_at=DatabaseNow(-60), lease_until=DatabaseNow(-1)))


def test_what_a_lost_worker_had_is_queued_and_sent_again(
    database: Database, running: Claim, messages: CeleryQueue
) -> None:
    overdue(database)
    reconciler.sweep(database, messages)
    with database.snapshot() as session:
        assert queries.find(session, running.job_id).job.status is JobStatus.QUEUED
    assert messages.waiting() == 1


def test_a_lost_message_is_sent_again_and_only_once_in_a_while(
    database: Database, submitted: Callable[[], Job], messages: CeleryQueue
) -> None:
    submitted()
    reconciler.sweep(database, messages)
    assert messages.waiting() == 0  # it may still be on its way
    overdue(database)
    reconciler.sweep(database, messages)
    reconciler.sweep(database, messages)
    assert messages.waiting() == 1


def test_a_job_that_waits_for_a_slot_is_not_sent_again(
    database: Database, submitted: Callable[[], Job], messages: CeleryQueue
) -> None:
    for _ in range(3):
        messages.send(submitted().id)
    overdue(database)
    reconciler.sweep(database, messages)
    assert messages.waiting() == 3


def test_without_a_broker_nothing_is_lost_and_nothing_raises(
    database: Database, submitted: Callable[[], Job], messages: CeleryQueue
) -> None:
    job = submitted()
    nowhere = CeleryQueue(SecretStr("redis+socket:///nowhere/at-all.sock"))
    assert not nowhere.send(job.id)
    assert nowhere.waiting() is None
    overdue(database)
    reconciler.sweep(database, nowhere)
    reconciler.sweep(database, messages)
    assert messages.waiting() == 1


def test_a_message_carries_the_job_s_id_alone(
    database: Database, submitted: Callable[[], Job], messages: CeleryQueue, redis_socket: str
) -> None:
    job = submitted()
    messages.send(job.id)
    with redis.Redis(unix_socket_path=str(redis_socket)) as client:
        sent = client.lindex(QUEUE, 0)
    assert isinstance(sent, bytes)
    assert job.id.encode() in sent
    assert b"digits" not in sent


def test_a_cancelled_job_is_not_claimed_by_a_message_that_comes_late(
    database: Database, submitted: Callable[[], Job]
) -> None:
    job = submitted()
    with database.session() as session:
        lifecycle.request_cancel(session, job.id)
        assert lifecycle.claim(session, job.id, "first", 30) is None
