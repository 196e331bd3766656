"""How much may be uploaded, for how long an upload is there, and what it counts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from catalog.datasets import uploads as rows
from catalog.datasets.errors import (
    TooManyUploads,
    UploadNotFound,
    UploadTooLarge,
)
from jobs import dataset_garbage, dataset_queries, new_versions, uploads
from jobs.errors import QuotaExceeded
from jobs.uploads import UploadWriter
from jobs.usage import fold
from jobs.verified_storage import STORAGE_ID_FILE, VerifiedStorage
from models import Database, Deployment, Upload
from models.columns import DatabaseNow
from storage import StoredFile
from tests.jobs.datasets import (
    MOST_BYTES,
    A,
    add_project,
    alone,
    begin,
    content_of,
    kinds,
    limit,
    ready,
    send,
    sent,
    stored,
    upload_of,
    writer,
)


def test_a_file_may_be_so_large(database: Database, storage: VerifiedStorage) -> None:
    for stated in (MOST_BYTES + 1, 2**62):
        with pytest.raises(UploadTooLarge, match="EPOCHAL_MAX_UPLOAD_BYTES"):
            begin(database, total_bytes=stated)
    upload = begin(database)
    writing = UploadWriter(database, storage, upload, 5)
    assert writing.write(b"abc") is False
    with pytest.raises(UploadTooLarge, match="EPOCHAL_MAX_UPLOAD_BYTES"):
        writing.write(b"def")


def test_more_than_was_stated_is_refused(database: Database, storage: VerifiedStorage) -> None:
    writing = writer(database, storage, begin(database, total_bytes=5).id)
    writing.write(b"abcd")
    with pytest.raises(UploadTooLarge, match="was to have 5 bytes"):
        writing.write(b"ef")


def test_a_quota_counts_before_and_while_the_bytes_arrive(database: Database, storage: VerifiedStorage) -> None:
    limit(database, 10)
    with pytest.raises(QuotaExceeded, match="max_storage_bytes"):
        begin(database, total_bytes=11)
    upload = begin(database)
    send(database, storage, upload.id, b"12345678")
    with pytest.raises(QuotaExceeded, match="max_storage_bytes"):
        send(database, storage, upload.id, b"901")
    assert len(stored(storage)) == 1
    assert upload_of(database, upload.id).received_bytes == 8
    send(database, storage, upload.id, b"90")
    with pytest.raises(QuotaExceeded):
        begin(database, total_bytes=1)
    limit(database, None)
    send(database, storage, upload.id, b"1")


def test_a_quota_counts_those_who_store_at_once_one_by_one(database: Database, storage: VerifiedStorage) -> None:
    limit(database, 100)
    ids = [begin(database).id for _ in range(6)]

    def stores(upload_id: str) -> bool:
        try:
            send(database, storage, upload_id, b"x" * 40)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(stores, ids)) == 2
    assert kinds(database)["uploads"] == 80
    assert len(stored(storage)) == 2, "what was refused leaves no file"


def test_a_version_that_is_larger_than_its_upload_counts_with_what_it_takes(
    database: Database, storage: VerifiedStorage
) -> None:
    limit(database, 20)
    failed = ready(database, storage, A, b"x" * 18)  # and three of its index; the upload has three
    assert failed.status == "failed"
    assert failed.error
    assert failed.error["code"] == "quota_exceeded"
    assert "take 21 bytes" in failed.error["message"]
    assert "max_storage_bytes 20" in failed.error["message"]
    assert (failed.identity, failed.storage_bytes) == (None, 0)
    assert storage.list_names("datasets") == []
    assert ready(database, storage, A, b"x" * 17).status == "ready"
    assert kinds(database) == {"jobs": 0, "uploads": 0, "datasets": 20, "models": 0}


def test_a_project_may_have_so_many_unfinished(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_UNFINISHED", 3)
    add_project(database, "other")
    unfinished = [begin(database) for _ in range(3)]
    with pytest.raises(TooManyUploads, match="3 unfinished uploads"):
        begin(database)
    begin(database, "other")
    uploads.finish(database, unfinished[0].id)
    begin(database)
    alone(database, seconds=1)
    begin(database)  # those that have expired count no more


def test_a_project_may_have_so_many_that_wait_for_their_validation(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_versions, "MOST_WAITING", 2)
    add_project(database, "other")
    for _ in range(2):
        sent(database, storage)
    with pytest.raises(TooManyUploads, match="wait to be validated"):
        begin(database)
    begin(database, "other")


def test_an_upload_that_is_left_alone_is_gone(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database, total_bytes=6, expires_after=100)
    send(database, storage, upload.id, b"abc")
    complete = sent(database, storage)
    alone(database, seconds=1)
    with database.snapshot("default") as session:
        with pytest.raises(UploadNotFound):
            rows.find(session, upload.id)
        rows.find(session, complete.id)  # it is complete
        assert [row.id for row in dataset_queries.list_uploads(session, None, 10)] == [complete.id]
    with pytest.raises(UploadNotFound):
        send(database, storage, upload.id, b"def")
    assert kinds(database)["uploads"] == 6
    dataset_garbage.purge(database, storage)
    assert kinds(database)["uploads"] == 3
    assert len(stored(storage)) == 1
    assert uploads.expire(database) == []
    with database.snapshot() as session:
        assert session.get(Upload, upload.id) is None


def test_what_arrives_renews_it(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database, expires_after=100)
    with database.session() as session:
        session.execute(update(Upload).values(expires_at=DatabaseNow(1)))
    send(database, storage, upload.id, b"abc")
    with database.snapshot() as session:
        assert session.scalars(select(Upload.expires_at > DatabaseNow(50))).one()


def test_a_complete_upload_is_not_given_up(database: Database, storage: VerifiedStorage) -> None:
    upload = sent(database, storage)
    with database.session() as session:
        assert not uploads.discard(session, upload.id)
    assert content_of(database, storage, upload.id) == b"abc"


def test_use_is_counted_by_kind_and_adds_up(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    first, _, _ = begin(database), sent(database, storage, b"1234"), sent(database, storage, b"12345", "other")
    send(database, storage, first.id, b"123")

    def folded() -> None:
        with database.session() as session:
            fold(session)

    for _ in range(2):
        assert kinds(database) == {"jobs": 0, "uploads": 7, "datasets": 0, "models": 0}
        assert kinds(database, "other") == {"jobs": 0, "uploads": 5, "datasets": 0, "models": 0}
        folded()
    with database.session() as session:
        uploads.discard(session, first.id)
    for _ in range(2):
        assert kinds(database) == {"jobs": 0, "uploads": 4, "datasets": 0, "models": 0}
        folded()


def test_a_project_s_uploads_are_its_own(database: Database, storage: VerifiedStorage) -> None:
    add_project(database, "other")
    upload = begin(database)
    with database.session("other") as session:
        with pytest.raises(UploadNotFound):
            rows.find(session, upload.id)
        with pytest.raises(UploadNotFound):
            uploads.discard(session, upload.id)
        assert dataset_queries.list_uploads(session, None, 10) == []
    assert upload_of(database, upload.id).version is None


def test_nothing_is_written_into_a_storage_that_is_not_mounted(
    database: Database, storage: VerifiedStorage, tmp_path: Path
) -> None:
    storage.put(STORAGE_ID_FILE, b"ours")
    with database.session() as session:
        session.execute(update(Deployment).values(storage_id="ours"))
    upload = begin(database)
    send(database, storage, upload.id, b"abc")
    (tmp_path / "storage").rename(tmp_path / "away")
    with pytest.raises(OSError, match="The storage is away"):
        send(database, storage, upload.id, b"def")
    assert not (tmp_path / "storage").exists()
    (tmp_path / "away").rename(tmp_path / "storage")
    send(database, storage, upload.id, b"def")
    assert content_of(database, storage, upload.id) == b"abcdef"


def test_the_storage_is_never_waited_for_in_a_transaction_that_writes(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write meanwhile: on SQLite they would otherwise wait for the storage, too."""
    upload, put = begin(database, total_bytes=3), storage.put

    def put_while_others_write(name: str, content: bytes) -> StoredFile:
        begin(database)
        return put(name, content)

    monkeypatch.setattr(storage, "put", put_while_others_write)
    send(database, storage, upload.id, b"abc")
