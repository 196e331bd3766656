"""The check at home and the service's validation agree, on what is well and on what is wrong."""

from pathlib import Path

import pytest

from client.check import check_dataset, main
from client.errors import EpochalError
from storage import Storage
from tests.worker.validation.archives import picture, tarred, tree, validated, zipped
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
UPLOADS = {
    "clean": zipped(FILES),
    "odd": zipped(ODD),
    "tar": tarred(ODD, "w:gz"),
    "unsplit": zipped({f"{'ab'[seed % 2]}/{seed}.png": picture(seed) for seed in range(20)}),
    "text": b"hello",
    "cut": zipped(FILES)[:-30],
    "one class": zipped({"train/ant/1.png": picture(1), "test/ant/1.png": picture(2)}),
    "empty": zipped({"readme.txt": b"hello"}),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_both_say_the_same(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOADS[kind])
    there = validated(Storage(f"file://{tmp_path}/storage"), tmp_path / "scratch", UPLOADS[kind])
    if isinstance(there, Rejected):
        with pytest.raises(EpochalError) as told:
            check_dataset(file)
        assert str(told.value) == f"{there.message} {there.hint} (dataset_invalid)"
        return
    here = check_dataset(file)
    assert isinstance(there, Found)
    assert (here.identity, here.train_images, here.test_images) == (
        there.identity,
        there.train_images,
        there.test_images,
    )
    assert here.report == there.report


def test_a_folder_is_checked_as_the_tar_that_would_be_sent(tmp_path: Path) -> None:
    for name, content in ODD.items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    file = tmp_path / "pets.tar"
    file.write_bytes(tarred(ODD))
    assert check_dataset(tmp_path / "pets").report == check_dataset(file).report


def test_the_command_prints_the_report_or_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOADS["odd"])
    assert main([str(file)]) == 0
    assert '"unreadable_files"' in capsys.readouterr().out
    file.write_bytes(b"hello")
    assert main([str(file)]) == 1
    assert "is text" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 1
    assert main([]) == 2
