"""What is to be trained: flags, a file, and `--set`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.fake import Service
from cli.running import Run


def spec_of(run: Run, service: Service, *argv: str, **how: Any) -> Any:
    told = run("submit", *argv, **how)
    assert told.code == 0, told.error
    return service.sent()["spec"]


def test_flags_are_fields(run: Run, service: Service) -> None:
    told = run(
        *("submit", "-d", "pets@3", "-a", "resnet20", "-e", "3", "-b", "full", "--lr", "1e-3", "--optimizer", "adamw"),
        *("--warmup-epochs", "1", "--flip", "--label-smoothing", "0.1", "--seed", "7", "--weight-decay=0"),
        *("--name", "first", "--tag", "a", "--tag", "b", "--priority", "9", "--accelerator", "gpu", "--repeats", "3"),
    )
    assert told.code == 0, told.error
    assert service.sent() == {
        "name": "first",
        "tags": ["a", "b"],
        "priority": 9,
        "accelerator": "gpu",
        "repeats": 3,
        "spec": {
            "dataset": "pets@3",
            "architecture": {"name": "resnet20"},
            "epochs": 3,
            "batch_size": "full",
            "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0},
            "schedule": {"name": "cosine", "warmup_epochs": 1},
            "augmentation": {"flip": True},
            "regularisation": {"label_smoothing": 0.1},
            "seed": 7,
        },
    }


def test_a_part_that_nothing_names_is_the_default_one_unless_a_recipe_names_it(run: Run, service: Service) -> None:
    spec = spec_of(run, service, "-d", "digits", "--set", "optimizer.learning_rate=0.05")
    assert spec == {"dataset": "digits", "optimizer": {"name": "sgd", "learning_rate": 0.05}}
    spec = spec_of(run, service, "-d", "digits", "--recipe", "strong", "--lr", "0.05")
    assert spec == {"dataset": "digits", "recipe": "strong", "optimizer": {"learning_rate": 0.05}}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("seed=3", {"seed": 3}),
        ("precision=bf16", {"precision": "bf16"}),
        ('dataset="3"', {"dataset": "3"}),
        ("augmentation.crop=null", {"augmentation": {"crop": None}}),
        ("augmentation.crop.padding=4", {"augmentation": {"crop": {"padding": 4}}}),
        ("spec.epochs=2", {"epochs": 2}),
        ("optimizer.betas=[0.9, 0.99]", {"optimizer": {"name": "sgd", "betas": [0.9, 0.99]}}),
        ("schedule.name=one_cycle", {"schedule": {"name": "one_cycle"}}),
        ("starting_weights=cats@production", {"starting_weights": "cats@production"}),
    ],
)
def test_set_takes_a_path_and_json_or_a_word(
    run: Run, service: Service, assignment: str, expected: dict[str, Any]
) -> None:
    assert spec_of(run, service, "-d", "digits", "--set", assignment) == {"dataset": "digits", **expected}


def test_what_is_said_later_wins_and_a_name_becomes_a_part(run: Run, service: Service, home: Path) -> None:
    (home / "job.json").write_text('{"dataset": "digits", "epochs": 9, "optimizer": "adamw", "seed": 1}')
    spec = spec_of(run, service, "-f", "job.json", "--epochs", "5", "--lr", "0.1", "--set", "epochs=2")
    assert spec == {
        "dataset": "digits",
        "epochs": 2,
        "optimizer": {"name": "adamw", "learning_rate": 0.1},
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--set", "epochs"], "--set epochs: expected PATH=VALUE"),
        (["--set", "=3"], "--set =3: expected PATH=VALUE"),
        (["--set", "optimizer..lr=3"], "--set optimizer..lr=3: expected PATH=VALUE"),
        (["--set", "a b=3"], "--set a b=3: expected PATH=VALUE"),
        (["--set", "epochs=.5"], "--set epochs=.5: neither JSON nor a word"),
        (["--set", "epochs=[1"], "--set epochs=[1: neither JSON nor a word"),
        (["--set", "epochs=NaN"], None),
        (["--set", "deterministic=True"], "--set deterministic=True: JSON writes true"),
        (["--epochs", "5", "--set", "epochs.more=1"], "--set epochs.more: epochs is 5 already, which has no fields"),
        (["--set", "dataset.name=x"], "--set dataset.name: dataset is 'digits' already, which has no fields"),
    ],
)
def test_a_wrong_path_or_value_is_named(run: Run, service: Service, argv: list[str], message: str | None) -> None:
    told = run("submit", "-d", "digits", *argv)
    if message is None:  # a word like any other: the service says what is wrong with it
        assert service.sent()["spec"]["epochs"] == "NaN"
        return
    assert (told.code, told.error.splitlines()[0]) == (2, f"epochal: error: {message}")
    assert service.requests == []


TRAINING = {"dataset": "digits", "optimizer": {"name": "sgd", "learning_rate": 0.001}}
JOB = {"name": "from a file", "tags": ["lab"], "spec": TRAINING}
YAML = """
name: from a file
tags: [lab]
spec:
  dataset: digits
  optimizer: {name: sgd, learning_rate: 1e-3}
