"""How validations and edits end: with one version for one content, whoever loses a task meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from jobs import dataset_deletion, dataset_queries, dataset_versions, new_versions, task_ends
from jobs.tasks import MOST_LOSSES, TaskFenced
from jobs.verified_storage import VerifiedStorage
from models import Database, DatasetVersion, Task
from models.columns import DatabaseNow
from tests.jobs.datasets import (
    BROKEN,
    LOST,
    A,
    B,
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


def test_an_edited_version_shares_what_it_has_not_changed(database: Database, storage: VerifiedStorage) -> None:
    parent = ready(database, storage, A)
    with database.session() as session:
        new_versions.edit(session, parent, [{"image": "1", "class": "dog"}])
    held = take(database)
    assert (held.kind, held.version) == ("edit", 2)
    assert held.arguments == {"parent": 1, "edits": [{"image": "1", "class": "dog"}]}
    index, pack = put(storage, held, b"idx2")[0], dataset_versions.files_of(parent)[1]
    assert settle(database, held, [index, pack], B) == []
    version = row_of(database, 2)
    assert (version.source, version.parent, version.storage_bytes) == ("edit", 1, 4)
    assert names_of(version) == [index.name, pack.name]
    assert kinds(database)["datasets"] == 9 + 4


def test_an_edit_that_changes_nothing_is_the_same_version(database: Database, storage: VerifiedStorage) -> None:
    parent = ready(database, storage, A)
    with database.session() as session:
        new_versions.edit(session, parent, [])
    held = take(database)
    index, pack = put(storage, held, b"idx2")[0], dataset_versions.files_of(parent)[1]
    assert settle(database, held, [index, pack], A) == [index.name]  # never the pack, which is the parent's
    assert row_of(database, 2).same_as == 1
    assert kinds(database)["datasets"] == 9


def test_an_edit_whose_parent_is_deleted_meanwhile_fails(database: Database, storage: VerifiedStorage) -> None:
    parent = ready(database, storage, A)
    with database.session() as session:
        new_versions.edit(session, parent, [])
    held = take(database)
    with database.session() as session:
        dataset_deletion.delete(session, "default", "pets", 1)
    index, pack = put(storage, held, b"idx2")[0], dataset_versions.files_of(parent)[1]
    assert settle(database, held, [index, pack], B) == [index.name, pack.name]
    version = row_of(database, 2)
    assert (version.status, version.files, version.identity, version.storage_bytes) == ("failed", None, None, 0)
    assert version.error
    assert version.error["message"] == "The version that was edited was deleted."
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 0, "models": 0}


def test_who_has_lost_the_task_settles_nothing(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    first = take(database)
    with database.session() as session:
        assert task_ends.lose(session, first, LOST)
    second = take(database)
    with pytest.raises(TaskFenced):
        settle(database, first, put(storage, first, b"idx"))
    with pytest.raises(TaskFenced), database.session() as session:
        task_ends.fail(session, first, BROKEN)
    with pytest.raises(TaskFenced), database.session() as session:
        task_ends.lose(session, first, LOST)
    assert row_of(database, 1).status == "validating"
    assert settle(database, second, put(storage, second, b"idx")) == []
    assert names_of(row_of(database, 1)) == [f"datasets/default/{second.task_id}/0002/pack-0"]
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 3, "models": 0}


def test_a_report_is_that_of_what_was_sent(database: Database, storage: VerifiedStorage) -> None:
    """The same images, with other files that cannot be read."""
    reports = [[{"code": "unreadable_files", "count": count}] for count in (1, 0, 100)]
    for findings in reports:
        sent(database, storage)
        held = take(database)
        found = validated(put(storage, held, b"idx", b"images"), A, findings)
        with database.session() as session:
            dataset_versions.settle_ready(session, held, found)
    for number, findings in enumerate(reports, 1):
        with database.snapshot("default") as session:
            details = dataset_queries.version(session, "pets", number)
            assert (details.row.number, details.other_numbers) == (1, [2, 3])
            assert details.report == {"findings": findings}


def test_a_validation_is_tried_so_often(database: Database, storage: VerifiedStorage) -> None:
    """By whoever notices: the worker itself, or the sweep."""
    sent(database, storage)
    for loss in range(MOST_LOSSES + 1):
        with database.session() as session:
            session.execute(update(Task).values(not_before=None))
        held = take(database)
        again = loss < MOST_LOSSES
        if loss % 2:
            with database.session() as session:
                session.execute(update(Task).values(lease_until=DatabaseNow(-1)))
            with database.session() as session:
                assert task_ends.expire(session, held.task_id) is again
        else:
            with database.session() as session:
                assert task_ends.lose(session, held, LOST) is again
        assert row_of(database, 1).status == ("validating" if again else "failed")
    version = row_of(database, 1)
    assert version.error
    assert version.error["code"] == "worker_lost"
    assert kinds(database)["uploads"] == 0
    with database.session() as session:
        assert not task_ends.expire(session, held.task_id)


def test_a_lease_that_was_renewed_is_not_taken(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    held = take(database)
    with database.session() as session:
        assert not task_ends.expire(session, held.task_id)
    assert settle(database, held, put(storage, held, b"idx")) == []


def test_two_validations_of_one_content_end_at_once_and_it_is_kept_once(
    database: Database, storage: VerifiedStorage
) -> None:
    """Each decides with the project locked, so one of them sees the other."""
    for _ in range(2):
        sent(database, storage)
    held = [take(database), take(database)]
    files = [put(storage, each, b"idx", b"images") for each in held]
    with ThreadPoolExecutor(2) as pool:
        unneeded = list(pool.map(lambda each: settle(database, each[0], each[1], A), zip(held, files, strict=True)))
    assert sorted(map(len, unneeded)) == [0, 2]
    versions = [row_of(database, 1), row_of(database, 2)]
    assert names_of(versions[0]) == names_of(versions[1])
    assert sorted(version.same_as or 0 for version in versions) in ([0, 1], [0, 2])
    assert kinds(database)["datasets"] == 9


def test_the_row_says_at_each_change_that_it_has_changed(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    before = row_of(database, 1).revision
    held = take(database)
    settle(database, held, put(storage, held, b"idx"))
    after = row_of(database, 1).revision
    assert after > before
    with database.session() as session:
        dataset_deletion.delete(session, "default", "pets", 1)
    with database.snapshot() as session:
        gone = session.get_one(DatasetVersion, ("default", "pets", 1))
    assert gone.revision > after
    assert gone.deleted_at
