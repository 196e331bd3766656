"""A run's files: checkpoints while it trains, weights at its end.

Checkpoints are stored in a thread, and a storage that does not take one does not end the run: the one before still
stands. Weights are what the run was for, so that a storage that is full or away is waited for.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jobs.checkpoints import CheckpointFile
from storage import Storage, StoredFile
from training.engine.checkpoints import CheckpointWriter
from training.engine.progress import Progress
from training.engine.trainer import Trainer
from training.grace_periods import STORE_SECONDS, grace_period
from worker.messages import Alive, CheckpointStored, Order, Report, Trouble, Word

Done = TypeVar("Done")

# So long, and so often, a storage is asked again that does not answer, or has no room.
PATIENCE_SECONDS = 600.0
AGAIN_SECONDS = 2.0


class PatientReader:
    """Reads files of a storage that may be away for a while: to fall back, or to fail, for that would cost what the
    files have saved."""

    def __init__(self, storage: Storage, send: Callable[[Report], None]) -> None:
        self._storage = storage
        self._send = send

    def read(self, file: StoredFile) -> bytes:
        """As it was put. Raises FileNotFoundError, FileDamaged, and OSError where the storage is away for too long."""
        return _patiently(lambda: self._storage.read_verified(file), f"{file.name} cannot be read yet", self._send)


class Saver:
    """Saves one run, as the first of a team, or alone; in the others it only takes part in gathering the state."""

    def __init__(self, order: Order, storage: Storage, trainer: Trainer, send: Callable[[Report], None]) -> None:
        self._folder = f"{order.job_id}/attempt-{order.attempt:04}"
        self._rules = order.spec.checkpoints
        self._storage = storage
        self._trainer = trainer
        self._send = send
        self._leads = trainer.team.rank == 0
        self._writer = CheckpointWriter()
        self._saved_at = time.monotonic()
        self._saved: tuple[int, int] | None = _position(trainer.progress)  # what it began with needs no saving
        self._failing = False

    def is_due(self) -> bool:
        """Whether it is time to save in the middle of an epoch. Of a team, the first decides."""
        minutes = self._rules.minutes
        return (
            self._leads
            and minutes is not None
            and time.monotonic() - self._saved_at >= 60 * minutes
            and not self._writer.busy
        )

    def after_epoch(self) -> None:
        """Save if it is the turn of the epoch that has just been finished."""
        if self._trainer.progress.epoch % self._rules.interval == 0:
            self.save()

    def save(self) -> None:
        """Save what is there now, unless the checkpoint before is still on its way: training does not wait. The whole
        team calls this at once."""
        state = self._trainer.state_dict()
        position = _position(self._trainer.progress)
        if self._leads and not self._writer.busy and position != self._saved:
            self._saved, self._saved_at = position, time.monotonic()
            self._writer.save(state, partial(self._store, *position))

    def save_and_wait(self) -> None:
        """Save what is there now, and return when it is safe, or could not be saved."""
        self.wait()
        self.save()
        self.wait()

    def wait(self) -> None:
        """Until no checkpoint is on its way."""
        with grace_period(STORE_SECONDS, urgent=True):
            self._writer.wait()

    def store_weights(self, told: Callable[[], Word | None]) -> StoredFile | None:
        """Store the weights; None where the supervisor did not want to wait for them any more. Raises OSError where
        the storage is away for too long."""
        content, name = self._trainer.packed_weights(), f"{self._folder}/weights.safetensors"

        def store() -> StoredFile | None:
            with grace_period(STORE_SECONDS, urgent=True):
                return None if told() is Word.QUIT else self._storage.put(name, content)

        return store_patiently(store, self._send)

    def _store(self, epoch: int, step: int, content: bytes) -> None:
        """In the writer's thread."""
        name = f"{self._folder}/epoch-{epoch:04}-step-{step:06}.safetensors"
        try:
            file = self._storage.put(name, content)
        except OSError as error:
            self._saved = None
            if not self._failing:  # said once, until one succeeds
                self._send(Trouble(event="checkpoint_failed", message=f"A checkpoint could not be stored: {error}."))
            self._failing = True
        else:
            self._failing = False
            self._send(CheckpointStored(checkpoint=CheckpointFile(file, epoch, step)))


def store_patiently(store: Callable[[], Done], send: Callable[[Report], None]) -> Done:
    """Weights, by `store`. Raises OSError where the storage is away for too long."""
    return _patiently(store, "Its weights cannot be stored yet", send)


def _patiently(do: Callable[[], Done], trouble: str, send: Callable[[Report], None]) -> Done:
    """Try again while that raises OSError, up to PATIENCE_SECONDS; but not where there is no such file."""
    deadline, is_told = time.monotonic() + PATIENCE_SECONDS, False
    while True:
        try:
            return do()
        except FileNotFoundError:
            raise
        except OSError as error:
            if time.monotonic() >= deadline:
                raise
            if not is_told:
                send(Trouble(event="storage_waiting", message=f"{trouble}: {error}."))
                is_told = True
            send(Alive())
            time.sleep(AGAIN_SECONDS)


def _position(progress: Progress) -> tuple[int, int]:
    return progress.epoch, progress.step