"""
TOML = """
name = "from a file"
tags = ["lab"]
[spec]
dataset = "digits"
optimizer = {name = "sgd", learning_rate = 1e-3}
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("job.json", json.dumps(JOB)),
        ("job", json.dumps(JOB)),
        ("job.yml", YAML),
        ("job.toml", TOML),
        ("-", json.dumps(JOB)),
        ("-", YAML),
    ],
)
def test_a_job_in_a_file(run: Run, service: Service, home: Path, file: str, text: str) -> None:
    if file.endswith(".toml") and sys.version_info < (3, 11):
        pytest.skip("TOML is read by the standard library of Python 3.11")
    (home / file).write_text(text)
    assert run("submit", "-f", file, typed=text).code == 0
    assert service.sent() == JOB


def test_yaml_is_that_of_1_2(run: Run, service: Service, home: Path) -> None:
    """By the rules of 1.1, these would be a string, false, 90, 8, a date, and the sixth a string."""
    (home / "job.yaml").write_text(
        "{dataset: digits, a: 1e-3, b: no, c: 1:30, d: 010, e: 2026-11-30, f: 5e1, g: true, h: ~, i: .5, j: yes, k: -1}"
    )
    expected = {"a": 0.001, "b": "no", "c": "1:30", "d": 10, "e": "2026-11-30", "f": 50.0, "g": True, "h": None}
    assert spec_of(run, service, "-f", "job.yaml") == {"dataset": "digits", **expected, "i": 0.5, "j": "yes", "k": -1}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("job.json", "{", "job.json: line 1, column 2: not JSON"),
        ("job.json", '{"dataset": "a", "dataset": "b"}', "job.json: 'dataset' comes twice"),
        ("job.json", '{"dataset": NaN}', "job.json: NaN is not JSON"),
        ("job.json", "[" * 100_000, "job.json: nested too deeply"),
        ("job.yaml", "dataset: a\ndataset: b\n", "job.yaml: line 1: 'dataset' comes twice"),
        ("job.yaml", "a: [1\nb: 2", "job.yaml: line 2, column 2: not YAML"),
        ("job.yaml", "1: 2", "job.yaml: line 1: 1 is no name of a field"),
        ("job.yaml", "a: !!python/object/apply:os.system [ls]", "job.yaml: line 1, column 4: not YAML"),
        ("job.yaml", "- dataset", "job.yaml: a mapping is expected"),
        ("job.yaml", "", "job.yaml: a mapping is expected"),
        ("job.yaml", "x" * (1 << 20) + "y", "job.yaml: more than 1024 KiB cannot be a spec"),
        ("job.toml", "a = ", "job.toml: "),
        ("job.json", '{"spec": 3}', "job.json: spec: a mapping is expected"),
        ("job.json", '{"spec": {"dataset": "digits"}, "nmae": "x"}', "job.json: a job has no 'nmae'"),
        ("job.json", '{"epochs": 3}', "which data set?"),
    ],
)
def test_a_file_that_is_no_job(run: Run, service: Service, home: Path, file: str, text: str, message: str) -> None:
    (home / file).write_text(text)
    told = run("submit", "-f", file)
    assert told.code == 2
    assert told.error.splitlines()[0].startswith(f"epochal: error: {message}")
    assert service.requests == []


def test_a_terminal_is_not_waited_on_for_a_file(run: Run) -> None:
    told = run("submit", "-f", "-", terminal=True)
    assert (told.code, told.error) == (2, "epochal: error: nothing is piped into the standard input\n")


def test_a_rerun_sends_the_changes_alone(run: Run, service: Service) -> None:
    told = run("rerun", "baseline", "--lr", "0.05", "--set", "augmentation.flip=null", "--name", "slower")
    assert told.code == 0
    assert service.sent() == {
        "name": "slower",
        "spec": {"optimizer": {"learning_rate": 0.05}, "augmentation": {"flip": None}},
    }
    assert run("rerun", "baseline").code == 0
    assert service.sent() == {}


def test_a_dry_run_submits_nothing(run: Run, service: Service) -> None:
    told = run("submit", "-d", "digits", "--dry-run", "--output", "table")
    assert (told.code, len(service.jobs)) == (0, 2)
    assert "Nothing was submitted" in told.out
    assert "digits" in told.out
