"""Deletion of data sets: refused while a job needs one, gives back what nobody else has, and ends what is under way."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog.datasets.errors import DatasetInUse, DatasetNotFound, VersionNotFound
from jobs import (
    dataset_deletion,
    dataset_garbage,
    dataset_queries,
    dataset_versions,
    lifecycle,
    new_versions,
    requests,
    task_ends,
    tasks,
)
from jobs.failures import Failure
from jobs.submission import Submission
from jobs.tasks import TaskClaim, TaskFenced
from jobs.usage import fold
from jobs.verified_storage import VerifiedStorage
from models import Database, DatasetVersion, Job, Project, Task, TaskStatus
from models.columns import DatabaseNow
from storage import StoredFile
from tests.jobs.conftest import spec, start, take, weights_of
from tests.jobs.datasets import A, B, add_project, kinds, names_of, put, ready, row_of, sent, settle, validated
from tests.jobs.datasets import take as take_task


def delete(database: Database, number: int | None = None, dataset: str = "pets", project: str = "default") -> None:
    with database.session(project) as session:
        dataset_deletion.delete(session, project, dataset, number)


def listed(database: Database, dataset: str = "pets") -> list[int]:
    with database.snapshot("default") as session:
        return [row.number for row in dataset_queries.versions(session, dataset, None, 10)]


def test_a_deleted_version_is_gone_for_readers_at_once_and_then_altogether(
    database: Database, storage: VerifiedStorage
) -> None:
    ready(database, storage, A)
    ready(database, storage, B)
    delete(database, 1)
    assert listed(database) == [2]
    with database.snapshot("default") as session, pytest.raises(VersionNotFound):
        dataset_versions.find(session, "default", "pets", 1)
    with pytest.raises(VersionNotFound):
        delete(database, 1)
    with database.snapshot() as session:
        assert not dataset_versions.exists(session, "default", A)
    dataset_garbage.purge(database, storage)
    with database.snapshot() as session:
        assert session.scalars(select(DatasetVersion.number)).all() == [2]
    assert storage.list_names("datasets") == sorted(names_of(row_of(database, 2)))


def test_a_deleted_data_set_is_gone_with_all_its_versions(database: Database, storage: VerifiedStorage) -> None:
    for identity in (A, B, A):
        ready(database, storage, identity)
    kept = ready(database, storage, "c" * 64, dataset="cats")
    delete(database)
    with pytest.raises(DatasetNotFound):
        listed(database)
    with pytest.raises(DatasetNotFound):
        delete(database)
    assert kinds(database)["datasets"] == 9
    dataset_garbage.purge(database, storage)
    assert storage.list_names("datasets") == sorted(names_of(kept))
    assert ready(database, storage, A).number == 4


def test_a_number_that_stands_for_a_version_goes_alone_and_with_it(
    database: Database, storage: VerifiedStorage
) -> None:
    for identity in (A, B, A, A):
        ready(database, storage, identity)
    delete(database, 3)
    assert listed(database) == [2, 1]
    with pytest.raises(VersionNotFound):
        delete(database, 3)
    assert kinds(database)["datasets"] == 18
    delete(database, 1)
    assert listed(database) == [2]
    with pytest.raises(VersionNotFound):
        delete(database, 4)
    assert kinds(database)["datasets"] == 9
    dataset_garbage.purge(database, storage)
    assert listed(database) == [2]


def test_what_is_not_there_is_not_deleted(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    ready(database, storage, A)
    with pytest.raises(DatasetNotFound):
        delete(database, project="other")
    with pytest.raises(DatasetNotFound):
        delete(database, 1, project="other")
    with pytest.raises(VersionNotFound):
        delete(database, 2)
    assert listed(database) == [1]


def test_it_gives_back_exactly_what_nobody_else_has(database: Database, storage: VerifiedStorage) -> None:
    parent = ready(database, storage, A)  # an index of 3 bytes, a pack of 6
    ready(database, storage, A, dataset="cats")  # the same files
    with database.session() as session:
        new_versions.edit(session, parent, [])
    held = take_task(database)
    index, pack = put(storage, held, b"index")[0], dataset_versions.files_of(parent)[1]
    settle(database, held, [index, pack], B)  # another index, and the same pack
    assert kinds(database)["datasets"] == 3 + 6 + 5
    for number, dataset, left in ((1, "pets", 14), (1, "cats", 11), (2, "pets", 0)):
        delete(database, number, dataset)
        assert kinds(database)["datasets"] == left
        with database.session() as session:
            fold(session)
        assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": left, "models": 0}
        dataset_garbage.purge(database, storage)
        assert sum(len(storage.read(name)) for name in storage.list_names("datasets")) == left


def test_a_data_set_that_a_job_needs_stays(
    database: Database, storage: VerifiedStorage, submitted: Callable[..., Job]
) -> None:
    ready(database, storage, A)
    ready(database, storage, B)
    queued, older = submitted(spec(dataset="pets")), submitted(spec(dataset="pets@1"))
    for number, job in ((None, older), (2, queued), (1, older)):
        with pytest.raises(DatasetInUse, match=job.id) as refused:
            delete(database, number)
        assert refused.value.job_ids == [job.id]
    assert listed(database) == [2, 1]
    running = take(database, older.id)
    start(database, running)
    with pytest.raises(DatasetInUse):
        delete(database, 1)
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running))
    delete(database, 1)
    with database.session() as session:
        requests.request_cancel(session, queued.id)
    delete(database)
    with database.snapshot() as session:
        job = session.get_one(Job, older.id)
    assert (job.dataset, job.dataset_version, job.dataset_identity) == ("pets", 1, A)


def test_a_job_of_another_data_set_or_project_holds_nothing_up(
    database: Database, storage: VerifiedStorage, submitted: Callable[..., Job]
) -> None:
    add_project(database, "other")
    ready(database, storage, A)
    ready(database, storage, A, dataset="cats")
    ready(database, storage, A, project="other")
    submitted(spec(dataset="cats"))
    submitted(spec(dataset="pets"), project="other")
    delete(database)
    with pytest.raises(DatasetInUse):
        delete(database, dataset="cats")


def test_a_validation_whose_version_is_deleted_writes_nothing_more(
    database: Database, storage: VerifiedStorage
) -> None:
    sent(database, storage, b"an archive")
    held = take_task(database)
    files = put(storage, held, b"idx", b"images")
    delete(database, 1)
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0}
    with pytest.raises(TaskFenced), database.session() as session:
        tasks.heartbeat(session, held, 30, {})
    with pytest.raises(TaskFenced):
        settle(database, held, files, A)
    with database.snapshot() as session:
        assert session.get_one(Task, held.task_id).status == TaskStatus.FAILED
    dataset_garbage.purge(database, storage)
    assert storage.folders(), "its worker may not know yet"
    with database.session() as session:
        session.execute(update(DatasetVersion).values(deleted_at=DatabaseNow(-dataset_garbage.FENCED_SECONDS - 1)))
    dataset_garbage.purge(database, storage)
    assert storage.folders() == []
    with database.snapshot() as session:
        assert session.scalars(select(DatasetVersion)).all() == []


def test_one_that_waits_is_never_begun(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    delete(database)
    with database.session() as session:
        assert tasks.claim_next(session, "worker", 30) is None


def test_other_versions_are_validated_all_the_same(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    sent(database, storage)
    first, second = take_task(database), take_task(database)
    delete(database, 1)
    settle(database, second, put(storage, second, b"idx"), A)
    assert listed(database) == [2]
    assert first.version == 1


def settled(database: Database, end: Callable[[Session], None]) -> bool:
    """Whether the attempt still had its task."""
    try:
        with database.session() as session:
            end(session)
    except TaskFenced:
        return False
    return True


@pytest.mark.parametrize("ends", ["ready", "failed", "lost"])
def test_a_validation_that_ends_while_it_is_deleted_waits_for_nobody_that_waits_for_it(
    database: Database, storage: VerifiedStorage, ends: str
) -> None:
    """Both lock the same rows, in one order: nothing is rolled back, and one of them comes first."""
    failure = Failure("dataset_invalid", "It has no images.", "Send some.", retryable=False)
    for _ in range(5):
        sent(database, storage)
        held = take_task(database)
        files = put(storage, held, b"idx")

        def end(session: Session, held: TaskClaim = held, files: Sequence[StoredFile] = files) -> None:
            match ends:
                case "ready":
                    dataset_versions.settle_ready(session, held, validated(files))
                case "failed":
                    task_ends.fail(session, held, failure)
                case _:
                    task_ends.lose(session, held, failure)

        with ThreadPoolExecutor(2) as pool:
            ended, deleted = pool.submit(settled, database, end), pool.submit(delete, database)
            deleted.result(20)
            ended.result(20)
        assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0}
        with database.snapshot() as session:
            assert session.scalars(select(Task).where(tasks.is_open())).all() == []


def test_a_submission_at_the_same_time_waits_for_nobody_that_waits_for_it(
    database: Database, storage: VerifiedStorage, submitted: Callable[..., Job]
) -> None:
    with database.session() as session:
        session.get_one(Project, "default").max_queued_jobs = 1_000  # so that the project is locked
    for number in range(1, 6):
        ready(database, storage, A)

        def submit(number: int = number) -> str | None:
            try:
                with database.session("default") as session:
                    return lifecycle.submit(session, Submission(spec(dataset=f"pets@{number}"))).id
            except (DatasetNotFound, VersionNotFound):
                return None

        def remove(number: int = number) -> bool:
            try:
                delete(database, number)
            except DatasetInUse:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            job, gone = pool.submit(submit), pool.submit(remove)
        assert (job.result() is None) == gone.result()
        if job_id := job.result():
            with database.session() as session:
                requests.request_cancel(session, job_id)
            delete(database, number)
