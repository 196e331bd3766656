"""Whatever goes wrong: a line and a hint on the standard error, the right exit code, and never a traceback."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cli.fake import Service, job_id, problem
from cli.running import Result, Run
from cli.samples import sample

from epochal import types

JOB = job_id(1)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (404, 2), (409, 2), (412, 2), (413, 2), (422, 2), (401, 3), (403, 3), (418, 3), (501, 3), (507, 3)],
)
def test_the_exit_code_says_whether_the_command_or_the_service_is_wrong(
    run: Run, service: Service, status: int, code: int
) -> None:
    service.answers = [problem(status, "some_code", "So it is.", hint="Do this.")]
    told = run("show", JOB)
    assert (told.code, told.out) == (code, "")
    request = ", request req_1" if code == 3 else ""
    assert told.error == f"epochal: error: So it is. (some_code{request})\nhint: Do this.\n"


def test_one_wrong_field_is_one_line_that_names_its_path(run: Run, service: Service) -> None:
    parts = [{"pointer": "#/spec/optimizer/learning_rate", "detail": "should be more than 0"}]
    service.answers = [problem(422, "invalid_request", "The request is not valid.", errors=parts)]
    told = run("submit", "-d", "digits", "--lr", "-1")
    assert told.error == "epochal: error: spec.optimizer.learning_rate: should be more than 0 (invalid_request)\n"
    parts.append({"pointer": "#/spec/epochs", "detail": "should be at least 1"})
    service.answers = [problem(422, "invalid_request", "The request is not valid.", errors=parts)]
    told = run("submit", "-d", "digits", "--lr", "-1", "--epochs", "0")
    assert told.error.splitlines() == [
        "epochal: error: The request is not valid. (invalid_request)",
        "  spec.optimizer.learning_rate: should be more than 0",
        "  spec.epochs: should be at least 1",
    ]


def test_nobody_answers(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    service.answers = [httpx2.ConnectError("refused")] * 9
    told = run("ls")
    assert told.code == 3
    assert told.error.splitlines()[0] == "epochal: error: No answer from http://service.test: refused"
    assert "epochal login" in told.error.splitlines()[1]


def test_what_answers_is_something_else(run: Run, service: Service) -> None:
    service.answers = [httpx2.Response(200, content=b"<html>")]
    assert run("ls").code == 3
    service.answers = [httpx2.Response(200, json={"data": [{"id": 3}], "has_more": False})]
    told = run("ls")
    assert (told.code, told.error.count("\n")) == (3, 1)


class Breaking:
    """A standard output that cannot be written."""

    encoding = "utf-8"

    def __init__(self, reason: int) -> None:
        self.reason = reason

    def isatty(self) -> bool:
        return False

    def write(self, _text: str) -> int:
        raise OSError(self.reason, "reason")

    def flush(self) -> None:
        raise OSError(self.reason, "reason")

    def fileno(self) -> int:
        raise OSError(self.reason, "reason")


@pytest.mark.parametrize(("reason", "code"), [(errno.EPIPE, 0), (errno.ENOSPC, 2)])
def test_an_output_that_breaks(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, reason: int, code: int
) -> None:
    said: list[str] = []
    monkeypatch.setattr("epochal.cli.failures.say", said.append)
    assert broken(service, monkeypatch, reason, "ls") == code
    assert broken(service, monkeypatch, reason, "--help") == code
    assert said == ([] if code == 0 else ["epochal: error: reason"] * 2)


def broken(service: Service, monkeypatch: pytest.MonkeyPatch, reason: int, *argv: str) -> int:
    from epochal.cli import main

    monkeypatch.setattr("sys.stdout", Breaking(reason))
    return main(list(argv), transport=service.transport())


def test_a_closed_output_is_no_error(service: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from epochal.cli import main

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)
    assert main(["ls"], transport=service.transport()) == 0
    assert main(["show", "nothing"], transport=service.transport()) == 2
    for stream in (sys.stdout, sys.stderr):
        stream.close()


def test_a_fault_of_this_program_keeps_its_traceback_in_a_private_file(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("epochal.cli.answers.rows", fail)
    told = run("ls")
    file = home / ".local/state/epochal/last-error.txt"
    assert told.code == 3
    assert told.error.splitlines() == [
        "epochal: error: a fault of epochal itself: RuntimeError",
        f"hint: What was going on stands in {file}: please report it.",
    ]
    assert "RuntimeError: secret" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_interrupted(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert interrupted(run, monkeypatch, "ls") == Result(130, "", "")
    told = interrupted(run, monkeypatch, "submit", "-d", "digits")
    assert (told.code, told.out) == (130, "")
    assert "`epochal ls` says whether there is a job" in told.error
    told = interrupted(run, monkeypatch, "experiments", "run", "batch_size")
    assert (told.code, told.out) == (130, "")
    assert "`epochal sweeps` says whether it has begun" in told.error


def interrupted(run: Run, monkeypatch: pytest.MonkeyPatch, *argv: str) -> Result:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("epochal.cli.answers.one", interrupt)
        patch.setattr("epochal.cli.answers.rows", interrupt)
        return run(*argv)


def test_files_that_cannot_be_read_or_written(run: Run, home: Path) -> None:
    (home / "folder").mkdir()
    (home / "binary.json").write_bytes(b"\xff\xfe{}")
    for argv, said in {
        ("submit", "-f", "nothing.json"): "nothing.json: No such file or directory",
        ("submit", "-f", "folder"): "folder: Is a directory",
        ("submit", "-f", "binary.json"): "binary.json: not UTF-8 text",
        ("plot", "baseline", "--output", "nowhere/curves.svg"): "nowhere/curves.svg: No such file or directory",
        ("models", "predict", "m", "nothing.png"): "nothing.png: No such file or directory",
        ("models", "download", "m", "nowhere/model.zip"): "nowhere/model.zip: No such file or directory",
    }.items():
        told = run(*argv)
        assert (told.code, told.out, told.error.count("\n")) == (2, "", 1), told.error
        assert told.error.startswith(f"epochal: error: {said}")


def test_arguments_that_are_no_text(run: Run, service: Service) -> None:
    """As Python has bytes that are not UTF-8."""
    for argv in (["submit", "-d", "digits", "--name", "\udcff"], ["ls", "--name", "\udcff"], ["show", "\udcff"]):
        told = run(*argv)
        assert (told.code, told.out) == (2, ""), told.error
        assert told.error.startswith("epochal: error: ")
        assert "fault" not in told.error


def test_nothing_is_deleted_without_a_word(run: Run, service: Service) -> None:
    for argv in (["rm", "baseline"], ["datasets", "rm", "pets"], ["models", "rm", "mdl_1"], ["sweeps", "rm", "swp_1"]):
        told = run(*argv)
        assert (told.code, told.error.splitlines()[1]) == (2, "hint: Say --yes.")
        told = run(*argv, terminal=True, typed="n\n")
        assert (told.code, told.error.splitlines()[-1]) == (
            2,
            "epochal: error: nothing was deleted",
        ) or "[y/N]" in told.error
        assert not [request for request in service.requests if request.method == "DELETE"]
        assert run(*argv, terminal=True, typed="y\n").code == 0
        assert service.requests[-1].method == "DELETE"
        service.requests.clear()


def test_a_data_set_that_is_not_there_is_a_wrong_command(
    run: Run, service: Service, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 is for one that is looked through, and cannot be one."""
    (home / "text").write_text("no image")
    for path, code in {"nothing": 2, "/dev/null": 2, "text": 1}.items():
        service.answers = [httpx2.Response(200, json={"data": [], "has_more": False})]
        assert run("datasets", "upload", "pets", path).code == code


def test_a_picture_that_is_none_beside_one_that_is(run: Run, home: Path, service: Service) -> None:
    labels = [{"label": "cat", "probability": 0.9}]
    good, bad = {"labels": labels, "error": None}, {"labels": [], "error": "it is text and no image"}
    for name in ("a.png", "b.txt"):
        (home / name).touch()
    answer = sample(types.PredictionAnswer, predictions=[{"activation_map": None, **each} for each in (good, bad)])
    service.answers = [httpx2.Response(200, json=sample(types.TrainedModel)), httpx2.Response(200, json=answer)]
    told = run("models", "predict", "mdl_1", "a.png", "b.txt", "--output", "table")
    assert (told.code, told.error) == (2, "")
    assert "cat" in told.out
    assert "it is text and no image" in told.out
