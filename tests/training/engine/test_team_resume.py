"""A team that goes on from what its first process saved in the middle of an epoch ends as one that was not stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.training.samples import spec

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, os, sys
from hashlib import sha256
from pathlib import Path
import torch
from torch import distributed
from tests.training.samples import TIMED, digits
from training.engine.checkpoints import load_checkpoint, save_checkpoint
from training.metrics import EpochMetrics
from training.engine.progress import SavePoint
from training.spec import TrainingSpec
from training.engine.team import Team
from training.engine.trainer import Trainer

torch.set_num_threads(1)
part, checkpoint = sys.argv[1], Path(sys.argv[2])
team = Team.from_launcher()
spec = TrainingSpec.model_validate_json(sys.argv[3])


def fresh():
    return Trainer(spec, digits(120), team=team)


def told_to_the_second(*steps):
    def told():
        questions.append(None)
        return team.rank == 1 and len(questions) - 1 in steps
    questions = []
    return told


def followed(run, **told):
    seen = {"epochs": [], "save_points": [], "whole": []}
    for measured in run.epochs(**told):
        if isinstance(measured, EpochMetrics):
            seen["epochs"].append(measured.model_dump(exclude=TIMED))
        if isinstance(measured, SavePoint):
            seen["save_points"].append([measured.epoch, measured.step])
            seen["whole"].append(run.state_dict()["totals"].tolist())
    return seen


def ended(run):
    return {**followed(run), "weights": sha256(run.packed_weights()).hexdigest()}


if part == "stopped":
    found = {"unbroken": ended(fresh())}
    run = fresh()
    found |= followed(run, should_stop=told_to_the_second(7), should_save=told_to_the_second(2, 4))
    found["stopped_at"] = [run.progress.epoch, run.progress.step]
    state = run.state_dict()
    if team.rank == 0:
        save_checkpoint(state, checkpoint)
else:
    run = fresh()
    run.load_state_dict(load_checkpoint(checkpoint))
    found = ended(run)
checkpoint.with_suffix(f".{part}.{team.rank}").write_text(json.dumps(found))
distributed.destroy_process_group()
os._exit(0)  # a thread of gloo's may still have to let go of the last sum
"""


def launched(part: str, folder: Path) -> list[dict[str, Any]]:
    """What each of two processes has found."""
    asked = spec(
        epochs=3,
        batch_size=32,  # four steps, the last of 24 images
        logging_interval=2,
        devices=2,
        deterministic=True,
        architecture={"name": "resnet20", "dropout": 0.2},
        augmentation={"mixup": {}},
        optimizer={"name": "adamw", "learning_rate": 0.01},
        schedule={"name": "plateau", "watch": "train_loss", "patience": 0, "threshold": 0.05},
        regularisation={"ema": {"decay": 0.9}},
    )
    program = folder / "program.py"
    program.write_text(PROGRAM)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    command = [sys.executable, *launcher, part, str(folder / "checkpoint"), asked.model_dump_json()]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"checkpoint.{part}.{rank}").read_text()) for rank in (0, 1)]


def test_a_team_goes_on_from_the_middle_of_an_epoch_as_if_nothing_had_been(tmp_path: Path) -> None:
    first, second = launched("stopped", tmp_path)
    # Asked at each step and, whether to stop, in each evaluation; heard at every second step. What one is told, all do.
    for found in (first, second):
        assert found["save_points"] == [[0, 2], [1, 0]]
        assert found["stopped_at"] == [1, 2]
    assert first["whole"] == second["whole"]
    (one, other), empty = first["whole"]
    assert one != other
    assert all(sums[0] > 0 for sums in (one, other)), "each has a share of the loss"
    assert empty[0][:2] == empty[1][:2] == [0, 0]

    unbroken = first["unbroken"]
    for found in launched("resumed", tmp_path):
        assert first["epochs"] + found["epochs"] == unbroken["epochs"]
        assert found["weights"] == unbroken["weights"] == second["unbroken"]["weights"]
