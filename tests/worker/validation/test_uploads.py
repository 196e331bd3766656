"""Uploads of every kind become the same version, and what is wrong with one is told."""

import io
from pathlib import Path

import numpy as np
import pytest

from storage import Storage, StoredFile
from tests.worker.validation.archives import (
    PREFIX,
    by_program,
    order_of,
    picture,
    tarred,
    tree,
    validated,
    zipped,
)
from training.engine.data import load_dataset
from training.images.packs import ImageIndex
from training.images.predictions import Predictions
from worker.validation.__main__ import carry_out
from worker.validation.messages import Confusion, Edit, Found, Progress, Rejected


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


def index_of(storage: Storage, found: Found) -> ImageIndex:
    return ImageIndex.from_bytes(storage.read_verified(found.files[0]))


def finding(found: Found, code: str) -> int:
    return sum(each["count"] for each in found.report["findings"] if each["code"] == code)


def test_any_archive_of_the_same_images_is_the_same_version(storage: Storage, tmp_path: Path) -> None:
    """As identical as the image folder on the disk, in whatever order and form the images come."""
    files = tree()
    for name, content in files.items():
        path = tmp_path / "folders" / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    backwards = dict(reversed([*files.items()]))
    uploads = [
        zipped(files),
        zipped({f"some/folder/{name}": content for name, content in backwards.items()}),
        tarred(backwards),
        tarred(files, "w:gz"),
        zipped({**files, "README.md": b"hello", "__MACOSX/._x": b"y", "train/ant/.DS_Store": b"z"}),
    ]
    found = [validated(storage, tmp_path / f"{number}", content) for number, content in enumerate(uploads)]
    identities = {each.identity for each in found if isinstance(each, Found)}
    assert identities == {load_dataset("pets", datasets_dir=tmp_path / "folders").identity}
    assert len(found) == 5


def test_what_was_validated_is_stored_and_nothing_else(storage: Storage, tmp_path: Path) -> None:
    files = {**tree(), "train/ant/broken.png": picture(1)[:40], "train/ant/page.jpg": b"<!DOCTYPE html><p>404"}
    found = validated(storage, tmp_path / "scratch", zipped(files))
    assert isinstance(found, Found)
    assert [file.name for file in found.files] == [
        f"{PREFIX}/index.npz",
        f"{PREFIX}/features.npy",
        f"{PREFIX}/images-00000",
    ]
    index = index_of(storage, found)
    pack = storage.read_verified(found.files[2])
    contents = [pack[at : at + length] for at, length in zip(index.offsets, index.lengths, strict=True)]
    assert sorted(contents) == sorted(tree().values())
    assert len(pack) == sum(map(len, contents))
    assert (finding(found, "unreadable_files"), found.train_images, found.test_images) == (2, 8, 4)
    assert not list((tmp_path / "scratch").glob("upload"))


def test_arrays_are_images_too(storage: Storage, tmp_path: Path) -> None:
    numbers, file = np.random.default_rng(0), io.BytesIO()
    images = numbers.integers(0, 256, (12, 16, 16), np.uint8)
    labels = np.arange(12) % 2
    np.savez(file, train_images=images[:8], train_labels=labels[:8], test_images=images[8:], test_labels=labels[8:])
    found = validated(storage, tmp_path / "scratch", file.getvalue())
    assert isinstance(found, Found), found
    assert (found.channels, found.image_size, found.train_images, found.test_images) == (1, 16, 8, 4)


def test_images_without_a_split_are_divided_by_content_and_seed(storage: Storage, tmp_path: Path) -> None:
    files = {
        f"{name}/{number}.png": picture(10 * place + number) for place, name in enumerate("ab") for number in range(10)
    }
    tries = [
        validated(storage, tmp_path / f"{seed}-{place}", content, seed=seed, test_fraction=0.3)
        for seed in (0, 1)
        for place, content in enumerate((zipped(files), tarred(dict(reversed([*files.items()])))))
    ]
    assert all(isinstance(each, Found) and (each.train_images, each.test_images) == (14, 6) for each in tries)
    first, same, other, other_again = (each.identity for each in tries if isinstance(each, Found))
    assert first == same != other == other_again


def test_it_says_how_far_the_comparison_of_images_is(storage: Storage, tmp_path: Path) -> None:
    said: list[Progress] = []
    carry_out(order_of(storage, tmp_path / "x", zipped(tree())), storage, said.append)
    after = said[max(place for place, each in enumerate(said) if each.stage == "storing") :]
    assert [each for each in after if each.stage == "comparing" and each.total == 12 and 0 < each.done < 12]


def test_a_damaged_upload_is_told(storage: Storage, tmp_path: Path) -> None:
    stated = validated(storage, tmp_path / "a", zipped(tree()), sha256="0" * 64)
    assert isinstance(stated, Rejected)
    assert "was stated" in stated.message
    cut = validated(storage, tmp_path / "b", zipped(tree())[:-100])
    assert isinstance(cut, Rejected)
    assert (cut.code, cut.retryable) == ("dataset_invalid", False)


def test_a_class_whose_images_are_all_broken_is_told_with_the_files(storage: Storage, tmp_path: Path) -> None:
    files = tree() | {name: b"\x89PNG\r\n\x1a\nno" for name in tree() if name.startswith("test/bee")}
    rejected = validated(storage, tmp_path / "scratch", zipped(files))
    assert isinstance(rejected, Rejected)
    assert "test/bee" in rejected.message
    assert "test/bee/0.png" in rejected.message


def edited(storage: Storage, folder: Path, found: Found, *edits: Edit) -> Found | Rejected:
    order = order_of(storage, folder, b"", upload=(), parent=found.files, edits=edits)
    return carry_out(order.model_copy(update={"prefix": f"{PREFIX}-edit"}), storage, lambda _progress: None)


