"""Several processes that train one network compute what one would."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.samples import digits, spec
from training.batches import Batches
from training.spec import TrainingSpec
from training.team import Team

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("micro_batch_size", [None, 24])
@pytest.mark.parametrize("placement", ["resident", "streamed"])
def test_together_they_see_the_images_that_one_would(size: int, micro_batch_size: int | None, placement: str) -> None:
    augmentation = {"crop": {}, "policy": "trivialaugment", "mixup": {}, "cutmix": {}}
    asked = spec(batch_size=48, micro_batch_size=micro_batch_size, augmentation=augmentation, placement=placement)
    data = digits(150)
    alone = Batches(asked, data, CPU, Team())
    members = [Batches(asked, data, CPU, Team(rank, size)) for rank in range(size)]
    for epoch in (0, 1):
        for whole, *shares in zip(alone.epoch(epoch), *(member.epoch(epoch) for member in members), strict=True):
            for part, *parts in zip(whole(), *(share() for share in shares), strict=True):
                for name in ("images", "labels", "other_labels", "shares"):
                    together = torch.cat([getattr(examples, name) for examples in parts])
                    assert together.equal(getattr(part, name)), name


def test_shares_begin_at_even_distances_and_leave_nothing_out() -> None:
    for first, end in ((0, 10), (3, 10), (5, 128), (0, 7)):
        for size in (1, 2, 3, 5):
            shares = [Team(rank, size).share(first, end) for rank in range(size)]
            assert shares[0][0] == first
            assert shares[-1][1] == end
            assert all(before[1] == after[0] for before, after in pairwise(shares))
            assert all((start - first) % 2 == 0 for start, _ in shares)


def trained(body: dict[str, Any], folder: Path, processes: int) -> list[dict[str, Any]]:
    """Every line that a run by `processes` processes prints."""
    file = folder / f"{processes}.json"
    file.write_text(TrainingSpec.model_validate({**body, "devices": processes}).model_dump_json())
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    )
    command = [sys.executable, *launcher, "-m", "training", str(file), "--threads", "1", "--cache-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_two_processes_lose_what_one_loses(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": 2,
        "logging_interval": 3,
        "batch_size": 150,  # the last batch of 87 is shared unevenly
        "precision": "fp32",
        "optimizer": {"name": "nesterov", "learning_rate": 0.002},  # rounding grows fast with it
        "augmentation": {"crop": {"padding": 1}, "mixup": {}},
        "regularisation": {"ema": {"decay": 0.9}},
        "validation_fraction": 0.2,
    }
    one, two = (trained(body, tmp_path, processes) for processes in (1, 2))
    assert [line["facts"]["devices"] for line in (one[0], two[0])] == [1, 2]
    assert [set(line) for line in one] == [set(line) for line in two]
    for kind, names in (
        ("step", ["loss"]),
        ("epoch", ["train_loss", "test_loss", "validation_loss"]),
    ):
        pairs = [(ours[kind], theirs[kind]) for ours, theirs in zip(one, two, strict=True) if kind in ours]
        assert len(pairs) >= 2
        for ours, theirs in pairs:
            for name in names:
                assert theirs[name] == pytest.approx(ours[name], rel=1e-3), (kind, name)
            if kind == "epoch":  # an image or two lie just between two classes
                assert theirs["train_accuracy"] == pytest.approx(ours["train_accuracy"], abs=4 / 1150)
