"""The status of a sweep follows from those of its jobs."""

import pytest

from models import JobStatus
from sweeps.status import SweepStatus, status_of


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ("queued queued", "queued"),
        ("queued starting", "running"),
        ("succeeded queued", "running"),
        ("gone queued", "running"),
        ("paused queued", "queued"),
        ("paused paused", "paused"),
        ("succeeded paused", "paused"),
        ("running paused", "running"),
        ("succeeded failed", "succeeded"),
        ("failed cancelled stopped", "failed"),
        ("cancelled stopped", "stopped"),
        ("cancelled gone", "cancelled"),
        ("gone gone", "deleted"),
    ],
)
def test_status(jobs: str, status: str) -> None:
    assert status_of(None if job == "gone" else JobStatus(job) for job in jobs.split()) is SweepStatus(status)
