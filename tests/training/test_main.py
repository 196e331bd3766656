"""`python -m training` in a process of its own; test_team has it under torch's launcher."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

SPEC = {"dataset": "digits", "architecture": "resnet20", "epochs": 1, "batch_size": 512, "compile": "off"}


def start(folder: Path, spec: dict[str, Any], *options: str) -> subprocess.Popen[str]:
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    folders = [f"--{name}-dir={folder / name}" for name in ("datasets", "downloads", "cache", "weights")]
    return subprocess.Popen(
        [sys.executable, "-m", "training", str(file), "--threads=1", *folders, *options],
        stdout=subprocess.PIPE,
        text=True,
    )


def lines(process: subprocess.Popen[str]) -> list[tuple[str, dict[str, Any]]]:
    printed, _ = process.communicate(timeout=120)
    return [next(iter(json.loads(line).items())) for line in printed.splitlines()]


def test_a_run_prints_its_facts_steps_and_epochs_and_saves_its_weights(tmp_path: Path) -> None:
    weights = tmp_path / "trained.safetensors"
    process = start(tmp_path, SPEC, "--save-weights", str(weights))
    printed = lines(process)
    assert process.returncode == 0
    assert [kind for kind, _ in printed] == ["facts", "step", "epoch"]
    assert printed[0][1]["parameters"] == 269434
    assert "head.linear.weight" in load_file(weights)


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path) -> None:
    process = start(tmp_path, SPEC | {"starting_weights": "earlier"})
    [(kind, error)] = lines(process)
    assert (process.returncode, kind) == (1, "error")
    assert (error["kind"], error["path"]) == ("SpecConflict", ["starting_weights"])
    assert "earlier" in error["detail"]


def test_sigterm_ends_it_between_two_steps(tmp_path: Path) -> None:
    process = start(tmp_path, SPEC | {"epochs": 1000})
    assert process.stdout
    for line in process.stdout:
        if "step" in json.loads(line):
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
