"""How an attempt begins: at the furthest checkpoint that it can go on from, or at the beginning.

It begins anew only where nothing is lost by that which can still be had: the job has no checkpoint, or the bytes of
each are damaged or gone. A run whose data is not what it was goes neither on nor back to the beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from jobs.checkpoints import CheckpointFile
from storage import FileDamaged, Storage, StoredFile
from training.durable import write_durably
from training.engine.checkpoints import AnotherRun, CheckpointInvalid, unpack
from training.engine.data import Dataset, DatasetInvalid, changes, load_dataset
from training.engine.resuming import DatasetChanged, contents_of
from training.engine.team import Team
from training.engine.trainer import Trainer
from training.engine.weights import weights_of_state
from training.metrics import RunFacts
from worker.messages import Loading, Order, Report, Unusable
from worker.saving import PatientReader, store_patiently

Send = Callable[[Report], None]


class DataLost(Exception):
    """The job's data is not what it was, or cannot be used any more. `weights` are those of its furthest `checkpoint`,
    where it has one that can be read and says what its network takes in. Of a team, the one that `leads` says so."""

    def __init__(
        self,
        reason: DatasetInvalid | DatasetChanged,
        checkpoint: CheckpointFile | None = None,
        weights: StoredFile | None = None,
        *,
        leads: bool = True,
    ) -> None:
        super().__init__(str(reason))
        self.reason, self.checkpoint, self.weights, self.leads = reason, checkpoint, weights, leads


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a checkpoint cannot be gone on from. `damaged`: its bytes are not those that were stored, or gone."""

    name: str
    reason: str
    damaged: bool


def begin(order: Order, storage: Storage, device: torch.device, team: Team, send: Send) -> tuple[Trainer, str | None]:
    """A trainer at the furthest checkpoint that can be used, and that checkpoint's name; or at the beginning.

    Raises DataLost; AnotherRun where the run cannot go on here, whichever checkpoint is taken; and OSError where the
    storage does not answer, or has none of the checkpoints.
    """
    reader = PatientReader(storage, send)
    keeper = _Keeper(order, storage, reader, team, device, send)
    dataset = _same_data(order, keeper)
    weights_dir = _starting_weights(order, reader)

    def new_trainer() -> Trainer:
        return Trainer(
            order.spec,
            dataset,
            device,
            team=team,
            cache_dir=order.cache_dir,
            weights_dir=weights_dir,
            already_accepted=order.has_begun,
        )

    trainer = new_trainer()
    if not order.checkpoints:
        return trainer, None
    _require_a_file(order, storage)
    refusals: list[Refusal] = []
    for checkpoint in order.checkpoints:
        try:
            refusal = _load(checkpoint, reader, trainer, send)
        except DatasetChanged as reason:  # in every process of a team, as all have the same data
            raise keeper.keep(reason) from None
        if not team.any_process_says(refusal is not None, device=device)[0]:
            _leave_alone(refusals, send)
            return trainer, checkpoint.file.name
        told = "another process of the team could not load it"
        refusals.append(refusal or Refusal(checkpoint.file.name, told, damaged=True))
        trainer = new_trainer()  # half a checkpoint may be in it
    if whole := [refusal for refusal in refusals if not refusal.damaged]:
        raise AnotherRun(f"{whole[0].name}: {whole[0].reason}")
    _leave_alone(refusals, send)
    return trainer, None


def _leave_alone(refusals: list[Refusal], send: Send) -> None:
    for refusal in refusals:
        send(Unusable(name=refusal.name, reason=refusal.reason))


def _require_a_file(order: Order, storage: Storage) -> None:
    """A storage without any of them is more likely one that is not mounted than one that has lost them all: to begin
    anew would throw away whatever the job has trained."""
    there = set(storage.list_names(order.job_id))
    if not any(checkpoint.file.name in there for checkpoint in order.checkpoints):
        raise FileNotFoundError(f"none of the job's {len(order.checkpoints)} checkpoints is in the storage")


def _load(checkpoint: CheckpointFile, reader: PatientReader, trainer: Trainer, send: Send) -> Refusal | None:
    """None where it is gone on from. Raises AnotherRun, which no other checkpoint of the job mends; OSError where the
    storage does not answer, and whatever says that the device is full."""
    name = checkpoint.file.name
    try:
        content = reader.read(checkpoint.file)
    except (FileNotFoundError, FileDamaged) as error:
        return Refusal(name, str(error), damaged=True)
    try:
        send(Loading(name=name))  # from here on, a crash is the checkpoint's fault
        trainer.load_state_dict(unpack(content, name))
    except (AnotherRun, OSError, MemoryError, torch.OutOfMemoryError):
        raise
    except CheckpointInvalid as error:
        return Refusal(name, str(error), damaged=False)
    except Exception as error:  # whatever a loader trips over, the checkpoint before may be without
        return Refusal(name, f"{type(error).__name__}: {error}".splitlines()[0], damaged=False)
    return None


