"""`HYPOTHESIS_PROFILE=long python -m pytest -n 0 --timeout 0 tests/jobs/test_state_machine.py` searches at random, for
long, and prints the shortest way to what it finds.
"""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event, true

from jobs import fence, lifecycle
from models import Base, Database
from tests.jobs.machine import Clock, Jobs

SHORT = settings(
    max_examples=40,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # what it finds, the long search makes short
    suppress_health_check=list(HealthCheck),
)
LONG = settings(
    SHORT, max_examples=3000, stateful_step_count=100, derandomize=False, phases=[Phase.generate, Phase.shrink]
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Jobs]]:
    """On a SQLite database that they share, and each of which begins with it empty."""
    database, clock, ids = Database(f"sqlite:///{tmp_path}/jobs.db"), Clock(), count()
    database.create()

    @event.listens_for(database.engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.create_function("strftime", 3, clock.strftime)
        connection.execute("PRAGMA synchronous=OFF")

    Base.metadata.create_all(database.engine)
    # Ids ascend with time to the millisecond: within one, their order would differ from run to run.
    monkeypatch.setattr(lifecycle, "new_id", lambda _created_at: f"job_{next(ids):026d}")
    monkeypatch.setattr("jobs.transitions.log.info", lambda *_, **__: None)

    class Machine(Jobs):
        def __init__(self) -> None:
            super().__init__(database, clock)

    yield Machine
    database.dispose()


def test_jobs_live_as_the_model_says(machine: type[Jobs]) -> None:
    effort = LONG if os.environ.get("HYPOTHESIS_PROFILE") == "long" else SHORT
    run_state_machine_as_test(machine, settings=effort)


@pytest.mark.parametrize("condition", ["is_current", "is_active", "is_not_cancelled", "is_claimable", "has_expired"])
def test_without_one_of_the_fence_s_conditions_it_is_noticed(
    machine: type[Jobs], monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    monkeypatch.setattr(fence, condition, lambda *_: true())
    longer = settings(SHORT, max_examples=500, report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=longer)
