"""Checkpoints written in a thread, while training goes on."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.sameness import assert_same
from training.checkpoints import CheckpointWriter, load_checkpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


def test_a_writer_s_copy_does_not_follow_later_changes(path: Path) -> None:
    weights, step = torch.ones(16_000_000), torch.tensor(3)
    writer = CheckpointWriter()
    writer.save({"weights": weights, "steps": [step]}, path)
    weights.zero_()  # long before 64 MB are written
    step.add_(1)
    writer.wait()
    assert_same(load_checkpoint(path), {"weights": torch.ones(16_000_000), "steps": [torch.tensor(3)]})


def test_a_writer_writes_in_a_thread_and_says_when_the_file_is_there(path: Path) -> None:
    writer = CheckpointWriter()
    found: list[tuple[threading.Thread, dict[str, Any]]] = []
    returned = threading.Event()

    def written(path: Path) -> None:
        assert returned.wait(60)  # so save returned before the write was over
        found.append((threading.current_thread(), load_checkpoint(path)))

    writer.save({"step": 3}, path, written)
    returned.set()
    writer.wait()
    ((thread, state),) = found
    assert thread is not threading.current_thread()
    assert state == {"step": 3}


def test_one_write_waits_for_the_one_before(path: Path) -> None:
    writer = CheckpointWriter()
    released, order = threading.Event(), []

    def written(_: Path) -> None:
        assert released.wait(60)
        order.append("first written")

    writer.save({"step": 1}, path, written)
    threading.Timer(0.1, released.set).start()
    writer.save({"step": 2}, path, lambda _: order.append("second written"))
    assert order[0] == "first written"
    writer.wait()
    assert order == ["first written", "second written"]
    assert load_checkpoint(path) == {"step": 2}


@pytest.mark.parametrize("next_call", ["save", "wait"])
def test_a_failed_write_surfaces_once_at_the_next_call(next_call: str, path: Path) -> None:
    writer = CheckpointWriter()
    called: list[Path] = []
    writer.save({"step": 1}, path.parent / "nowhere" / "checkpoint", called.append)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        writer.wait() if next_call == "wait" else writer.save({"step": 2}, path)
    assert not called
    assert not path.exists()
    writer.wait()
    writer.save({"step": 3}, path, called.append)
    writer.wait()
    assert called == [path]


def test_what_is_no_os_error_surfaces_too(path: Path) -> None:
    writer = CheckpointWriter()
    writer.save({"odd": object()}, path)
    with pytest.raises(TypeError, match="odd"):
        writer.wait()

    def refuse(_: Path) -> None:
        raise LookupError("nobody listens")

    writer.save({"step": 1}, path, refuse)
    with pytest.raises(LookupError, match="nobody listens"):
        writer.wait()
