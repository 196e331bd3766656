"""What the audit's program says of files that are there, and of files that are not."""

from pathlib import Path

import numpy as np
import pytest

from storage import Storage
from tests.worker.audit.test_judging import FOLDS, features_of, index_of, predicted
from worker.audit.__main__ import carry_out
from worker.audit.messages import AuditOrder, Judged
from worker.validation.messages import Rejected
from worker.validation.versions import features_to


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


@pytest.fixture
def order(storage: Storage) -> AuditOrder:
    index = index_of(np.arange(90, dtype=np.int32) % 3, (np.arange(90) % 5 == 0).astype(np.uint8))
    parts = predicted(index, index.labels)
    return AuditOrder(
        task_id="task_1",
        storage_url=storage.url,
        storage_id=None,
        index=storage.put("datasets/index.npz", index.to_bytes()),
        features=storage.put("datasets/features.npy", features_to(features_of(90))),
        predictions=tuple(
            storage.put(f"job_{number}/predictions.safetensors", part.to_bytes()) for number, part in enumerate(parts)
        ),
    )


def test_the_files_of_a_version_and_of_its_jobs_are_judged(storage: Storage, order: AuditOrder) -> None:
    found = carry_out(order, storage)
    assert isinstance(found, Judged)
    assert (found.summary["images"], found.summary["suspects"], found.suspects) == (90, 0, [])


def test_a_file_that_is_gone_or_damaged_is_told(storage: Storage, order: AuditOrder) -> None:
    storage.delete([order.predictions[1].name])
    gone = carry_out(order, storage)
    assert isinstance(gone, Rejected)
    assert (gone.code, gone.retryable) == ("dataset_invalid", False)
    storage.put(order.predictions[1].name, b"something else")
    damaged = carry_out(order, storage)
    assert isinstance(damaged, Rejected)
    assert damaged.message.startswith("A file of it is gone or damaged")


def test_jobs_that_are_gone_are_told(storage: Storage, order: AuditOrder) -> None:
    fewer = order.model_copy(update={"predictions": order.predictions[: FOLDS - 1]})
    found = carry_out(fewer, storage)
    assert isinstance(found, Rejected)
    assert "do not cover every image" in found.message


def test_a_storage_that_does_not_answer_is_asked_again(
    storage: Storage, order: AuditOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_storage: Storage, _file: object) -> bytes:
        raise OSError("it does not answer")

    monkeypatch.setattr(Storage, "read_verified", away)
    found = carry_out(order, storage)
    assert isinstance(found, Rejected)
    assert found.retryable
