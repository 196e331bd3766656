"""What rules take, what they never take, and that a try takes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from jobs import lifecycle, recording, retention, workers
from jobs.retention import RetentionRules
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Checkpoint, Database, Dataset, DatasetVersion, Event, Job, Project, VersionStatus
from tests.jobs.conftest import checkpoint_of, epoch_metrics, spec, start, take, weights_of


def ended(database: Database, accuracy: float = 0.5, *, days_ago: float = 10) -> str:
    """A job with a checkpoint and weights."""
    with database.session() as session:
        job_id = lifecycle.submit(session, Submission(spec())).id
    claim = take(database, job_id)
    start(database, claim)
    with database.session() as session:
        recording.record_epoch(session, claim, epoch_metrics(0, accuracy))
        lifecycle.settle_success(session, claim, weights_of(claim))
        file = checkpoint_of(claim, 1)
        session.add(
            Checkpoint(name=file.file.name, job_id=job_id, attempt=1, epoch=1, step=0, size_bytes=5, sha256="0" * 64)
        )
        ago = datetime.now(UTC) - timedelta(days=days_ago)
        session.execute(update(Job).where(Job.id == job_id).values(finished_at=ago))
    return job_id


def planned(database: Database, **rules: float | int) -> set[tuple[str, str]]:
    with database.snapshot() as session:
        return {
            (removal.kind, removal.name)
            for removal in retention.plan(session, DEFAULT_PROJECT, RetentionRules(**rules))  # type: ignore[arg-type]  # days and counts by name
        }


def test_without_rules_nothing_goes(database: Database) -> None:
    ended(database)
    assert planned(database) == set()
    retention.apply_all(database)
    with database.snapshot() as session:
        assert len(session.scalars(select(Checkpoint.name)).all()) == 1


def test_files_go_by_their_age_alone(database: Database) -> None:
    old, new = ended(database), ended(database, days_ago=1)
    assert planned(database, checkpoints_days=5) == {("checkpoints", old)}
    assert planned(database, weights_days=5) == {("weights", old)}
    assert {name for _, name in planned(database, weights_days=0.5)} == {old, new}


def test_the_best_of_a_data_set_keep_theirs(database: Database) -> None:
    jobs = [ended(database, accuracy) for accuracy in (0.3, 0.9, 0.5)]
    assert planned(database, weights_days=1, keep_best=1) == {("weights", jobs[0]), ("weights", jobs[2])}
    assert planned(database, weights_days=1, checkpoints_days=1, keep_best=2) == {
        ("weights", jobs[0]),
        ("checkpoints", jobs[0]),
    }


def test_weights_that_an_open_job_starts_from_stay(database: Database) -> None:
    needed, other = ended(database), ended(database)
    with database.session() as session:
        lifecycle.submit(session, Submission(spec(starting_weights=needed)))
    assert planned(database, weights_days=1) == {("weights", other)}


def test_rules_are_carried_out_and_told(database: Database) -> None:
    job_id = ended(database)
    with database.session() as session:
        retention.set_rules(session, session.get_one(Project, DEFAULT_PROJECT), RetentionRules(1, 1))
    retention.apply_all(database)
    retention.apply_all(database)
    with database.snapshot() as session:
        job = session.get_one(Job, job_id)
        assert (job.weights, job.storage_bytes) == (None, 0)
        assert session.scalars(select(Checkpoint.name)).all() == []
        removed = session.scalars(select(Event.message).where(Event.type == "files_removed")).all()
    assert len(removed) == 2


def versions(database: Database, *ages: float) -> None:
    """Versions 1, 2 and so on of `pets`, so many days old."""
    with database.session() as session:
        session.add(Dataset(project=DEFAULT_PROJECT, name="pets", last_version=len(ages)))
        session.flush()
        session.add_all(
            DatasetVersion(
                project=DEFAULT_PROJECT,
                dataset="pets",
                number=number,
                status=VersionStatus.READY,
                source="upload",
                identity=f"{number}" * 64,
                classes=["a", "b"],
                channels=3,
                image_size=32,
                train_images=10,
                test_images=10,
                files=[],
                finished_at=datetime.now(UTC) - timedelta(days=age),
            )
            for number, age in enumerate(ages, 1)
        )


def test_old_versions_go_but_the_newest_and_what_is_trained_on(database: Database) -> None:
    versions(database, 40, 30, 20, 10)
    with database.session() as session:
        lifecycle.submit(session, Submission(spec(dataset="pets@1")))
    assert planned(database, dataset_versions_days=15) == {
        ("dataset_versions", "pets@2"),
        ("dataset_versions", "pets@3"),
    }
    assert planned(database, dataset_versions_days=15, keep_versions=2) == {("dataset_versions", "pets@2")}
    assert planned(database, dataset_versions_days=5, keep_versions=0) == {
        ("dataset_versions", f"pets@{number}") for number in (2, 3, 4)
    }


def test_a_version_that_has_failed_keeps_no_place_of_a_good_one(database: Database) -> None:
    versions(database, 40, 30, 20)
    with database.session() as session:
        failed = {"status": VersionStatus.FAILED, "identity": None, "files": None}
        session.execute(update(DatasetVersion).where(DatasetVersion.number == 3).values(failed))
    assert planned(database, dataset_versions_days=15) == {
        ("dataset_versions", "pets@1"),
        ("dataset_versions", "pets@3"),
    }


def test_rules_of_a_later_release_are_read() -> None:
    assert RetentionRules.of({"weights_days": 3, "unheard_of": 1}) == RetentionRules(weights_days=3)
    assert RetentionRules.of(None) == RetentionRules()


@pytest.fixture(autouse=True)
def _worker(database: Database) -> None:
    with database.session() as session:
        workers.sign_on(session, "second", slots=1, devices=["cpu"], torch_version="2")