def _same_data(order: Order, keeper: "_Keeper") -> Dataset:
    """The data, which is the job's own. Raises DataLost, in every process of a team where it does in one."""
    reason: DatasetInvalid | DatasetChanged | None = None
    dataset: Dataset | None = None
    try:
        dataset = _dataset(order)
        _require_same(order, dataset, keeper)
    except (DatasetInvalid, DatasetChanged) as error:
        reason = error
    if keeper.agree(lost=reason is not None):
        raise keeper.keep(reason)
    assert dataset is not None
    return dataset


def _dataset(order: Order) -> Dataset:
    return load_dataset(
        order.spec.dataset,
        image_size=order.spec.image_size,
        resize=order.spec.resize,
        unreadable=order.spec.unreadable_images,
        datasets_dir=order.datasets_dir,
        downloads_dir=order.downloads_dir,
        cache_dir=order.cache_dir,
        largest_image_megapixels=order.largest_image_megapixels,
    )


class _Keeper:
    """Keeps what a job has whose data is lost: the weights of the furthest checkpoint that can be read."""

    def __init__(
        self, order: Order, storage: Storage, reader: PatientReader, team: Team, device: torch.device, send: Send
    ) -> None:
        self._order, self._storage, self._reader = order, storage, reader
        self._team, self._device, self._send = team, device, send

    def agree(self, *, lost: bool) -> bool:
        """Whether any process of the team says so; waits for all."""
        return self._team.any_process_says(lost, device=self._device)[0]

    def keep(self, reason: DatasetInvalid | DatasetChanged | None) -> DataLost:
        """What the process is to end with; `reason` is None where another process has it. The whole team calls this."""
        reason = reason or DatasetChanged(self._order.spec.dataset, "another process of the team has found it changed")
        return self._with_weights(reason) if self._team.rank == 0 else DataLost(reason, leads=False)

    def furthest(self) -> tuple[CheckpointFile, dict[str, Any]] | None:
        """The furthest checkpoint that can be read, as it was saved; None where there is none. Raises OSError where the
        storage does not answer, or has none of the job's checkpoints."""
        if not self._order.checkpoints:
            return None
        _require_a_file(self._order, self._storage)
        return next(filter(None, map(self._read, self._order.checkpoints)), None)

    def _read(self, checkpoint: CheckpointFile) -> tuple[CheckpointFile, dict[str, Any]] | None:
        try:
            return checkpoint, unpack(self._reader.read(checkpoint.file), checkpoint.file.name)
        except (FileNotFoundError, FileDamaged, CheckpointInvalid):
            return None

    def _with_weights(self, reason: DatasetInvalid | DatasetChanged) -> DataLost:
        name = f"{self._order.job_id}/attempt-{self._order.attempt:04}/weights.safetensors"
        try:
            found = self.furthest()
            content = weights_of_state(found[1]) if found else None
            if found is None or content is None:
                return DataLost(reason)
            stored = store_patiently(lambda: self._storage.put(name, content), self._send)
        except OSError:  # what became of the data must be said all the same
            return DataLost(reason)
        return DataLost(reason, found[0], stored)


def _require_same(order: Order, dataset: Dataset, keeper: _Keeper) -> None:
    """Raises DatasetChanged. Where nobody has noted what the job was trained on, since a release before 0.3 began it,
    what its attempts have counted must be the same."""
    if order.dataset_identity is None:
        if order.earlier_facts:
            earlier, now = _counted(order.earlier_facts), _counted_of(dataset)
            changed = [f"it had {earlier[of]:,} {of}, and has {now[of]:,}" for of in now if earlier[of] != now[of]]
            if changed:
                raise DatasetChanged(dataset.name, "; ".join(changed))
    elif order.dataset_identity != dataset.identity:
        found = keeper.furthest()
        before = contents_of(found[1]) if found else None
        what = changes(before, dataset) if before else "the job has no checkpoint that says in what"
        raise DatasetChanged(dataset.name, what)


def _counted(facts: RunFacts) -> dict[str, int]:
    return {
        "classes": facts.classes,
        "images to train on": facts.train_images + facts.validation_images,
        "images to test on": facts.test_images,
        "channels": facts.channels,
        "pixels a side": facts.image_size,
    }


def _counted_of(dataset: Dataset) -> dict[str, int]:
    return {
        "classes": len(dataset.classes),
        "images to train on": len(dataset.train.labels),
        "images to test on": len(dataset.test.labels),
        "channels": dataset.channels,
        "pixels a side": dataset.image_size,
    }


def _starting_weights(order: Order, reader: PatientReader) -> Path:
    """The folder in which the trainer finds them, brought there from the storage."""
    folder = order.cache_dir / "weights"
    if order.starting_weights:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{order.spec.starting_weights}.safetensors", reader.read(order.starting_weights))
    return folder
