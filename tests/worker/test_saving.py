"""A run's results are stored whole, or not at all."""

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from storage import Storage
from training.engine.progress import Progress
from training.engine.trainer import Trainer
from worker.messages import Command, Order
from worker.saving import Saver


@pytest.fixture
def saver(tmp_path: Path) -> Saver:
    run = SimpleNamespace(
        team=SimpleNamespace(rank=0),
        progress=Progress(),
        packed_weights=lambda: b"last",
        packed_best_weights=lambda: b"best",
    )
    order = SimpleNamespace(job_id="job_1", attempt=1, spec=SimpleNamespace(checkpoints=None))
    return Saver(cast("Order", order), Storage(f"file://{tmp_path}"), cast("Trainer", run), lambda _report: None)


def test_weights_are_no_result_without_the_best_ones(saver: Saver) -> None:
    for before in ([], [None]):
        commands: Iterator[Command | None] = chain(before, repeat(Command.QUIT))
        assert saver.store_weights_and_best(commands.__next__) is None
    stored = saver.store_weights_and_best(lambda: None)
    assert stored
    assert [file.name for file in stored if file] == [
        "job_1/attempt-0001/weights.safetensors",
        "job_1/attempt-0001/best.safetensors",
    ]
