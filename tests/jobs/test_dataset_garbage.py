"""The files of uploads and of data sets: what nobody names is deleted, and what is under way never is."""

import pytest
from sqlalchemy import select, update

from jobs import dataset_deletion, dataset_garbage, dataset_versions, new_versions, tasks, uploads
from jobs.verified_storage import VerifiedStorage
from models import Database, DatasetVersion, Task, Upload
from models.columns import DatabaseNow
from tests.jobs.datasets import A, B, add_project, begin, kinds, names_of, put, ready, send, sent, settle, take


def collect(database: Database, storage: VerifiedStorage) -> None:
    dataset_garbage.collect(database, storage)


def everything(storage: VerifiedStorage) -> set[str]:
    return {name for folder in storage.folders() for name in storage.list_names(folder)}


def test_of_an_upload_that_is_under_way_nothing_is_deleted(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database, total_bytes=9)
    send(database, storage, upload.id, b"abc")
    storage.put(f"uploads/{upload.id}/000000000000003-0badc0de", b"def")  # its row is about to be written
    collect(database, storage)
    assert len(everything(storage)) == 2


def test_once_it_is_complete_its_parts_stay_and_what_was_left_beside_them_goes(
    database: Database, storage: VerifiedStorage
) -> None:
    upload = sent(database, storage)
    parts = everything(storage)
    storage.put(f"uploads/{upload.id}/000000000000003-0badc0de", b"def")
    collect(database, storage)
    assert everything(storage) == parts


def test_after_its_validation_nothing_of_the_upload_is_left(database: Database, storage: VerifiedStorage) -> None:
    version = ready(database, storage, A)
    assert len(storage.list_names("uploads")) == 1  # its worker was killed before it deleted them
    collect(database, storage)
    assert everything(storage) == {*names_of(version)}


def test_of_a_task_that_is_open_nothing_is_deleted(database: Database, storage: VerifiedStorage) -> None:
    sent(database, storage)
    held = take(database)
    files = put(storage, held, b"idx", b"images")
    collect(database, storage)
    assert len(storage.list_names("datasets")) == 2
    with database.session() as session:
        tasks.release(session, held)
    collect(database, storage)
    assert len(storage.list_names("datasets")) == 2
    again = take(database)
    settle(database, again, put(storage, again, b"idx", b"images"), A)
    collect(database, storage)  # what the attempt before has written is garbage now
    assert not {file.name for file in files} & everything(storage)
    assert len(storage.list_names("datasets")) == 2


