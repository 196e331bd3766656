"""How an attempt begins: at the furthest checkpoint that it can go on from, or at the beginning.

An attempt begins anew only if that loses nothing: the job has no checkpoint, or the files of all are damaged or gone.
If the data set is not the one that the job has trained on, the attempt neither goes on nor begins anew: it fails.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from jobs.checkpoints import CheckpointFile
from jobs.network_input import NetworkInput
from storage import FileDamaged, Storage, StoredFile
from training.durable import write_durably
from training.engine.checkpoints import AnotherRun, CheckpointInvalid, unpack
from training.engine.data import Dataset, DatasetInvalid, changes
from training.engine.resuming import DatasetChanged, contents_of
from training.engine.team import Team
from training.engine.trainer import Trainer
from training.engine.weights import weights_of_state
from training.metrics import RunFacts
from worker.dataset_files import load_images
from worker.messages import Loading, Order, Report, Unusable
from worker.saving import RetryingReader, store_with_retries

Send = Callable[[Report], None]


class DataLost(Exception):
    """The job's data has changed, or cannot be used any more.

    `weights` are made from the furthest `checkpoint` that can be read and says what its network takes in; None where
    there is none. In a team, only the process that `leads` reports it.
    """

    def __init__(
        self,
        reason: DatasetInvalid | DatasetChanged,
        checkpoint: CheckpointFile | None = None,
        weights: StoredFile | None = None,
        *,
        network_input: NetworkInput | None = None,
        leads: bool = True,
    ) -> None:
        super().__init__(str(reason))
        self.reason, self.checkpoint, self.weights, self.leads = reason, checkpoint, weights, leads
        self.network_input = network_input


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the run cannot go on from a checkpoint. `damaged`: its file is missing, or is not what was stored."""

    name: str
    reason: str
    damaged: bool


def begin(order: Order, storage: Storage, device: torch.device, team: Team, send: Send) -> tuple[Trainer, str | None]:
    """A trainer at the furthest checkpoint that can be used, and that checkpoint's name; or at the beginning.

    Raises DataLost; AnotherRun where the run cannot go on here, whichever checkpoint is taken; and OSError where the
    storage does not answer, or has none of the checkpoints.
    """
    reader = RetryingReader(storage, send)
    keeper = _WeightsKeeper(order, storage, reader, team, device, send)
    dataset = _same_data(order, storage, reader, keeper)
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
    try:
        return _at_furthest(order, reader, team, device, send, trainer, new_trainer)
    except DatasetChanged as reason:  # in every process of a team, as all have the same data
        raise keeper.keep(reason) from None


def _at_furthest(
    order: Order,
    reader: RetryingReader,
    team: Team,
    device: torch.device,
    send: Send,
    trainer: Trainer,
    new_trainer: Callable[[], Trainer],
) -> tuple[Trainer, str | None]:
    """A trainer at the first of the order's checkpoints that every process of the team can load, and its name. At the
    beginning, and None, where the file of each is damaged. Raises AnotherRun where a file that is whole does not load.
    """
    refusals: list[Refusal] = []
    for checkpoint in order.checkpoints:
        refusal = _load(checkpoint, reader, trainer, send)
        if not team.any_process_says(refusal is not None, device=device)[0]:
            _report_unusable(refusals, send)
            return trainer, checkpoint.file.name
        told = "another process of the team could not load it"
        refusals.append(refusal or Refusal(checkpoint.file.name, told, damaged=True))
        trainer = new_trainer()  # the last one may have loaded half a checkpoint
    if whole := [refusal for refusal in refusals if not refusal.damaged]:
        raise AnotherRun(f"{whole[0].name}: {whole[0].reason}")
    _report_unusable(refusals, send)
    return trainer, None


def _report_unusable(refusals: list[Refusal], send: Send) -> None:
    for refusal in refusals:
        send(Unusable(name=refusal.name, reason=refusal.reason))


def _require_a_file(order: Order, storage: Storage) -> None:
    """Raises FileNotFoundError where the storage has none of the job's checkpoints. Then it is more likely not mounted
    than empty, and to begin anew would throw away what the job has trained."""
    there = set(storage.list_names(order.job_id))
    if not any(checkpoint.file.name in there for checkpoint in order.checkpoints):
        raise FileNotFoundError(f"none of the job's {len(order.checkpoints)} checkpoints is in the storage")


def _load(checkpoint: CheckpointFile, reader: RetryingReader, trainer: Trainer, send: Send) -> Refusal | None:
    """Load a checkpoint into `trainer`; None where that succeeds. Raises AnotherRun, which holds for every checkpoint
    of the job; OSError where the storage does not answer; and errors that say that the device's memory is full."""
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
    except Exception as error:  # whatever fails here, the checkpoint before may load
        return Refusal(name, f"{type(error).__name__}: {error}".splitlines()[0], damaged=False)
    return None


def _same_data(order: Order, storage: Storage, reader: RetryingReader, keeper: "_WeightsKeeper") -> Dataset:
    """The data, which is the job's own. Raises DataLost, in every process of a team where it does in one."""
    reason: DatasetInvalid | DatasetChanged | None = None
    dataset: Dataset | None = None
    try:
        dataset = load_images(order.images, storage, reader)
        _require_same(order, dataset, keeper)
    except (DatasetInvalid, DatasetChanged) as error:
        reason = error
    if keeper.agree(lost=reason is not None):
        raise keeper.keep(reason)
    assert dataset is not None
    return dataset


class _WeightsKeeper:
    """For a job whose data is lost: stores the weights of the furthest checkpoint that can be read."""

    def __init__(
        self, order: Order, storage: Storage, reader: RetryingReader, team: Team, device: torch.device, send: Send
    ) -> None:
        self._order, self._storage, self._reader = order, storage, reader
        self._team, self._device, self._send = team, device, send

    def agree(self, *, lost: bool) -> bool:
        """Whether the data is lost in any process of the team. Waits for all of them."""
        return self._team.any_process_says(lost, device=self._device)[0]

    def keep(self, reason: DatasetInvalid | DatasetChanged | None) -> DataLost:
        """The exception to end with. `reason` is None where another process found it. Every process must call this."""
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
            stored = store_with_retries(lambda: self._storage.put(name, content), self._send)
        except OSError:  # the job must fail with the reason all the same
            return DataLost(reason)
        return DataLost(reason, found[0], stored, network_input=NetworkInput.of(found[1]["inputs"]))


def _require_same(order: Order, dataset: Dataset, keeper: _WeightsKeeper) -> None:
    """Raises DatasetChanged. A job that a release before 0.3 began has no identity of its data: then the counts that
    its attempts have noted must be the same."""
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


def _starting_weights(order: Order, reader: RetryingReader) -> Path:
    """Copy the starting weights from the storage into a folder for the trainer. The folder."""
    folder = order.cache_dir / "weights"
    if order.starting_weights:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{order.spec.starting_weights}.safetensors", reader.read(order.starting_weights))
    return folder