def test_edits_make_what_an_upload_of_the_edited_folder_would_be(storage: Storage, tmp_path: Path) -> None:
    files = tree()
    found = validated(storage, tmp_path / "a", zipped(files))
    assert isinstance(found, Found)
    ids = dict(zip(index_of(storage, found).names, index_of(storage, found).ids, strict=True))
    relabelled, moved, left_out = "train/ant/0.png", "train/bee/0.png", "test/ant/0.png"
    again = edited(
        storage,
        tmp_path / "b",
        found,
        Edit(images=(ids[relabelled],), label="bee"),
        Edit(images=(ids[moved],), split="test"),
        Edit(images=(ids[left_out],), exclude=True),
    )
    assert isinstance(again, Found), again
    files["train/bee/x.png"] = files.pop(relabelled)
    files["test/bee/x.png"] = files.pop(moved)
    del files[left_out]
    expected = validated(storage, tmp_path / "c", zipped(files))
    assert isinstance(expected, Found)
    assert again.identity == expected.identity
    assert again.report["findings"] == expected.report["findings"]
    assert again.files[2:] == found.files[2:]  # no image is stored twice


def test_an_edit_by_a_finding_changes_every_image_of_it(storage: Storage, tmp_path: Path) -> None:
    files = tree()
    copies = {f"train/ant/copy-{number}.png": files["test/ant/0.png"] for number in range(30)}
    found = validated(storage, tmp_path / "a", zipped({**files, **copies}))
    assert isinstance(found, Found)
    assert (finding(found, "leaked_exact"), finding(found, "exact_duplicates")) == (1, 29)
    fewer = edited(storage, tmp_path / "b", found, Edit(finding="exact_duplicates", exclude=True))
    assert isinstance(fewer, Found), fewer
    assert (fewer.train_images, finding(fewer, "exact_duplicates"), finding(fewer, "leaked_exact")) == (9, 0, 1)
    mended = edited(storage, tmp_path / "c", found, Edit(finding="leaked_exact", exclude=True))
    assert isinstance(mended, Found), mended
    plain = validated(storage, tmp_path / "d", zipped(files))
    assert isinstance(plain, Found)
    assert (mended.identity, finding(mended, "leaked_exact")) == (plain.identity, 0)


def confusing(storage: Storage, index: ImageIndex, confused: str, name: str = "predictions") -> Confusion:
    """What a job has stored that takes this ant, and every bee, for a bee."""
    is_bee = (index.labels == 1) | np.array([name == confused for name in index.names])
    found = Predictions(
        index.classes,
        index.identity,
        index.splits,
        index.labels,
        index.digests,
        np.eye(2, dtype=np.float32)[is_bee * 1],
    )
    return Confusion(job="job_1", label="ant", predicted="bee", predictions=storage.put(name, found.to_bytes()))


def test_an_edit_by_a_cell_of_a_confusion_matrix(storage: Storage, tmp_path: Path) -> None:
    files = tree()
    found = validated(storage, tmp_path / "a", zipped(files))
    assert isinstance(found, Found)
    cell = confusing(storage, index_of(storage, found), "test/ant/1.png")
    other_way = cell.model_copy(update={"label": "bee", "predicted": "ant"})
    empty = edited(storage, tmp_path / "d", found, Edit(confusion=other_way, exclude=True))
    assert isinstance(empty, Rejected)
    assert "takes none of class bee for ant" in empty.message
    again = edited(storage, tmp_path / "b", found, Edit(confusion=cell, label="bee"))
    files["test/bee/x.png"] = files.pop("test/ant/1.png")
    expected = validated(storage, tmp_path / "c", zipped(files))
    assert isinstance(again, Found), again
    assert isinstance(expected, Found)
    assert again.identity == expected.identity
    mended = edited(storage, tmp_path / "e", again, Edit(confusion=cell, exclude=True))
    assert isinstance(mended, Rejected), "it is labelled otherwise now"


def test_predictions_that_are_gone_or_damaged_are_told(storage: Storage, tmp_path: Path) -> None:
    found = validated(storage, tmp_path / "a", zipped(tree()))
    assert isinstance(found, Found)
    cell = confusing(storage, index_of(storage, found), "test/ant/1.png")
    for number, file in enumerate((storage.put("other", b"no"), StoredFile("gone", 3, "0" * 64))):
        damaged = Edit(confusion=cell.model_copy(update={"predictions": file}), exclude=True)
        rejected = edited(storage, tmp_path / f"b{number}", found, damaged)
        assert isinstance(rejected, Rejected)
        assert rejected.message == "The predictions of job job_1 are damaged or gone."


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (Edit(finding="blurred", exclude=True), "a finding without images"),
        (Edit(images=("0123456789abcdef",), exclude=True), "does not have"),
        (Edit(images=(), label="cat"), "a class that there is not"),
        (Edit(images=("*",), exclude=True), "leave classes without an image"),
    ],
)
def test_edits_that_do_not_fit_are_told(storage: Storage, tmp_path: Path, edit: Edit, told: str) -> None:
    found = validated(storage, tmp_path / "a", zipped(tree()))
    assert isinstance(found, Found)
    if edit.images == ("*",):
        edit = Edit(images=index_of(storage, found).ids, exclude=True)
    rejected = edited(storage, tmp_path / "b", found, edit)
    assert isinstance(rejected, Rejected)
    assert told in rejected.message


def test_the_program_says_the_same(storage: Storage, tmp_path: Path) -> None:
    here = validated(storage, tmp_path / "a", zipped(tree()))
    there = by_program(order_of(storage, tmp_path / "b", zipped(tree())))
    assert isinstance(there, Found)
    assert there.model_dump_json() == here.model_dump_json()
