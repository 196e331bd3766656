"""Uploads: what has arrived is durable, is counted, and is there once, whoever sends it and however often."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from catalog.datasets import uploads as rows
from catalog.datasets.errors import (
    OffsetMismatch,
    UploadComplete,
    UploadNotFound,
)
from catalog.datasets.uploads import SplitOptions
from jobs import dataset_garbage, uploads
from jobs.uploads import PART_BYTES, UploadWriter
from jobs.verified_storage import VerifiedStorage
from models import Database, DatabaseUnavailable, Task, Upload
from storage import StoredFile
from tests.jobs.datasets import (
    MOST_BYTES,
    begin,
    content_of,
    kinds,
    parts_of,
    row_of,
    send,
    stored,
    upload_of,
    writer,
)


def test_an_upload_from_its_beginning_to_the_version_that_it_becomes(
    database: Database, storage: VerifiedStorage
) -> None:
    options = SplitOptions(0.3, 7)
    upload = begin(database, total_bytes=6, sha256="ab" * 32, options=options)
    assert (upload.received_bytes, upload.version, upload.revision) == (0, None, 0)
    assert upload.expires_at > upload.created_at
    send(database, storage, upload.id, b"abc")
    half = upload_of(database, upload.id)
    assert (half.received_bytes, half.version) == (3, None)
    assert half.expires_at >= upload.expires_at  # it is not left alone
    send(database, storage, upload.id, b"def")
    complete = upload_of(database, upload.id)
    assert (complete.received_bytes, complete.version) == (6, 1)
    assert complete.revision > half.revision > upload.revision
    assert row_of(database, 1).status == "validating"
    with database.snapshot() as session:
        task = session.scalars(select(Task)).one()
    assert (task.kind, task.dataset, task.version) == ("validate", "pets", 1)
    assert task.arguments == {"upload": upload.id, "sha256": "ab" * 32, "test_fraction": 0.3, "seed": 7}
    assert content_of(database, storage, upload.id) == b"abcdef"


def test_an_upload_of_unknown_length_is_complete_when_it_is_said_so_and_once(
    database: Database, storage: VerifiedStorage
) -> None:
    upload = begin(database)
    send(database, storage, upload.id, b"abcdef")
    assert upload_of(database, upload.id).version is None
    for _ in range(2):
        assert uploads.finish(database, upload.id).version == 1
    assert upload_of(database, upload.id).total_bytes == 6
    with database.snapshot() as session:
        assert len(session.scalars(select(Task)).all()) == 1


@pytest.mark.parametrize("size", [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
def test_a_large_upload_is_kept_in_parts(database: Database, storage: VerifiedStorage, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    upload = begin(database, total_bytes=size)
    writing = writer(database, storage, upload.id)
    for start in range(0, size, 60_000):
        if writing.write(content[start : start + 60_000]):
            writing.store(rest=False)
    writing.store()
    writing.store()  # there is nothing left to store
    assert [part[1] for part in parts_of(database, upload.id)] == [
        min(PART_BYTES, size - start) for start in range(0, size, PART_BYTES)
    ]
    assert sha256(content_of(database, storage, upload.id)).digest() == sha256(content).digest()
    assert upload_of(database, upload.id).version == 1


def test_an_upload_goes_on_where_it_stands(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database, total_bytes=10)
    writing = writer(database, storage, upload.id)
    writing.write(b"abcd")
    writing.store()
    writing.write(b"ef")  # the process dies here
    assert upload_of(database, upload.id).received_bytes == 4
    again = writer(database, storage, upload.id)
    assert again.offset == 4
    again.write(b"efghij")
    again.store()
    assert content_of(database, storage, upload.id) == b"abcdefghij"


def test_of_two_writers_at_one_offset_one_adds_its_part_and_the_other_is_told_where_it_stands(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, barrier, put = begin(database, total_bytes=100), Barrier(4), storage.put

    def put_with_the_others(name: str, content: bytes) -> StoredFile:
        file = put(name, content)
        barrier.wait(30)
        return file

    monkeypatch.setattr(storage, "put", put_with_the_others)

    def write(content: bytes) -> int | None:
        """The true offset, for whoever is late."""
        writing = UploadWriter(database, storage, upload, MOST_BYTES)
        writing.write(content)
        try:
            writing.store()
        except OffsetMismatch as error:
            return error.offset
        return None

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(write, [b"aaaa", b"bbbb", b"cccc", b"dddd"]))
    assert sorted(told, key=str) == [4, 4, 4, None]
    assert parts_of(database, upload.id) == [(0, 4)]
    assert len(stored(storage)) == 1
    winner = [b"aaaa", b"bbbb", b"cccc", b"dddd"][told.index(None)]
    assert content_of(database, storage, upload.id) == winner
    assert kinds(database)["uploads"] == 4


def test_what_comes_after_the_end_leaves_nothing(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database)
    late = writer(database, storage, upload.id)
    late.write(b"abc")
    uploads.finish(database, upload.id)
    with pytest.raises(UploadComplete):
        late.store()
    assert stored(storage) == []


def test_what_comes_after_it_was_given_up_leaves_nothing(database: Database, storage: VerifiedStorage) -> None:
    upload = begin(database)
    late = writer(database, storage, upload.id)
    late.write(b"abc")
    with database.session() as session:
        assert uploads.discard(session, upload.id)
    with pytest.raises(UploadNotFound):
        late.store()
    assert stored(storage) == []


@pytest.mark.parametrize("_databases", ["postgresql"], indirect=True)
def test_an_upload_that_is_given_up_while_a_part_is_added_leaves_nothing(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two reads of `add_part`. On SQLite one transaction at a time writes."""
    upload, find = begin(database, total_bytes=3), rows.find

    def find_and_lose(session: Any, upload_id: str, *, lock: bool = False) -> Upload:
        found = find(session, upload_id, lock=lock)
        if not lock:
            with database.session() as other:
                uploads.discard(other, upload_id)
        return found

    late = writer(database, storage, upload.id)
    late.write(b"abc")
    monkeypatch.setattr(rows, "find", find_and_lose)
    with pytest.raises(UploadNotFound):
        late.store()
    assert stored(storage) == []


def test_a_part_whose_row_is_not_written_is_deleted_with_its_upload(
    database: Database, storage: VerifiedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the transaction was committed is not known then: the file must stay until that is."""
    upload = begin(database, total_bytes=3)
    writing = writer(database, storage, upload.id)
    writing.write(b"abc")

    def away(*_arguments: Any) -> None:
        raise DatabaseUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "add_part", away)
        with pytest.raises(DatabaseUnavailable):
            writing.store()
    assert len(stored(storage)) == 1
    dataset_garbage.collect(database, storage)
    assert len(stored(storage)) == 1  # the upload is under way
    writing.store()
    dataset_garbage.collect(database, storage)  # its parts have rows
    assert content_of(database, storage, upload.id) == b"abc"
    assert len(stored(storage)) == 1


def test_stores_of_one_writer_at_once_store_each_byte_once(database: Database, storage: VerifiedStorage) -> None:
    """A request that is cancelled stores the rest while its thread still stores."""
    upload = begin(database)
    writing = writer(database, storage, upload.id)
    content = bytes(range(256)) * (3 * PART_BYTES // 256 + 1)
    writing.write(content)
    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(writing.store) for _ in range(4)]:
            result.result()
    assert content_of(database, storage, upload.id) == content
