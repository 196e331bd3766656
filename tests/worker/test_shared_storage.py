"""Two workers without a disk in common: what one of them has stored in S3, the other goes on from."""

import os
import signal
from collections.abc import Iterator

import pytest

from models import Database, JobStatus
from storage import Storage
from tests.worker.attempts import SHORT, Start, claimed_again, job_of, trainer_pids, until_it_is_saved
from worker.fork_server import kill_fork_server
from worker.messages import Devices

pytest_plugins = ("tests.storage_fixtures",)

SPEC = {**SHORT, "epochs": 6, "batch_size": 256, "deterministic": True, "logging_interval": 1}


@pytest.fixture
def bucket(devices: Devices, s3_url: str) -> Iterator[str]:
    """With a fork server that has the credentials in its environment."""
    assert devices
    kill_fork_server()
    yield s3_url
    kill_fork_server()


def test_another_worker_goes_on_from_what_the_first_stored(database: Database, start: Start, bucket: str) -> None:
    unkilled = start(SPEC, storage_url=bucket)
    unkilled.over()
    first = start(SPEC, storage_url=bucket)
    until_it_is_saved(database, first.claim)
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)
    first.over()
    second = start(claimed_again(database, first.claim), storage_url=bucket)
    second.over()
    expected, job = job_of(database, unkilled.claim), job_of(database, first.claim)
    assert job.status is JobStatus.SUCCEEDED
    assert job.attempts[1].resumed_from in {each.file.name for each in second.claim.checkpoints}
    assert job.weights
    assert expected.weights
    assert job.weights["sha256"] == expected.weights["sha256"]
    assert job.weights["name"] in Storage(bucket).list_names(job.id)
