"""Versions of uploaded data sets: their numbers, what a name means, and that no content is kept twice."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, update

from catalog.datasets.errors import DatasetNotFound, VersionNotFound, VersionNotReady
from jobs import dataset_deletion, dataset_queries, dataset_versions, queries, task_ends
from jobs.listing import JobFilter
from jobs.usage import fold
from jobs.verified_storage import VerifiedStorage
from models import Database, Job, Task
from models.columns import DatabaseNow
from tests.jobs.conftest import spec
from tests.jobs.datasets import (
    BROKEN,
    A,
    B,
    add_project,
    kinds,
    names_of,
    put,
    ready,
    row_of,
    sent,
    settle,
    take,
    validated,
)
from tests.webhooks.conftest import add_webhook, all_deliveries

URL = "https://example.com/hook"


def resolved(database: Database, reference: str, project: str = "default") -> int | None:
    with database.session(project) as session:
        version = dataset_versions.resolve(session, project, reference)
    return version.number if version else None


def fail(database: Database, storage: VerifiedStorage) -> int:
    """A version that has failed."""
    sent(database, storage)
    held = take(database)
    with database.session() as session:
        task_ends.fail(session, held, BROKEN)
    return held.version


def test_a_version_is_ready_with_what_was_found(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage, b"an archive")
    assert kinds(database) == {"jobs": 0, "uploads": 10, "datasets": 0, "models": 0}
    held = take(database)
    files = put(storage, held, b"idx", b"images")
    assert settle(database, held, files, A) == []
    version = row_of(database, 1)
    assert (version.status, version.source, version.identity, version.same_as) == ("ready", "upload", A, None)
    assert (version.classes, version.channels, version.image_size) == (["cat", "dog"], 3, 32)
    assert (version.train_images, version.test_images, version.storage_bytes) == (80, 20, 9)
    assert dataset_versions.files_of(version) == tuple(files)
    assert version.finished_at
    assert version.error is None
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 9, "models": 0}  # the archive is needed no more
    with database.session() as session:
        fold(session)
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 9, "models": 0}
    shape = dataset_versions.data_shape(version, None)
    assert shape
    assert (shape.train_images, shape.classes, shape.image_size, shape.channels) == (80, 2, 32, 3)


def test_a_version_that_is_no_data_set_says_why(database: Database, storage: VerifiedStorage) -> None:
    assert fail(database, storage) == 1
    version = row_of(database, 1)
    assert (version.status, version.identity, version.files) == ("failed", None, None)
    assert version.error == {"code": "dataset_invalid", "message": "It has no images.", "hint": "Send some."}
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0}


def test_the_same_content_again_is_the_same_version(database: Database, storage: VerifiedStorage) -> None:
    first = ready(database, storage, A)
    sent(database, storage)
    held = take(database)
    files = put(storage, held, b"idx", b"images")
    assert settle(database, held, files, A) == [file.name for file in files]  # none of them is needed
    second = row_of(database, 2)
    assert (second.status, second.same_as, second.storage_bytes) == ("ready", 1, 0)
    assert names_of(second) == names_of(first)
    assert kinds(database)["datasets"] == 9
    with database.snapshot() as session:
        assert dataset_versions.find(session, "default", "pets", 2).number == 1
        assert [row.number for row in dataset_queries.versions(session, "pets", None, 10)] == [1]
        assert dataset_queries.version(session, "pets", 2)[0].number == 1
        assert [(new.number, ready.number if ready else 0) for new, ready in dataset_queries.newest(session)] == [
            (1, 1)
        ]


def test_the_same_content_in_another_data_set_is_a_version_of_its_own_with_the_same_files(
    database: Database, storage: VerifiedStorage
) -> None:
    first = ready(database, storage, A)
    second = ready(database, storage, A, dataset="animals")
    assert (second.number, second.same_as, second.storage_bytes) == (1, None, 0)
    assert names_of(second) == names_of(first)
    third = ready(database, storage, A, dataset="animals")
    assert third.same_as == 1  # of its own data set before any other
    assert kinds(database)["datasets"] == 9
    assert storage.list_names(dataset_versions.FOLDER) == sorted(names_of(first))


def test_content_is_never_shared_between_projects(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    mine, theirs = ready(database, storage, A), ready(database, storage, A, project="other")
    assert (theirs.number, theirs.same_as, theirs.storage_bytes) == (1, None, 9)
    assert not {*names_of(mine)} & {*names_of(theirs)}
    assert all(name.startswith("datasets/other/") for name in names_of(theirs))
    assert kinds(database) == kinds(database, "other") == {"jobs": 0, "uploads": 0, "datasets": 9, "models": 0}
    with database.snapshot() as session:
        assert dataset_versions.exists(session, "other", A)
        assert not dataset_versions.exists(session, "other", B)


def test_a_name_means_the_newest_version_that_is_ready(database: Database, storage: VerifiedStorage) -> None:
    assert resolved(database, "pets") is None
    with pytest.raises(DatasetNotFound):
        resolved(database, "pets@1")
    sent(database, storage)
    with pytest.raises(VersionNotReady, match="is being validated"):
        resolved(database, "pets")
    held = take(database)
    settle(database, held, put(storage, held, b"idx"), A)
    assert resolved(database, "pets") == 1
    assert fail(database, storage) == 2
    assert resolved(database, "pets") == 1
    assert ready(database, storage, B).number == 3
    assert resolved(database, "pets") == 3
    ready(database, storage, A)  # the fourth, which stands for the first
    assert (resolved(database, "pets"), resolved(database, "pets@4"), resolved(database, "pets@3")) == (1, 1, 3)
    with pytest.raises(VersionNotReady, match="failed"):
        resolved(database, "pets@2")
    with pytest.raises(VersionNotFound):
        resolved(database, "pets@5")
    add_project(database, "other")
    assert resolved(database, "pets", "other") is None


def test_where_none_is_ready_the_newest_says_why(database: Database, storage: VerifiedStorage) -> None:
    fail(database, storage)
    with pytest.raises(VersionNotReady, match="Version 1 of the data set 'pets' has failed"):
        resolved(database, "pets")


def test_a_job_keeps_the_version_that_it_was_submitted_with(
    database: Database, storage: VerifiedStorage, submitted: Callable[..., Job]
) -> None:
    ready(database, storage, A)
    job = submitted(spec(dataset="pets"))
    ready(database, storage, B)
    again, pinned = submitted(spec(dataset="pets")), submitted(spec(dataset="pets@1"))
    assert (job.dataset, job.dataset_version, job.dataset_identity) == ("pets", 1, A)
    assert (again.dataset, again.dataset_version, again.dataset_identity) == ("pets", 2, B)
    assert (pinned.dataset, pinned.dataset_version, pinned.dataset_identity) == ("pets", 1, A)
    assert [each.spec["dataset"] for each in (job, again, pinned)] == ["pets@1", "pets@2", "pets@1"]
    shipped = submitted(spec(dataset="digits"))
    assert (shipped.dataset, shipped.dataset_version, shipped.dataset_identity) == ("digits", None, None)


@pytest.mark.parametrize("_databases", ["postgresql"], indirect=True)
def test_a_version_that_is_deleted_while_a_job_is_submitted_is_as_if_it_had_not_been(
    database: Database, storage: VerifiedStorage
) -> None:
    """After it was seen, before its project is locked. On SQLite one transaction at a time writes."""
    ready(database, storage, A)
    ready(database, storage, B)
    asked = list[str]()

    @event.listens_for(database.engine, "before_cursor_execute")
    def delete_first(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)
        if len(asked) == 2:
            assert "FOR NO KEY UPDATE" in statement
            with ThreadPoolExecutor(1) as pool:
                pool.submit(delete).result()

    def delete() -> None:
        with database.session("default") as session:
            dataset_deletion.delete(session, "default", "pets", 2)

    assert resolved(database, "pets") == 1


def test_numbers_are_given_once(database: Database, storage: VerifiedStorage) -> None:
    ready(database, storage, A)
    ready(database, storage, B)
    with database.session() as session:
        dataset_deletion.delete(session, "default", "pets")
    assert ready(database, storage, A).number == 3
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: sent(database, storage), range(4)))
    with database.snapshot() as session:
        numbers = [row.number for row in dataset_queries.versions(session, "pets", None, 10)]
    assert numbers == [7, 6, 5, 4, 3]


def test_versions_are_listed_page_by_page(database: Database, storage: VerifiedStorage) -> None:
    for identity in (A, B, "c" * 64):
        ready(database, storage, identity)

    def page(after: int | None) -> list[int]:
        with database.snapshot() as session:
            return [row.number for row in dataset_queries.versions(session, "pets", after, 2)]

    assert (page(None), page(2), page(1)) == ([3, 2], [1], [])
    with database.snapshot() as session, pytest.raises(DatasetNotFound):
        dataset_queries.versions(session, "cats", None, 2)


def test_data_sets_are_listed_in_a_few_queries(database: Database, storage: VerifiedStorage) -> None:
    ready(database, storage, A)
    sent(database, storage)
    with database.session() as session:
        session.execute(update(Task).values(not_before=DatabaseNow(60)))
    for number in range(20):
        sent(database, storage, dataset=f"more-{number:02}")
    add_project(database, "other")
    sent(database, storage, project="other", dataset="theirs")
    statements = list[str]()
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    with database.snapshot() as session:
        found = dataset_queries.newest(session)
        counted = len(statements)
        alone = dataset_queries.newest(session, "pets")
        assert dataset_queries.newest(session, "cats") == []
    assert counted < 8
    assert [newest.dataset for newest, _ in found] == [*(f"more-{number:02}" for number in range(20)), "pets"]
    assert all(ready is None for _, ready in found[:-1])
    for newest, usable in (found[-1], *alone):
        assert (newest.number, newest.status, usable and usable.number) == (2, "validating", 1)


def test_jobs_are_listed_by_version(
    database: Database, storage: VerifiedStorage, submitted: Callable[..., Job]
) -> None:
    """Also by a number that stands for it."""
    for identity in (A, B, A):
        ready(database, storage, identity)
    first, second, newest = (submitted(spec(dataset=name)).id for name in ("pets@1", "pets@2", "pets"))

    def of(dataset: str) -> set[str]:
        with database.snapshot("default") as session:
            return {row.id for row in queries.list_jobs(session, JobFilter(dataset=dataset)).rows}

    assert of("pets") == {first, second, newest}
    assert of("pets@2") == {second}
    assert of("pets@1") == of("pets@3") == {first, newest}
    assert of("pets@4") == of("cats@1") == of("pets@x") == of("pets@") == set()


def test_a_project_s_webhooks_hear_of_its_own_data_sets_alone(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    mine = add_webhook(database, URL, ["dataset.ready", "dataset.failed"])
    add_webhook(database, URL, ["dataset.ready"], project="other")
    add_webhook(database, URL, ["job.succeeded"])
    ready(database, storage, A)
    ready(database, storage, A)
    fail(database, storage)
    told = all_deliveries(database)
    assert {each.webhook_id for each in told} == {mine.id}
    about = sorted((json.loads(each.payload) for each in told), key=lambda payload: payload["timestamp"])
    assert [(each["type"], each["data"]) for each in about] == [
        (
            f"dataset.{status}",
            {
                "name": "pets",
                "version": version,
                "requested_version": requested,
                "project": "default",
                "status": status,
            },
        )
        for status, version, requested in (("ready", 1, 1), ("ready", 1, 2), ("failed", 3, 3))
    ]


def test_what_is_rolled_back_is_not_told(database: Database, storage: VerifiedStorage) -> None:
    add_webhook(database, URL, ["dataset.ready"])
    sent(database, storage)
    held = take(database)
    with pytest.raises(ZeroDivisionError), database.session() as session:
        dataset_versions.settle_ready(session, held, validated(put(storage, held, b"idx")))
        raise ZeroDivisionError
    assert all_deliveries(database) == []
    assert row_of(database, 1).status == "validating"
