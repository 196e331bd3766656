"""A worker's fork server, started once for the process that runs these tests, and attempts that it makes possible."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import lifecycle, workers
from jobs.fence import Claim
from jobs.submission import Submission
from models import Database
from tests.worker.attempts import Attempt, Start
from training.spec import TrainingSpec
from worker.fork_server import detect_devices
from worker.messages import Devices


@pytest.fixture(scope="session")
def devices() -> Devices:
    """The fork server is up, with torch in it."""
    return detect_devices()


@pytest.fixture
def start(database: Database, devices: Devices, tmp_path: Path) -> Iterator[Start]:
    """Submits a job, or takes one that is claimed, and starts its attempt; ends what a test leaves behind."""
    attempts: list[Attempt] = []
    with database.session() as session:
        for name in ("ours", "another"):
            workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version=devices.torch_version)

    def begin(
        asked: dict[str, object] | Claim,
        *,
        lease_seconds: float = 30,
        stall_seconds: float = 600,
        storage_url: str | None = None,
    ) -> Attempt:
        claim = asked if isinstance(asked, Claim) else submitted(asked, lease_seconds)
        attempt = Attempt(
            database,
            claim,
            tmp_path,
            lease_seconds=lease_seconds,
            stall_seconds=stall_seconds,
            storage_url=storage_url,
        )
        attempts.append(attempt)
        return attempt

    def submitted(spec: dict[str, object], lease_seconds: float) -> Claim:
        with database.session() as session:
            job = lifecycle.submit(session, Submission(TrainingSpec.model_validate(spec)))
            claim = lifecycle.claim(session, job.id, "ours", lease_seconds)
        assert claim
        return claim

    yield begin
    for attempt in attempts:
        attempt.draining.set()
        attempt.thread.join()
