"""The check at home and the service's validation agree, on what is well and on what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.http.validation_messages import error_message
from api.routes.datasets import LARGEST_SEED
from api.schemas.datasets import UploadCreate
from epochal import LocalError
from epochal.checking import DatasetCheck, check, look
from epochal.uploading import NAME, SEEDS
from storage import Storage
from tests.worker.validation.archives import picture, tarred, tree, validated, zipped
from training.known import dataset_names
from worker.validation.messages import Found, Rejected

FILES = tree(6, 3)
ODD = {
    **FILES,
    "train/ant/broken.png": picture(99)[:50],
    "train/bee/twin.png": FILES["train/ant/0.png"],
    "test/ant/leak.png": FILES["train/ant/1.png"],
    "train/ant/page.jpg": b"<!DOCTYPE html>",
    ".DS_Store": b"x",
    "readme.txt": b"hello",
}
DAMAGED = {
    "train/ant/empty.png": b"",
    "train/ant/lfs.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "train/bee/page.png": b"<!DOCTYPE html><html><body>404" + b" " * 1000,
    "test/bee/document.png": b"%PDF-1.7\n" + b" " * 1000,
}
TABLE = {f"{number}.png": picture(number) for number in range(30)} | {
    "labels.csv": "\n".join(["file,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(8))]).encode()
}
VALID = {
    **FILES,
    **{f"valid/{name}/{seed}.png": picture(seed) for name in ("ant", "bee") for seed in (201, 202)},
    "train/Bee/0.png": picture(203),
    "test/Bee/0.png": picture(204),
}
UPLOADS = {
    "clean": zipped(FILES),
    "odd": zipped(ODD),
    "tar": tarred(ODD, "w:gz"),
    "unsplit": zipped({f"{'ab'[seed % 2]}/{seed}.png": picture(seed) for seed in range(20)}),
    "text": b"hello",
    "cut": zipped(FILES)[:-30],
    "one class": zipped({"train/ant/1.png": picture(1), "test/ant/1.png": picture(2)}),
    "empty": zipped({"readme.txt": b"hello"}),
    "damaged": zipped({**FILES, **DAMAGED}),
    "all damaged": zipped({name: b"" if name.startswith("train/ant") else file for name, file in FILES.items()}),
    "too few left": zipped(
        {"ant/0.png": picture(1), "ant/1.png": b"", "bee/0.png": picture(2), "bee/1.png": picture(3)}
    ),
    "table": zipped(TABLE),
    "valid": zipped(VALID),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_both_say_the_same(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOADS[kind])
    there = validated(Storage(f"file://{tmp_path}/storage"), tmp_path / "scratch", UPLOADS[kind])
    if isinstance(there, Rejected):
        with pytest.raises(LocalError) as told:
            check(file)
        assert (told.value.message, told.value.hint) == (there.message, there.hint)
        assert told.value.code == "dataset_invalid"
        return
    here = check(file)
    assert isinstance(there, Found)
    assert (here.identity, here.train_images, here.test_images) == (
        there.identity,
        there.train_images,
        there.test_images,
    )
    assert here.report == there.report


@pytest.mark.parametrize("kind", UPLOADS)
def test_a_look_refuses_what_the_service_would_refuse_without_decoding(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOADS[kind])
    found, refused = look(file), None
    try:
        report = check(file).report
    except LocalError as error:
        refused = None if kind in ("all damaged", "too few left") else (error.message, error.hint)  # decoding tells
        report = {"findings": []}
    assert (found.refusal and (found.refusal.message, found.refusal.hint)) == refused
    told = {each["code"]: {example["detail"] for example in each["examples"]} for each in report["findings"]}
    for finding in found.findings if report["findings"] else ():
        assert {*finding.examples} <= told[finding.code]
        assert finding.examples


def checked(tmp_path: Path, upload: bytes) -> DatasetCheck:
    file = tmp_path / "upload"
    file.write_bytes(upload)
    return check(file)


def examples(found: DatasetCheck, code: str) -> list[str]:
    [finding] = [finding for finding in found.report["findings"] if finding["code"] == code]
    return [example["detail"] for example in finding["examples"]]


def test_damaged_files_that_are_called_images_are_named_with_the_reason(tmp_path: Path) -> None:
    found = checked(tmp_path, UPLOADS["damaged"])
    assert examples(found, "unreadable_files") == [
        "test/bee/document.png: it is a PDF document: export its pages as images",
        "train/ant/empty.png: it is an empty file: copy or fetch it again",
        "train/ant/lfs.png: it is a pointer of Git LFS and not the file itself: fetch it with `git lfs pull`",
        "train/bee/page.png: it is an HTML page, perhaps a download's error: fetch it again",
    ]
    assert (found.train_images, found.test_images) == (12, 6)
    for kind in ("all damaged", "too few left"):
        with pytest.raises(LocalError, match=r"Cannot be read: .*ant/\d.png \(it is an empty file"):
            checked(tmp_path, UPLOADS[kind])


def test_what_is_passed_over_is_named(tmp_path: Path) -> None:
    assert examples(checked(tmp_path, UPLOADS["odd"]), "skipped_files") == [
        ".DS_Store: hidden files, and what systems and programs leave beside images",
        "readme.txt: hidden files, and what systems and programs leave beside images",
    ]
    without_row = examples(checked(tmp_path, UPLOADS["table"]), "skipped_files")
    assert without_row == [f"{number}.png: images without a row in labels.csv" for number in range(8, 28)]


def test_splits_and_classes_that_could_be_meant_otherwise_are_findings(tmp_path: Path) -> None:
    found = checked(tmp_path, UPLOADS["valid"])
    told = {finding["code"]: finding for finding in found.report["findings"]}
    split, classes = told["other_splits"], told["similar_class_names"]
    assert (split["severity"], split["count"]) == ("warning", 4)
    assert split["message"] == (
        "The split valid is not tested on, since there is a split test: its 4 images are trained on."
    )
    assert examples(found, "other_splits") == ["valid: 4 images, trained on"]
    assert (classes["severity"], classes["count"]) == ("warning", 2)
    assert classes["message"] == (
        "2 classes have names that look alike, and are different ones: Bee and bee differ only in upper and lower case."
    )
    assert found.report["notes"] == []
    as_test = {name.replace("test/", "val/"): content for name, content in FILES.items()}
    [split] = [each for each in checked(tmp_path, zipped(as_test)).report["findings"] if each["code"] == "other_splits"]
    assert (split["severity"], split["count"]) == ("info", 6)
    assert split["message"] == (
        "The split val is taken as test, since there is no split test: its 6 images are tested on and not trained on."
    )


def test_a_folder_is_checked_as_the_tar_that_would_be_sent(tmp_path: Path) -> None:
    for name, content in ODD.items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    file = tmp_path / "pets.tar"
    file.write_bytes(tarred(ODD))
    assert check(tmp_path / "pets").report == check(file).report


def test_the_split_is_the_one_that_an_upload_will_make(tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOADS["unsplit"])
    there = validated(
        Storage(f"file://{tmp_path}/storage"), tmp_path / "scratch", UPLOADS["unsplit"], test_fraction=0.3, seed=7
    )
    here = check(file, test_fraction=0.3, seed=7)
    assert isinstance(there, Found)
    assert (here.identity, here.test_images) == (there.identity, 6)
    assert here.identity != check(file, test_fraction=0.3).identity
    assert [*here.report["classes"]] == [{"name": name, "train": 7, "test": 3} for name in ("a", "b")]


@pytest.mark.parametrize(
    "fields", [{"test_fraction": 0}, {"test_fraction": 1}, {"test_fraction": 1.5}, {"seed": -1}, {"seed": 2**53}]
)
def test_a_split_that_the_api_refuses_is_refused_in_the_same_words(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(LocalError) as told:
        check(tmp_path, **fields)
    with pytest.raises(ValidationError) as refused:
        UploadCreate.model_validate({"dataset": "pets", "bytes": 1, **fields})
    [error] = refused.value.errors()
    assert told.value.message == f"{error['loc'][0]} {error_message(error)}"


def test_the_name_of_a_data_set_is_what_the_api_takes() -> None:
    assert NAME == dataset_names.NAME
    assert SEEDS == LARGEST_SEED + 1
