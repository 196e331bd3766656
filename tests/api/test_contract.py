"""The API answers as its contract says, and nothing of one tenant comes out to another.

In short, and the same each time but for the ids, in which the time stands; `make fuzz` looks for longer, on PostgreSQL.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import create_app
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import Tenants
from tests.api.contract import UNLIMITED, Effort, Tenant, make_ready, set_up
from tests.api.serving import served
from tests.conftest import Databases
from tests.stage import Stage

# Of 6,700 requests that cover the contract, 3,100 would be submissions, and 600 of these two. What the contract says of
# their bodies, tests/training/spec, test_validation.py and test_dataset_edits.py hold, and `make fuzz` tries it, too.
LARGE_BODIES = ("submit_job", "submit_sweep", "draw_augmented_samples", "edit_dataset")


@pytest.fixture
def served_to_two(
    sqlite_databases: Databases, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Tenant, Tenant]]:
    make_ready(monkeypatch)
    with sqlite_databases(migrated=True) as database_url:
        options = {"database_url": database_url, "redis_url": redis_url, "data_dir": tmp_path}
        settings = Settings.model_validate({**options, "require_keys": True, "rate_limit": UNLIMITED})
        database = Database(database_url)
        tenants, stage = Tenants(database), Stage(database, Storage(settings.storage_url))
        first, second = set_up(tenants, stage, "first"), set_up(tenants, stage, "second")
        with served(create_app(settings)) as (host, port):
            yield f"http://{host}:{port}", first, second
        database.dispose()


def test_what_the_contract_says_is_so_and_tenants_are_apart(served_to_two: tuple[str, Tenant, Tenant]) -> None:
    url, first, second = served_to_two
    one = first.explore(url, Effort(seed=1, examples=2, not_covered=LARGE_BODIES))
    other = second.explore(url, Effort(seed=2, examples=2, phases=("examples", "fuzzing", "stateful")), first)
    findings = [*one.findings, *other.findings]
    assert not findings, "\n".join(f"{found.operation}: {found.said}\n{found.request}" for found in findings)
    for explored in (one, other):
        assert explored.requests.keys() >= {"examples", "fuzzing", "stateful"}
    assert len(first.tokens) > 20  # of which the second tenant was asked for, and saw none
    # Most of what there is did something. The rest is the operator's or a worker's, or takes more than so few attempts
    # find: two jobs to compare, a delivery to send again, images to edit.
    assert len(one.accepted | other.accepted) > 0.75 * len(one.operations)


def test_a_leak_would_be_found(served_to_two: tuple[str, Tenant, Tenant]) -> None:
    url, first, _ = served_to_two
    # Asked with the first tenant's own key, the API gives out all that is the first tenant's.
    accomplice = Tenant("accomplice", first.key, frozenset(), [])
    asked = ("get_job", "list_jobs", "get_dataset", "list_datasets")
    effort = Effort(seed=1, examples=4, phases=("fuzzing",), only=asked)
    found = accomplice.explore(url, effort, first)
    assert {"foreign_data", "foreign_object"} <= {finding.check for finding in found.findings}
