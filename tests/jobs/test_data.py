"""What a job remembers of the data that it is trained on, and what is left of one whose data has changed."""

from collections.abc import Callable

import pytest

from jobs import lifecycle, recording
from jobs.failures import Failure
from jobs.fence import Claim
from models import Database, Job, JobStatus
from tests.jobs.conftest import change, checkpoint_of, drop, job_of, publish, start, take, weights_of
from tests.stage import FACTS

CHANGED = Failure(code="dataset_changed", message="It has changed.", hint="Rerun it.", retryable=False)
REFUSED = Failure(code="internal", message="It cannot go on here.", hint="Look.", retryable=True)


def loaded_again(database: Database, claim: Claim) -> Claim:
    """The next attempt, which has begun to load a checkpoint."""
    publish(database, claim, (1, 0))
    assert drop(database, claim)
    again = take(database, claim.job_id)
    with database.session() as session:
        recording.record_loading(session, again, checkpoint_of(claim, 1).file.name)
    return again


def test_the_first_attempt_that_begins_says_what_the_data_is_for_all(
    database: Database, submitted: Callable[..., Job]
) -> None:
    claim = take(database, submitted().id)
    assert (claim.dataset_identity, claim.earlier_facts) == (None, None)
    start(database, claim)
    assert job_of(database, claim.job_id).dataset_identity == FACTS.dataset_identity
    assert drop(database, claim)
    again = take(database, claim.job_id)
    assert (again.dataset_identity, again.earlier_facts) == (FACTS.dataset_identity, None)


def test_of_an_attempt_that_has_noted_none_its_counts_are_known(database: Database, running: Claim) -> None:
    claim = running
    change(database, claim.job_id, dataset_identity=None)
    assert drop(database, claim)
    again = take(database, claim.job_id)  # which has no facts yet
    assert again.earlier_facts == FACTS
    assert drop(database, again)
    assert take(database, claim.job_id).earlier_facts == FACTS


def test_a_job_whose_data_has_changed_keeps_checkpoints_and_weights(database: Database, running: Claim) -> None:
    again = loaded_again(database, running)
    with database.session() as session:
        lifecycle.settle_failure(session, again, CHANGED, weights_of(again))
        [checkpoint] = recording.usable_checkpoints(session, again.job_id)
        assert checkpoint.failed_loads == 0
    job = job_of(database, again.job_id)
    assert job.status is JobStatus.FAILED
    assert job.weights
    assert job.weights["name"] == weights_of(again).name
    assert job.storage_bytes == 2 * weights_of(again).size_bytes


@pytest.mark.parametrize(("crashed", "counted"), [(True, 1), (False, 0)])
def test_a_checkpoint_is_to_blame_for_a_crash_alone(
    database: Database, running: Claim, crashed: bool, counted: int
) -> None:
    again = loaded_again(database, running)
    with database.session() as session:
        assert lifecycle.lose_attempt(session, again, REFUSED, crashed=crashed)
        [checkpoint] = recording.usable_checkpoints(session, again.job_id)
        assert checkpoint.failed_loads == counted
