"""An audit from its jobs to what it has found; and every other way in which it can end."""

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select, update

from catalog.datasets.errors import AuditFinished, AuditNotFound, DatasetInUse
from jobs import (
    audits,
    changes,
    dataset_deletion,
    dataset_garbage,
    lifecycle,
    reconciler,
    recording,
    requests,
    task_ends,
    tasks,
    workers,
)
from jobs.errors import QuotaExceeded
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.submission import Submission
from jobs.tasks import MOST_LOSSES, TaskClaim, TaskFenced
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Audit, AuditStatus, Database, DatasetVersion, Job, JobStatus, Project, Task
from models.columns import DatabaseNow
from tests.jobs.conftest import BROKEN, job_of, stored, take, weights_of
from tests.jobs.datasets import add_project, ready, row_of
from tests.jobs.datasets import take as take_task
from tests.stage import FACTS
from training.spec import TrainingSpec

FOLDS = 3
SUMMARY = {"images": 100, "suspects": 1}
SUSPECTS = [{"image": "00" * 8, "given": "cat", "likely": "dog"}]


@pytest.fixture
def storage(tmp_path: Path) -> VerifiedStorage:
    return VerifiedStorage(f"file://{tmp_path}/storage")


@pytest.fixture
def version(database: Database, storage: VerifiedStorage) -> DatasetVersion:
    with database.session() as session:
        for name in ("first", "second"):
            workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")
    return ready(database, storage, "1d" * 32)


def begin(database: Database, version: DatasetVersion, folds: int = FOLDS) -> Audit:
    submissions = [
        Submission(
            TrainingSpec.model_validate(
                {"dataset": "pets@1", "epochs": 4, "validation_fold": {"index": index, "of": folds}}
            )
        )
        for index in range(folds)
    ]
    with database.session(version.project) as session:
        return audits.create(session, version, submissions)


def audit_of(database: Database, audit: Audit) -> Audit:
    with database.snapshot() as session:
        row = session.get_one(Audit, audit.id)
        assert row.suspects is None or row.suspects  # read while the session is open
        return row


def run(database: Database, job_id: str) -> Claim:
    claim = take(database, job_id)
    with database.session() as session:
        recording.record_start(session, claim, FACTS.model_copy(update={"dataset_identity": "1d" * 32}))
    return claim


def succeed(database: Database, job_id: str) -> None:
    claim = run(database, job_id)
    with database.session() as session:
        lifecycle.settle_success(session, claim, weights_of(claim), predictions=stored(claim, "predictions"))


def fail(database: Database, job_id: str) -> None:
    claim = run(database, job_id)
    with database.session() as session:
        lifecycle.settle_failure(session, claim, BROKEN)


def sweep(database: Database) -> list[str]:
    """The hints that it sends."""
    sent: list[str] = []

    def notify(hint: str) -> bool:
        sent.append(hint)
        return True

    reconciler.sweep(database, notify)
    return sent


def judging(database: Database, audit: Audit) -> TaskClaim:
    """All of its jobs have succeeded, and a worker has the task."""
    for job_id in audit.jobs:
        succeed(database, job_id)
    assert len(sweep(database)) == 1
    return take_task(database)


def judge(database: Database, held: TaskClaim) -> None:
    with database.session() as session:
        audits.settle_judged(session, held, SUMMARY, SUSPECTS)


def statuses(database: Database, audit: Audit) -> list[tuple[str, Any]]:
    return [(job_of(database, job_id).status, job_of(database, job_id).requested) for job_id in audit.jobs]


