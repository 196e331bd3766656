"""A worker's fork server, started once for the process that runs these tests."""

import pytest

from worker.fork_server import probe_devices
from worker.messages import Devices


@pytest.fixture(scope="session")
def devices() -> Devices:
    """The fork server is up, with torch in it."""
    return probe_devices()
