"""A short run, the same each time. `make chaos` has the long ones."""

from pathlib import Path

import pytest

from tests.chaos.contract import Backend
from tests.chaos.run import Wanted, run

SEED = 5
SECONDS = 20.0


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_short_run_violates_nothing(backend: Backend, tmp_path: Path) -> None:
    said: list[str] = []
    verdict = run(Wanted(SEED, SECONDS, backend), tmp_path, said.append)
    assert not verdict.violations, "\n".join([*said, verdict.told()])
    assert verdict.evidence.writes
    assert verdict.evidence.tickets
