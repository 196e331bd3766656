"""A short run, the same each time. `make chaos` has the long ones."""

from pathlib import Path

import pytest

from tests.chaos.contract import Backend
from tests.chaos.deployment import Size
from tests.chaos.run import Wanted, run

SECONDS = 12.0
SIZE = Size(workers=2, slots=2, in_flight=2, quota=3)  # a worker that is left has room for what the other has lost


# One of the two: each takes minutes on a busy machine. `make chaos` has the other.
@pytest.mark.parametrize(("backend", "seed"), [("postgresql", 14)])
def test_a_short_run_violates_nothing(backend: Backend, seed: int, tmp_path: Path) -> None:
    said: list[str] = []
    verdict = run(Wanted(seed, SECONDS, backend, size=SIZE), tmp_path, said.append)
    assert not verdict.violations, "\n".join([*said, verdict.told()])
