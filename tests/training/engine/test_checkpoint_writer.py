"""Checkpoints stored in a thread, while training goes on."""

import threading
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training.sameness import assert_same
from training.durable import write_durably
from training.engine.checkpoints import CheckpointWriter, load_checkpoint, unpack


def test_a_writer_s_copy_does_not_follow_later_changes() -> None:
    weights, step = torch.ones(16_000_000), torch.tensor(3)
    writer, stored = CheckpointWriter(), list[bytes]()
    writer.save({"weights": weights, "steps": [step]}, stored.append)
    weights.zero_()  # long before 64 MB are packed
    step.add_(1)
    writer.wait()
    assert_same(unpack(stored[0]), {"weights": torch.ones(16_000_000), "steps": [torch.tensor(3)]})


def test_a_writer_stores_in_a_thread_and_says_that_it_is_busy() -> None:
    writer, returned = CheckpointWriter(), threading.Event()
    found: list[tuple[threading.Thread, bool, bytes]] = []

    def store(content: bytes) -> None:
        assert returned.wait(60)  # so save returned before the content was stored
        found.append((threading.current_thread(), writer.busy, content))

    assert not writer.busy
    writer.save({"step": 3}, store)
    assert writer.busy
    returned.set()
    writer.wait()
    assert not writer.busy
    ((thread, busy, content),) = found
    assert thread is not threading.current_thread()
    assert busy
    assert unpack(content) == {"step": 3}


def test_a_writer_is_no_longer_busy_once_all_is_stored_though_nobody_waited() -> None:
    writer = CheckpointWriter()
    writer.save({"step": 3}, lambda _: None)
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join(60)
    assert not writer.busy


def test_one_checkpoint_waits_for_the_one_before() -> None:
    writer, released, order = CheckpointWriter(), threading.Event(), list[object]()

    def store(content: bytes) -> None:
        assert released.wait(60)
        order.append(unpack(content))

    writer.save({"step": 1}, store)
    threading.Timer(0.1, released.set).start()
    writer.save({"step": 2}, store)
    assert order[0] == {"step": 1}
    writer.wait()
    assert order == [{"step": 1}, {"step": 2}]


def test_a_writer_writes_files(tmp_path: Path) -> None:
    writer = CheckpointWriter()
    writer.save({"step": 3}, partial(write_durably, tmp_path / "checkpoint.safetensors"))
    writer.wait()
    assert load_checkpoint(tmp_path / "checkpoint.safetensors") == {"step": 3}


@pytest.mark.parametrize("next_call", ["save", "wait"])
def test_a_failed_store_surfaces_once_at_the_next_call(next_call: str, tmp_path: Path) -> None:
    writer, stored = CheckpointWriter(), list[bytes]()
    writer.save({"step": 1}, partial(write_durably, tmp_path / "nowhere" / "checkpoint"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        writer.wait() if next_call == "wait" else writer.save({"step": 2}, stored.append)
    assert not stored
    writer.wait()
    writer.save({"step": 3}, stored.append)
    writer.wait()
    assert [unpack(content) for content in stored] == [{"step": 3}]


def test_what_is_no_os_error_surfaces_too() -> None:
    writer, stored = CheckpointWriter(), list[bytes]()
    writer.save({"odd": object()}, stored.append)
    with pytest.raises(TypeError, match="odd"):
        writer.wait()
    assert not stored

    def refuse(_: bytes) -> None:
        raise LookupError("nobody listens")

    writer.save({"step": 1}, refuse)
    with pytest.raises(LookupError, match="nobody listens"):
        writer.wait()
