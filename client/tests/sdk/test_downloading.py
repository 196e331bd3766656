"""Downloads that go on where they broke, and come whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cli.samples import sample
from sdk.answers import Answers, Pieces, problem

from epochal import APIConnectionError, EpochalError, types

WEIGHTS = b"the weights"
TAG = f'"{sha256(WEIGHTS).hexdigest()}"'


def part(content: bytes, tag: str | None = TAG, status: int = 206, *, breaks: bool = False) -> httpx2.Response:
    error = httpx2.ReadError("reset") if breaks else None
    headers = {"ETag": tag} if tag else {}
    return httpx2.Response(status, headers=headers, stream=Pieces(content, error=error))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def test_weights_are_saved(connect: Any, target: Path) -> None:
    answers = Answers(part(WEIGHTS, status=200))
    path = connect(answers).jobs.weights("job_1", target)
    assert (path, path.read_bytes()) == (target, WEIGHTS)
    assert answers.asked() == ["GET /v1/jobs/job_1/weights"]
    assert answers.headers("Accept-Encoding") == ["identity"]
    assert list(target.parent.iterdir()) == [path]


def test_in_a_folder_a_file_has_its_own_name(connect: Any, tmp_path: Path) -> None:
    checkpoint = types.Checkpoint(**sample(types.Checkpoint) | {"download": "/lab/v1/jobs/job_1/checkpoints/c7"})
    answers = Answers(*[part(WEIGHTS, status=200) for _ in range(4)])
    client = connect(answers, url="http://epochal.test/lab")
    saved = [
        client.jobs.weights("job_1", tmp_path),
        client.jobs.download_checkpoint(checkpoint, tmp_path),
        client.models.download("cats@3", tmp_path),
        client.models.download("cats@3", tmp_path, file="model.onnx"),
    ]
    assert [path.name for path in saved] == ["weights", "c7", "cats-3.zip", "model.onnx"]
    assert answers.asked()[1] == "GET /lab/v1/jobs/job_1/checkpoints/c7"


def test_a_download_goes_on_from_where_it_broke_off(connect: Any, target: Path) -> None:
    answers = Answers(
        part(b"the ", status=200, breaks=True), part(b"wei", breaks=True), httpx2.Response(503), part(b"ghts")
    )
    assert connect(answers).jobs.weights("job_1", target).read_bytes() == WEIGHTS
    expected = [(None, None), ("bytes=4-", TAG), ("bytes=7-", TAG), ("bytes=7-", TAG)]
    assert answers.headers("Range", "If-Range") == expected


def test_a_download_begins_anew_where_the_file_is_another(connect: Any, target: Path) -> None:
    new = f'"{sha256(b"new").hexdigest()}"'
    answers = Answers(
        part(b"the old one", '"old"', 200, breaks=True), part(b"n", new, 200, breaks=True), part(b"ew", new)
    )
    assert connect(answers).jobs.weights("job_1", target).read_bytes() == b"new"
    assert answers.headers("If-Range") == [None, '"old"', new]


def test_a_file_without_a_name_for_its_content_comes_from_the_beginning(connect: Any, target: Path) -> None:
    answers = Answers(part(b"the wei", None, 200, breaks=True), part(WEIGHTS, None, 200))
    assert connect(answers).jobs.weights("job_1", target).read_bytes() == WEIGHTS
    assert answers.headers("Range") == [None, None]


@pytest.mark.parametrize("tag", [TAG, None])
def test_a_download_that_gets_no_further_ends(connect: Any, target: Path, tag: str | None, slept: list[float]) -> None:
    first = part(b"the", tag, 200, breaks=True)
    rest = [part(b"" if tag else b"the", tag, 206 if tag else 200, breaks=True) for _ in range(20)]
    answers = Answers(first, *rest)
    with pytest.raises(APIConnectionError):
        connect(answers, max_retries=3).jobs.weights("job_1", target)
    assert len(answers.requests) == 1 + 3  # the first one got somewhere
    assert slept == [0.25, 0.5, 1.0]
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([part(b"half", f'"{"0" * 64}"', 200)], "unexpected_answer"),
        ([part(b"the ", status=200, breaks=True), part(b"other")], "unexpected_answer"),
        ([problem(404, code="weights_not_found")], "weights_not_found"),
        ([part(b"the ", status=200, breaks=True), problem(404, code="weights_not_found")], "weights_not_found"),
        ([httpx2.ReadError("reset")] * 2, "unreachable"),
        ([httpx2.Response(503)] * 2, "http_503"),
    ],
)
def test_weights_that_do_not_come_leave_what_was_there(
    connect: Any, target: Path, answers: list[Any], code: str
) -> None:
    target.write_bytes(b"older")
    with pytest.raises(EpochalError) as caught:
        connect(Answers(*_fresh(answers)), max_retries=1).jobs.weights("job_1", target)
    assert caught.value.code == code
    assert {file: file.read_bytes() for file in target.parent.iterdir()} == {target: b"older"}


def _fresh(answers: list[Any]) -> list[Any]:
    """A stream is read once."""
    return [
        httpx2.Response(each.status_code, headers=each.headers, stream=each.stream)
        if isinstance(each, httpx2.Response) and isinstance(each.stream, Pieces)
        else each
        for each in answers
    ]


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_a_place_that_is_none_is_named_as_it_was_given(connect: Any, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / folder / "weights"
    with pytest.raises(OSError, match=r"No such file|Not a directory") as caught:
        connect(Answers()).jobs.weights("job_1", target)
    assert caught.value.filename == str(target)