def test_what_a_version_names_stays_as_long_as_one_names_it(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    parent = ready(database, storage, A)
    other = ready(database, storage, A, project="other")
    with database.session() as session:
        new_versions.edit(session, parent, [])
    held = take(database)
    index, pack = put(storage, held, b"index")[0], dataset_versions.files_of(parent)[1]
    settle(database, held, [index, pack], B)
    with database.session() as session:
        dataset_deletion.delete(session, "default", "pets", 1)
    collect(database, storage)
    assert {*names_of(parent), *names_of(other), index.name} == everything(storage)  # its row is there yet
    dataset_garbage.purge(database, storage)
    assert everything(storage) == {index.name, pack.name, *names_of(other)}
    collect(database, storage)
    assert everything(storage) == {index.name, pack.name, *names_of(other)}


def test_what_nobody_names_goes(database: Database, storage: VerifiedStorage) -> None:
    version = ready(database, storage, A)
    unknown = "task_01kasm2pbk5s9d0w3g6vq8zrhf"
    storage.put(f"datasets/default/{unknown}/0001/pack-0", b"x")
    storage.put("uploads/upl_01kasm2pbk5s9d0w3g6vq8zrhf/000000000000000-0badc0de", b"x")
    collect(database, storage)
    assert everything(storage) == {*names_of(version)}


def test_files_of_jobs_are_none_of_its_business(database: Database, storage: VerifiedStorage) -> None:
    storage.put("job_01kasm2pbk5s9d0w3g6vq8zrhf/attempt-0001/weights.safetensors", b"x")
    storage.put("storage-id", b"x")
    collect(database, storage)
    assert storage.list_names("job_01kasm2pbk5s9d0w3g6vq8zrhf")
    assert storage.read("storage-id") == b"x"


def test_a_part_that_arrives_after_the_files_were_listed_stays(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, list_names = begin(database, total_bytes=3), storage.list_names
    storage.put("uploads/upl_01kasm2pbk5s9d0w3g6vq8zrhf/000000000000000-0badc0de", b"x")

    def slowly(folder: str) -> list[str]:
        names = list_names(folder)
        if folder == "uploads":
            send(database, storage, upload.id, b"abc")
        return names

    monkeypatch.setattr(storage, "list_names", slowly)
    collect(database, storage)
    assert [name.split("/")[1] for name in list_names("uploads")] == [upload.id]


def test_a_version_that_becomes_ready_after_the_files_were_listed_keeps_them(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(database, storage)
    held, list_names = take(database), storage.list_names
    files = put(storage, held, b"idx", b"images")

    def slowly(folder: str) -> list[str]:
        names = list_names(folder)
        if folder == "datasets":
            settle(database, held, files, A)
        return names

    monkeypatch.setattr(storage, "list_names", slowly)
    collect(database, storage)
    assert list_names("datasets") == [file.name for file in files]


def test_it_stops_when_it_is_told_to(database: Database, storage: VerifiedStorage) -> None:
    storage.put("uploads/upl_01kasm2pbk5s9d0w3g6vq8zrhf/000000000000000-0badc0de", b"x")
    dataset_garbage.collect(database, storage, lambda: True)
    assert len(everything(storage)) == 1


def test_what_was_given_up_goes_with_its_files(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database, total_bytes=9)
    send(database, storage, upload.id, b"abc")
    with database.session() as session:
        assert uploads.discard(session, upload.id)
    dataset_garbage.delete_upload_files(storage, upload.id)
    assert storage.folders() == []
    assert kinds(database)["uploads"] == 0


def test_a_purge_that_the_storage_interrupts_is_done_again(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = ready(database, storage, A)
    with database.session() as session:
        dataset_deletion.delete(session, "default", "pets")

    def away(_names: object) -> None:
        raise OSError("It does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete", away)
        with pytest.raises(OSError, match="does not answer"):
            dataset_garbage.purge(database, storage)
    assert storage.list_names("datasets") == names_of(version)
    dataset_garbage.purge(database, storage)
    assert storage.list_names("datasets") == []
    with database.snapshot() as session:
        assert session.scalars(select(DatasetVersion)).all() == []


def test_rows_of_what_is_over_are_forgotten_after_a_week(database: Database, storage: VerifiedStorage) -> None:
    ready(database, storage, A)
    unfinished = begin(database)
    waiting = sent(database, storage)
    week = -dataset_garbage.KEPT_SECONDS
    for seconds, kept in ((week + 60, 3), (week - 60, 2)):
        with database.session() as session:
            session.execute(update(Task).where(Task.finished_at.is_not(None)).values(finished_at=DatabaseNow(seconds)))
            session.execute(update(Upload).where(Upload.version == 1).values(expires_at=DatabaseNow(seconds)))
        collect(database, storage)
        with database.snapshot() as session:
            assert len(session.scalars(select(Upload)).all()) == kept
            assert len(session.scalars(select(Task)).all()) == kept - 1
    with database.session() as session:  # what waits for its validation waits for as long as that takes
        session.execute(update(Upload).where(Upload.id == waiting.id).values(expires_at=DatabaseNow(week - 60)))
    collect(database, storage)
    with database.snapshot() as session:
        assert {*session.scalars(select(Upload.id))} == {unfinished.id, waiting.id}
