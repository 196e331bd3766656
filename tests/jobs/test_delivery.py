from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from jobs import lifecycle, requests
from jobs.delivery import QUEUE, CeleryQueue, queue_of
from models import Database, Job


@pytest.fixture
def messages(redis_url: str) -> CeleryQueue:
    return CeleryQueue(SecretStr(redis_url))


def test_a_message_carries_the_job_s_id_alone(messages: CeleryQueue, redis_socket: Path) -> None:
    assert messages.send("job_1")
    with redis.Redis(unix_socket_path=str(redis_socket)) as client:
        assert client.llen(QUEUE) == 1
        sent = client.lindex(QUEUE, 0)
    assert isinstance(sent, bytes)
    assert b"job_1" in sent
    assert b"digits" not in sent
    assert messages.state() == "ok"


def test_what_is_passed_on_goes_to_workers_with_these_devices(messages: CeleryQueue, redis_socket: Path) -> None:
    assert messages.forward("job_1", ["NVIDIA H100", "L4"], 2)
    with redis.Redis(unix_socket_path=str(redis_socket)) as client:
        assert client.llen(QUEUE) == 0
        assert client.llen(queue_of(["l4", "nvidia h100"])) == 1
    assert queue_of(["L4"]) != queue_of(["L4", "L4"]) != queue_of(["cpu"])


def test_without_a_broker_a_message_is_not_sent_and_nothing_raises() -> None:
    nowhere = CeleryQueue(SecretStr("redis+socket:///nowhere/at-all.sock"))
    assert not nowhere.send("job_1")
    assert not nowhere.forward("job_1", ["cpu"], 0)
    assert nowhere.state() == "unreachable"


def test_a_cancelled_job_is_not_claimed_by_a_message_that_comes_late(
    database: Database, submitted: Callable[..., Job]
) -> None:
    job = submitted()
    with database.session() as session:
        requests.request_cancel(session, job.id)
        assert lifecycle.claim(session, job.id, "first", 30) is None
