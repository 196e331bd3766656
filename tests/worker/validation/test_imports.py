"""Imports from folders: what is read, and what is not, whoever has put it there."""

import os
from pathlib import Path
from typing import Any

import pytest

from storage import Storage
from tests.worker.validation.archives import order_of, tree, validated, zipped
from worker.validation.__main__ import carry_out
from worker.validation.messages import Found, Rejected


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """An image folder within the one that is allowed."""
    folder = tmp_path / "allowed" / "pets"
    for name, content in tree().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def imported(storage: Storage, tmp_path: Path, source: Path, **fields: Any) -> Found | Rejected:
    order = order_of(storage, tmp_path / "scratch", b"", source=f"file://{source}", **fields)
    order = order.model_copy(update={"roots": (f"file://{tmp_path}/allowed",)})
    return carry_out(order, storage, lambda _progress: None)


def test_a_folder_is_what_its_archive_would_be(storage: Storage, tmp_path: Path, pets: Path) -> None:
    found, expected = imported(storage, tmp_path, pets), validated(storage, tmp_path / "other", zipped(tree()))
    assert isinstance(found, Found), found
    assert isinstance(expected, Found)
    assert found.identity == expected.identity


def test_links_and_pipes_are_not_followed(storage: Storage, tmp_path: Path, pets: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(next(iter(tree(1, 1, ("x", "y")).values())))
    (pets / "train/ant/link.png").symlink_to(secret)
    (pets / "train/ant/folder").symlink_to(tmp_path)
    os.mkfifo(pets / "train/ant/pipe.png")
    found = imported(storage, tmp_path, pets)
    assert isinstance(found, Found), found
    assert found.train_images == 8


def test_a_link_out_of_what_is_allowed_is_refused(storage: Storage, tmp_path: Path, pets: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "allowed/out").symlink_to(tmp_path / "elsewhere")
    for source in ("allowed/out", "elsewhere", "allowed/nowhere"):
        rejected = imported(storage, tmp_path / source.replace("/", "-"), tmp_path / source)
        assert isinstance(rejected, Rejected)
        assert str(tmp_path) not in rejected.message + rejected.hint


def test_what_is_too_large_is_told(storage: Storage, tmp_path: Path, pets: Path) -> None:
    rejected = imported(storage, tmp_path, pets, most_bytes=2000)
    assert isinstance(rejected, Rejected)
    assert "more than 2,000 bytes" in rejected.message


def test_a_file_that_cannot_be_read_is_the_source_s_fault(
    storage: Storage, tmp_path: Path, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: object, _flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    rejected = imported(storage, tmp_path, pets)
    assert isinstance(rejected, Rejected)
    assert "source of the import" in rejected.message
    assert (rejected.code, rejected.retryable) == ("dataset_invalid", False)