def test_an_audit_from_its_jobs_to_its_suspects(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    made = [job_of(database, job_id) for job_id in audit.jobs]
    assert [job.parent for job in made] == [audit.id] * FOLDS
    assert [job.spec["validation_fold"] for job in made] == [{"index": index, "of": FOLDS} for index in range(FOLDS)]
    assert {(job.dataset, job.dataset_version) for job in made} == {("pets", 1)}
    for job_id in audit.jobs[1:]:
        succeed(database, job_id)
    assert sweep(database) == []  # one is still to come
    assert audit_of(database, audit).task is None
    succeed(database, audit.jobs[0])
    assert sweep(database) == ["task_"]
    assert sweep(database) == []
    held = take_task(database)
    assert (held.kind, held.dataset, held.version, held.arguments) == ("audit", "pets", 1, {"audit": audit.id})
    with database.snapshot() as session:
        files = audits.predictions_of(session, audit.id)
    assert [file.name.split("/")[0] for file in files] == audit.jobs
    judge(database, held)
    over = audit_of(database, audit)
    assert (over.status, over.open, over.summary, over.suspects) == ("succeeded", False, SUMMARY, SUSPECTS)
    assert over.finished_at
    assert sweep(database) == []


def test_progress_is_that_of_its_jobs(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    succeed(database, audit.jobs[0])
    with database.session() as session:
        session.execute(update(Job).where(Job.id == audit.jobs[0]).values(latest_epoch=3))
    with database.snapshot() as session:
        found = audits.jobs_of(session, [audit])
    assert [found[job_id].epochs for job_id in audit.jobs] == [4, 0, 0]
    assert [found[job_id].is_over for job_id in audit.jobs] == [True, False, False]


def test_a_job_that_fails_fails_the_audit_and_cancels_the_others(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    running = run(database, audit.jobs[0])
    fail(database, audit.jobs[1])
    sweep(database)
    over = audit_of(database, audit)
    assert (over.status, over.open) == ("failed", False)
    assert over.error == {
        "code": "diverged",
        "message": f"Job {audit.jobs[1]}, which holds out part 2 of 3, has failed: The loss was nan.",
        "hint": "Lower it.",
        "job": audit.jobs[1],
    }
    assert statuses(database, audit) == [("running", "cancel"), ("failed", None), ("cancelled", None)]
    with database.session() as session:
        lifecycle.release_job(session, running)
    assert statuses(database, audit)[0] == ("cancelled", None)


@pytest.mark.parametrize("verb", ["cancelled", "stopped", "deleted"])
def test_so_does_one_that_somebody_ends(database: Database, version: DatasetVersion, verb: str) -> None:
    audit = begin(database, version)
    with database.session() as session:
        if verb == "stopped":
            requests.request_stop(session, audit.jobs[2])
        else:
            requests.request_cancel(session, audit.jobs[2])
        if verb == "deleted":
            changes.delete_job(session, audit.jobs[2])
    sweep(database)
    over = audit_of(database, audit)
    assert over.error
    assert (over.status, over.error["code"], over.error["job"]) == ("failed", f"job_{verb}", audit.jobs[2])
    assert statuses(database, audit)[0] == ("cancelled", None)


def test_what_was_purged_counts_as_deleted(
    database: Database, version: DatasetVersion, storage: VerifiedStorage
) -> None:
    audit = begin(database, version)
    for job_id in audit.jobs:
        succeed(database, job_id)
    with database.session() as session:
        changes.delete_job(session, audit.jobs[0])
    changes.purge(database, storage)
    sweep(database)
    over = audit_of(database, audit)
    assert over.error
    assert (over.status, over.error["code"]) == ("failed", "job_deleted")


def test_a_cancel_ends_the_audit_at_once_and_its_jobs_soon(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    run(database, audit.jobs[0])
    for _ in range(2):
        with database.session() as session:
            assert audits.cancel(session, version, audit.id).status == AuditStatus.CANCELLED
    sweep(database)
    assert statuses(database, audit) == [("running", "cancel"), ("cancelled", None), ("cancelled", None)]
    over = audit_of(database, audit)
    assert (over.status, over.open, over.error) == ("cancelled", False, None)


def test_what_is_over_cannot_be_cancelled(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    judge(database, judging(database, audit))
    with pytest.raises(AuditFinished), database.session() as session:
        audits.cancel(session, version, audit.id)
    with pytest.raises(AuditNotFound), database.session() as session:
        audits.cancel(session, version, "aud_01kasm2pbk5s9d0w3g6vq8zrhf")


def test_what_is_judged_after_a_cancel_is_discarded(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    held = judging(database, audit)
    with database.session() as session:
        audits.cancel(session, version, audit.id)
    judge(database, held)
    over = audit_of(database, audit)
    assert (over.status, over.summary, over.suspects) == ("cancelled", None, None)
    with database.snapshot() as session:
        assert session.scalars(select(Task.status).where(Task.kind == tasks.AUDIT)).one() == "succeeded"


def test_all_of_its_jobs_are_accepted_or_none(database: Database, version: DatasetVersion) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == DEFAULT_PROJECT).values(max_queued_jobs=2))
    with pytest.raises(QuotaExceeded):
        begin(database, version)
    with database.snapshot() as session:
        assert session.scalars(select(func.count()).select_from(Job)).one() == 0
        assert session.scalars(select(func.count()).select_from(Audit)).one() == 0


def test_a_version_stays_while_it_is_audited_and_takes_its_audits_along(
    database: Database, version: DatasetVersion, storage: VerifiedStorage
) -> None:
    audit = begin(database, version)

    def delete() -> None:
        with database.session() as session:
            dataset_deletion.delete(session, DEFAULT_PROJECT, "pets", 1)

    with pytest.raises(DatasetInUse, match=r"job_"):
        delete()
    for job_id in audit.jobs:
        succeed(database, job_id)
    with pytest.raises(DatasetInUse, match=audit.id):
        delete()
    sweep(database)
    held = take_task(database)
    with pytest.raises(DatasetInUse, match=audit.id):
        delete()
    judge(database, held)
    delete()
    dataset_garbage.purge(database, storage)
    with database.snapshot() as session:
        assert session.scalars(select(func.count()).select_from(Audit)).one() == 0
        assert session.scalars(select(func.count()).select_from(DatasetVersion)).one() == 0


def test_a_lost_worker_s_judging_is_taken_over_and_given_up_in_the_end(
    database: Database, version: DatasetVersion
) -> None:
    audit = begin(database, version)
    held = judging(database, audit)
    for attempt in range(1, MOST_LOSSES + 2):
        assert held.attempt == attempt
        with database.session() as session:
            session.execute(update(Task).where(Task.kind == tasks.AUDIT).values(lease_until=DatabaseNow(-1)))
        sweep(database)
        with pytest.raises(TaskFenced):
            judge(database, held)
        with database.session() as session:
            session.execute(update(Task).values(not_before=None))
        if attempt <= MOST_LOSSES:
            assert audit_of(database, audit).status == AuditStatus.RUNNING
            held = take_task(database)
    over = audit_of(database, audit)
    assert over.error
    assert (over.status, over.error["code"], over.error["job"]) == ("failed", "worker_lost", None)
    assert row_of(database, 1).status == "ready"


def test_a_judging_that_fails_fails_the_audit_and_leaves_the_version(
    database: Database, version: DatasetVersion
) -> None:
    audit = begin(database, version)
    held = judging(database, audit)
    with database.session() as session:
        assert task_ends.lose(session, held, Failure("internal", "A file could not be read.", "Look.", retryable=True))
    held = take_task(database)
    with database.session() as session:
        task_ends.fail(session, held, Failure("dataset_invalid", "It is gone.", "Audit it again.", retryable=False))
    over = audit_of(database, audit)
    assert over.error == {"code": "dataset_invalid", "message": "It is gone.", "hint": "Audit it again.", "job": None}
    assert (row_of(database, 1).status, row_of(database, 1).error) == ("ready", None)


def test_sweeps_at_once_make_one_task(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    for job_id in audit.jobs:
        succeed(database, job_id)
    together = Barrier(4)

    def settle() -> None:
        together.wait()
        audits.settle_all(database)

    threads = [Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.snapshot() as session:
        found = session.scalars(select(Task.id).where(Task.kind == tasks.AUDIT)).all()
    assert list(found) == [audit_of(database, audit).task]


def test_audits_are_listed_by_version_and_project(database: Database, version: DatasetVersion) -> None:
    first, second = begin(database, version, 2), begin(database, version, 2)
    with database.snapshot(DEFAULT_PROJECT) as session:
        assert [row.id for row in audits.of_version(session, version, None, 10)] == [second.id, first.id]
        assert [row.id for row in audits.of_version(session, version, second.id, 10)] == [first.id]
        assert audits.find(session, version, first.id).jobs == first.jobs
    add_project(database, "other")
    with database.snapshot("other") as session, pytest.raises(AuditNotFound):
        audits.find(session, version, first.id)


def test_a_job_that_is_paused_only_delays_it(database: Database, version: DatasetVersion) -> None:
    audit = begin(database, version)
    with database.session() as session:
        requests.request_pause(session, audit.jobs[0])
    for job_id in audit.jobs[1:]:
        succeed(database, job_id)
    sweep(database)
    assert audit_of(database, audit).status == AuditStatus.RUNNING
    assert statuses(database, audit)[0][0] is JobStatus.PAUSED
